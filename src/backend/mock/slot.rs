//! The entry of one page, and what goes with it.

use super::page::Page;
use crate::backend::lost::Replaced;
use crate::backend::run::{Entry, Run};
use crate::frame::Frame;
use crate::permissions::{Access, Permissions};

/// An entry that is not empty.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) page: Page,
    /// The one reference to the page's frame, where that is the mock's own.
    pub(super) owned: Option<Frame>,
    pub(super) used: Used,
    /// Whether it waits for its flush: it leads nowhere any more, and TLBs may still say where it led.
    pub(super) is_busy: bool,
}

/// The use of a page since it was mapped.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    pub(super) accessed: bool,
    pub(super) dirty: bool,
}

impl Slot {
    /// A new entry; its page was not used yet.
    pub(super) fn new(page: Page, owned: Option<Frame>) -> Self {
        Self {
            page,
            owned,
            used: Used::default(),
            is_busy: false,
        }
    }

    /// The entry of the page with this number, as a page table answers it.
    pub(super) fn entry(&self, number: usize) -> Entry {
        let run = self.page.run(number);
        if self.is_busy {
            Entry::Busy
        } else if self.page.is_valid() {
            Entry::Leaf(run)
        } else {
            Entry::Hidden(run)
        }
    }

    /// The run of a leaf, hidden or not; `None` while the entry is busy.
    pub(super) fn run(&self, number: usize) -> Option<Run> {
        (!self.is_busy).then(|| self.page.run(number))
    }

    /// The frame, if it is owned.
    pub(super) fn into_replaced(self) -> Option<Replaced> {
        let dirty = self.used.dirty;
        self.owned.map(|frame| Replaced { frame, dirty })
    }

    /// Whether the MMU may use it.
    pub(super) const fn is_valid(&self) -> bool {
        !self.is_busy && self.page.is_valid()
    }

    /// What it allows after a change to `wanted`: an owned page that could not be written stays so, as its frame may
    /// have other owners.
    pub(super) fn allowed(&self, wanted: Permissions) -> Permissions {
        let before = self.page.attributes.permissions;
        if self.owned.is_none() || before.contains(Permissions::WRITE) {
            wanted
        } else {
            wanted - Permissions::WRITE
        }
    }
}

impl Used {
    /// Marks an access; false when that was marked before.
    pub(super) fn mark(&mut self, access: Access) -> bool {
        let is_write = access == Access::Write;
        let is_new = !self.accessed || (is_write && !self.dirty);
        self.accessed = true;
        self.dirty |= is_write;
        is_new
    }
}
