//! x86-64 page tables under random edits, read by the `x86_64` crate.

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::x86_64::X86_64;
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{Asid, Attributes, FrameAllocator, MemoryType, Permissions, PhysAddr, VirtAddr};
use x86_64::structures::paging::mapper::{MappedPageTable, PageTableFrameMapping, TranslateResult};
use x86_64::structures::paging::{PageTable, PageTableFlags, PhysFrame, Translate};

use super::subject::{PAGE, pages};

/// Pages around the border of two tables, and of a large leaf.
const FIRST: usize = 512 - 8;
const PAGES: usize = 512 + 16;

struct Reader(HostFrames);

#[expect(unsafe_code, reason = "the promises of the trait")]
// SAFETY: `reach` answers a pointer to the bytes of a frame that is in use, and tables are.
unsafe impl PageTableFrameMapping for Reader {
    fn frame_to_pointer(&self, frame: PhysFrame) -> *mut PageTable {
        let at = PhysAddr::new(frame.start_address().as_u64());
        self.0.reach(at).cast().as_ptr()
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % bound
    }
}

fn permissions(random: &mut Random) -> Permissions {
    const ALLOWED: [u8; 10] = [0, 1, 3, 5, 7, 8, 9, 11, 13, 15];
    Permissions::from_bits_retain(ALLOWED[random.below(ALLOWED.len())])
}

fn memory_type(random: &mut Random) -> MemoryType {
    let types = [
        MemoryType::Normal,
        MemoryType::NonCacheable,
        MemoryType::Device,
    ];
    types[random.below(types.len())]
}

/// What the peer says of a page: where it leads, what it allows and how it is cached. `None` unless it is mapped.
fn read(reader: &MappedPageTable<'_, Reader>, page: usize) -> Option<(u64, Attributes)> {
    let addr = x86_64::VirtAddr::new((page * PAGE) as u64);
    let TranslateResult::Mapped {
        frame,
        offset,
        flags,
    } = reader.translate(addr)
    else {
        return None;
    };
    // The peer takes any word that is not 0 for a leaf. An MMU does not.
    if !flags.contains(PageTableFlags::PRESENT) {
        return None;
    }
    let mut permissions = Permissions::READ;
    for (permission, is_allowed) in [
        (Permissions::WRITE, flags.contains(PageTableFlags::WRITABLE)),
        (
            Permissions::EXECUTE,
            !flags.contains(PageTableFlags::NO_EXECUTE),
        ),
        (
            Permissions::USER,
            flags.contains(PageTableFlags::USER_ACCESSIBLE),
        ),
    ] {
        permissions.set(permission, is_allowed);
    }
    let is_uncached = flags.contains(PageTableFlags::NO_CACHE);
    let memory_type = match (is_uncached, flags.contains(PageTableFlags::WRITE_THROUGH)) {
        (false, false) => MemoryType::Normal,
        (true, false) => MemoryType::NonCacheable,
        (true, true) => MemoryType::Device,
        (false, true) => panic!("write-through"),
    };
    let first = frame.start_address().as_u64() + offset;
    Some((first, Attributes::new(permissions, memory_type)))
}

fn ours(table: &X86_64<HostFrames>, page: usize) -> Option<(u64, Attributes)> {
    let addr = VirtAddr::new(page * PAGE);
    match table.entry(addr) {
        Entry::Leaf(run) => Some((run.translate(addr)?.get(), run.attributes)),
        _ => None,
    }
}

#[expect(unsafe_code, reason = "the peer looks at tables that it does not own")]
fn compare(table: &X86_64<HostFrames>) -> usize {
    let root = table.platform().reach(table.root()).cast::<PageTable>();
    // SAFETY: the root is in a frame that is in use, and nobody else looks at it while this borrow is there.
    let root = unsafe { &mut *root.as_ptr() };
    // SAFETY: all tables below are in frames that `Reader` reaches; this is used to look only.
    let reader = unsafe { MappedPageTable::new(root, Reader(table.platform().clone())) };
    let seen: Vec<_> = (FIRST..FIRST + PAGES)
        .map(|page| read(&reader, page))
        .collect();
    for (page, seen) in (FIRST..).zip(&seen) {
        assert_eq!(*seen, ours(table, page), "page {page}");
    }
    seen.iter().flatten().count()
}

#[test]
fn the_x86_64_crate_reads_what_was_mapped() {
    let mut random = Random(42);
    let mut mapped = 0;
    for _ in 0..20 {
        let mut table = X86_64::new(HostFrames::new(64)).unwrap();
        for _ in 0..60 {
            let whole = random.below(4) == 0;
            let (first, count) = if whole {
                (512, 512)
            } else {
                let first = random.below(PAGES - 8);
                (FIRST + first, 1 + random.below(8))
            };
            let area = pages(first, count);
            let edit = match random.below(4) {
                0 => Edit::Unmap(area),
                1 => Edit::Protect(area, permissions(&mut random)),
                _ => Edit::Map(Run {
                    area,
                    first: PhysAddr::new((random.below(2) * (1 << 30) + first * PAGE) as u64),
                    attributes: Attributes::new(permissions(&mut random), memory_type(&mut random)),
                }),
            };
            table.edit(edit, Asid::new(0)).unwrap();
            mapped += compare(&table);
        }
    }
    assert!(mapped > 100_000, "{mapped} pages were read");
}
