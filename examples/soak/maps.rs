//! Maps alone.

use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::testing::Subject;
use kernel_vm::{MemoryArea, VirtualMemoryManager};

type Space = VirtualMemoryManager<NoPageTable>;

/// A space without a page table: it has room for its pages, and for no others.
pub(crate) struct Maps(Space);

impl Maps {
    pub(crate) fn new(window: MemoryArea) -> Self {
        Self(Space::new(NoPageTable::over([window])))
    }
}

impl Subject for Maps {
    type Table = NoPageTable;
    type Payload = ();

    const HAS_ENTRIES: bool = false;

    fn look<R>(&self, look: impl FnOnce(&Space) -> R) -> R {
        look(&self.0)
    }

    fn change<R>(&mut self, change: impl FnOnce(&mut Space) -> R) -> R {
        change(&mut self.0)
    }

    fn payload(&self, _area: MemoryArea) {}
}
