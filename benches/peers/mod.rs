//! What a kernel's author could pick, each used as its own documentation has it, behind one trait.

mod btreemap;
mod duty;
mod kernel_vm;
mod memory_set;
mod nodit;
mod plain_scan;
mod rangemap;
mod sorted_vec;
mod stores;

use ::kernel_vm::{MapError, MemoryArea, Permissions};

use crate::workload::{Entry, PAGE};

pub(crate) use duty::Duty;
pub(crate) use stores::{Lazy, Stores, Visitor};

/// Areas that do not overlap, and what a kernel does with them.
///
/// All have the same duties: they check what the manager checks, keep the same content, answer translated addresses,
/// split with the right physical address, and refuse what conflicts.
pub(crate) trait Store: Sized {
    /// The function's name in criterion's files.
    const NAME: &str;

    /// The most areas that are worth the wait.
    const MOST: usize = usize::MAX;

    fn new() -> Self;

    /// How many areas there are.
    fn len(&self) -> usize;

    /// Where `addr` leads.
    fn lookup(&self, addr: usize) -> Option<u64>;

    /// Adds an area where none is. It becomes one with its neighbours where it continues them, if the store can.
    fn insert(&mut self, entry: Entry) -> Result<(), MapError>;

    /// Takes out whatever lies in `area`: any part of any number of areas, and holes.
    fn unmap(&mut self, area: MemoryArea) -> Result<(), MapError>;

    /// Changes whatever lies in `area`, in which there is no hole.
    fn protect(&mut self, area: MemoryArea, permissions: Permissions) -> Result<(), MapError>;

    /// The lowest place in `window` for `size` bytes.
    fn find_gap(&self, size: usize, window: MemoryArea) -> Option<usize>;

    /// A store with these areas, added in this order.
    fn filled(entries: &[Entry]) -> Self {
        let mut store = Self::new();
        for &entry in entries {
            store.insert(entry).expect("the areas are disjoint");
        }
        store
    }

    /// Takes a whole area out and puts it back.
    fn remove_insert(&mut self, whole: &Entry) -> Result<(), MapError> {
        self.unmap(whole.area)?;
        self.insert(*whole)
    }

    /// Takes a page out of the middle of `whole` and puts it back: `whole` is one area again.
    fn unmap_middle(&mut self, _whole: &Entry, page: &Entry) -> Result<(), MapError> {
        self.unmap(page.area)?;
        self.insert(*page)
    }

    /// Changes a page in the middle of `whole` and changes it back: `whole` is one area again.
    fn protect_middle(
        &mut self,
        _whole: &Entry,
        page: &Entry,
        permissions: Permissions,
    ) -> Result<(), MapError> {
        self.protect(page.area, permissions)?;
        self.protect(page.area, page.permissions)
    }
}

/// The lowest place for `size` bytes in `from..=end`, for stores without a search of their own: a walk over `areas`,
/// the first and last bytes of those after `from` in address order. Not inlined, the walk would take twice as long.
#[inline(always)]
fn first_gap(
    size: usize,
    from: usize,
    end: usize,
    areas: impl Iterator<Item = (usize, usize)>,
) -> Option<usize> {
    let highest = end.checked_sub(size - 1)?;
    let mut place = from.next_multiple_of(PAGE);
    for (first, last) in areas {
        if place + size <= first || place > highest {
            break;
        }
        place = (last + 1).next_multiple_of(PAGE);
    }
    (place <= highest).then_some(place)
}
