//! Forks by this crate.

use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{
    Access, Answer, Counted, Done, Inherit, MemoryArea, Permissions, Privilege, VirtAddr,
    VirtualMemoryManager, VirtualMemoryMap,
};

use super::forks::Forks;
use super::layout::PAGE;
use super::paged::Paged;

/// This crate.
pub(crate) struct ManagedForks(VirtualMemoryManager<Sv39<&'static Counted<Paged>>>);

fn write(space: &ManagedForks, page: usize, wanted: Done) {
    let answer = space
        .0
        .handle_fault(VirtAddr::new(page), Access::Write, Privilege::User);
    match answer {
        Ok(Answer::Resolved { done, .. }) => assert_eq!(done, wanted),
        answer => panic!("{answer:?}"),
    }
}

fn pages(areas: &[MemoryArea]) -> impl Iterator<Item = usize> {
    let ranges = areas
        .iter()
        .map(|area| (area.start().get()..=area.end().get()).step_by(PAGE));
    ranges.flatten()
}

impl Forks for ManagedForks {
    const NAME: &str = "kernel-vm";

    fn new(areas: &[MemoryArea]) -> Self {
        let table = Sv39::new(Paged::counted()).expect("the arena is larger");
        let mut space = Self(VirtualMemoryManager::new(table));
        for &area in areas {
            let allowed = Permissions::READ | Permissions::WRITE | Permissions::USER;
            let map = VirtualMemoryMap::anonymous(area, allowed).expect("pages");
            space.0.add_memory_map(map).expect("apart");
        }
        pages(areas).for_each(|page| write(&space, page, Done::Zeroed));
        space
    }

    fn fork(&mut self) -> Self {
        let table = Sv39::new(Paged::counted()).expect("the arena is larger");
        let mut child = VirtualMemoryManager::new(table);
        let forked = self.0.fork_into(&mut child, Inherit::posix);
        forked.expect("the arena is larger");
        Self(child)
    }

    fn write(&mut self, page: usize) {
        write(self, page, Done::Copied);
    }

    fn settle(&mut self, areas: &[MemoryArea]) {
        pages(areas).for_each(|page| write(self, page, Done::Reused));
    }
}
