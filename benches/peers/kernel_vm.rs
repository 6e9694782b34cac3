//! This crate, over a page table that is not there.

use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::{MapError, MemoryArea, Permissions, VirtAddr, VirtualMemoryManager};

use super::Store;
use crate::workload::{Entry, PAGE};

pub(crate) struct KernelVm {
    space: VirtualMemoryManager<NoPageTable>,
}

impl Store for KernelVm {
    const NAME: &str = "kernel-vm";

    fn new() -> Self {
        Self {
            space: VirtualMemoryManager::new(NoPageTable::new()),
        }
    }

    fn len(&self) -> usize {
        self.space.memory_maps().count()
    }

    fn lookup(&self, addr: usize) -> Option<u64> {
        let found = self.space.translate_vaddr(VirtAddr::new(addr));
        found.map(|found| found.get())
    }

    fn insert(&mut self, entry: Entry) -> Result<(), MapError> {
        Ok(self.space.add_memory_map(entry.map())?)
    }

    fn unmap(&mut self, area: MemoryArea) -> Result<(), MapError> {
        self.space.unmap(area)
    }

    fn protect(&mut self, area: MemoryArea, permissions: Permissions) -> Result<(), MapError> {
        self.space.protect(area, permissions)
    }

    fn find_gap(&self, size: usize, window: MemoryArea) -> Option<usize> {
        let found = self.space.find_free_area(size, PAGE, window);
        found.map(|found| found.start().get())
    }
}
