//! Random operations on the pages of a window.

use std::ptr;

use kernel_vm::{MemoryArea, Permissions, VirtAddr};

pub const PAGE: usize = 4096;

/// Far below where Linux puts anything by itself, and in the lower half of Sv39.
pub const BASE: usize = 64 << 30;

pub const PAGES: usize = 64;

/// The longest operation, in pages.
pub const LONGEST: usize = 16;

/// What a page allows, and whether it is shared.
pub type View = (Permissions, bool);

/// All pages of the window; `None`: nothing is there.
pub type Views = [Option<View>; PAGES];

/// Pages of the window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub first: usize,
    pub count: usize,
}

#[derive(Clone, Copy, Debug)]
pub enum Op {
    Map(Span, View),
    Unmap(Span),
    Protect(Span, Permissions),
    /// Linux moves pages of one of its regions, so `old` lies in one.
    Move {
        old: Span,
        new: Span,
    },
    /// Grows, or shrinks, to so many pages where it is.
    Resize {
        old: Span,
        count: usize,
    },
}

impl Span {
    /// All pages of the window.
    pub const WINDOW: Self = Self {
        first: 0,
        count: PAGES,
    };

    pub fn end(self) -> usize {
        self.first + self.count
    }

    pub fn start(self) -> *mut libc::c_void {
        ptr::without_provenance_mut(BASE + self.first * PAGE)
    }

    pub fn bytes(self) -> usize {
        self.count * PAGE
    }

    pub fn area(self) -> MemoryArea {
        MemoryArea::from_start_size(VirtAddr::new(BASE + self.first * PAGE), self.bytes()).unwrap()
    }

    pub fn overlaps(self, other: Self) -> bool {
        self.first < other.end() && other.first < self.end()
    }
}

/// Small and good enough: xorshift64*.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(mixed).unwrap() % limit
    }

    /// Some pages of `whole`.
    pub fn part(&mut self, whole: Span) -> Span {
        let count = 1 + self.below(whole.count.min(LONGEST));
        let first = whole.first + self.below(whole.count - count + 1);
        Span { first, count }
    }

    pub fn span(&mut self) -> Span {
        self.part(Span::WINDOW)
    }

    pub fn permissions(&mut self) -> Permissions {
        let bits = u8::try_from(self.below(8)).unwrap();
        Permissions::from_bits_truncate(bits)
    }

    pub fn op(&mut self, regions: &[Span]) -> Op {
        let region = regions.get(self.below(regions.len().max(1)));
        match (self.below(16), region) {
            (0..5, _) | (_, None) => Op::Map(self.span(), (self.permissions(), self.below(2) == 0)),
            (5..8, _) => Op::Unmap(self.span()),
            (8..10, _) => Op::Protect(self.span(), self.permissions()),
            (10..12, Some(&region)) => Op::Protect(self.part(region), self.permissions()),
            (_, Some(&region)) => self.remap(region),
        }
    }

    pub fn remap(&mut self, region: Span) -> Op {
        let old = self.part(region);
        let new = self.span();
        if self.below(2) == 0 || new.overlaps(old) {
            let count = new.count.min(PAGES - old.first);
            return Op::Resize { old, count };
        }
        Op::Move { old, new }
    }
}
