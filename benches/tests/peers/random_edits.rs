//! Random edits around the border of two tables and of a large leaf, for formats that a peer reads.

use kernel_vm::backend::{Edit, PageTableBackend, Run};
use kernel_vm::{Asid, Attributes, MemoryType, Permissions, PhysAddr};

use super::subject::{PAGE, pages};

pub const FIRST: usize = 512 - 8;
pub const PAGES: usize = 512 + 16;

/// Where a page leads, what it allows and how it is cached.
pub type Found = (u64, Attributes);

pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % bound
    }

    fn permissions(&mut self) -> Permissions {
        const ALLOWED: [u8; 10] = [0, 1, 3, 5, 7, 8, 9, 11, 13, 15];
        Permissions::from_bits_retain(ALLOWED[self.below(ALLOWED.len())])
    }

    fn memory_type(&mut self) -> MemoryType {
        let types = [
            MemoryType::Normal,
            MemoryType::NonCacheable,
            MemoryType::Device,
        ];
        types[self.below(types.len())]
    }

    fn edit(&mut self) -> Edit {
        let (first, count) = if self.below(4) == 0 {
            (512, 512)
        } else {
            (FIRST + self.below(PAGES - 8), 1 + self.below(8))
        };
        let area = pages(first, count);
        match self.below(4) {
            0 => Edit::Unmap(area),
            1 => Edit::Protect(area, self.permissions()),
            _ => Edit::Map(Run {
                area,
                first: PhysAddr::new((self.below(2) * (1 << 30) + first * PAGE) as u64),
                attributes: Attributes::new(self.permissions(), self.memory_type()),
            }),
        }
    }
}

/// Edits twenty page tables at random, and lets `compare` look after each edit. Answers the sum of what it answers.
pub fn edit_at_random<B: PageTableBackend>(
    make: impl Fn() -> B,
    compare: impl Fn(&B) -> usize,
) -> usize {
    let mut random = Random(42);
    let mut sum = 0;
    for _ in 0..20 {
        let mut table = make();
        for _ in 0..60 {
            table.edit(random.edit(), Asid::new(0)).unwrap();
            sum += compare(&table);
        }
    }
    sum
}
