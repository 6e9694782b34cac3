//! This crate's page faults.

use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{
    Access, Answer, Done, Frame, MemoryArea, Permissions, PhysAddr, Privilege, VirtAddr,
    VirtualMemoryManager, VirtualMemoryMap,
};

use super::layout::{BLOCK, Layout, PAGE, area, block};
use super::platform::alloc;
use super::{Memory, Outcome, Source, Space};

pub(crate) struct KernelVm<P: Source> {
    space: VirtualMemoryManager<Sv39<P>>,
    memory: Memory,
    /// The frame of all pages that are shared.
    file: Frame,
}

fn map(area: MemoryArea, memory: Memory) -> VirtualMemoryMap {
    let allowed = Permissions::READ | Permissions::WRITE | Permissions::USER;
    let map = match memory {
        Memory::Anonymous => VirtualMemoryMap::anonymous(area, allowed),
        Memory::Provided => VirtualMemoryMap::provided(area, 0, allowed, false),
        Memory::Physical => {
            let first = PhysAddr::new(PHYSICAL + area.start().get() as u64);
            let pmarea = MemoryArea::from_start_size(first, area.size());
            VirtualMemoryMap::new(area, pmarea.expect("below 2^56"), allowed, false)
        }
    };
    map.expect("pages")
}

/// How far physical memory is behind the pages: no leaf can be larger than a page.
pub(super) const PHYSICAL: u64 = (64 << 30) + PAGE as u64;

impl<P: Source> Space for KernelVm<P> {
    const NAME: &str = "kernel-vm";

    fn new(layout: &Layout, memory: Memory) -> Self {
        let platform = P::new();
        let file = alloc(&platform);
        let table = Sv39::new(platform).expect("the arena is larger");
        let mut space = VirtualMemoryManager::new(table);
        space.set_fault_around(BLOCK * PAGE);
        for &area in &layout.maps {
            space.add_memory_map(map(area, memory)).expect("apart");
        }
        let mut made = Self {
            space,
            memory,
            file,
        };
        for &page in &layout.anchors {
            if memory == Memory::Provided {
                made.share(page);
            } else {
                made.fault(page, Access::Write);
            }
        }
        made
    }

    #[inline]
    fn fault(&mut self, addr: usize, access: Access) -> Outcome {
        let answer = self
            .space
            .handle_fault(VirtAddr::new(addr), access, Privilege::User);
        match answer {
            Ok(Answer::Resolved { done, .. }) => match done {
                Done::Mapped => Outcome::Mapped,
                Done::Zeroed => Outcome::Zeroed,
                Done::Copied => Outcome::Copied,
                _ => Outcome::Refused,
            },
            Ok(Answer::Spurious { .. }) => Outcome::Spurious,
            _ => Outcome::Refused,
        }
    }

    fn share(&mut self, page: usize) {
        let answer = self
            .space
            .handle_fault(VirtAddr::new(page), Access::Read, Privilege::User);
        let Ok(Answer::NeedsFrame { ticket, .. }) = answer else {
            panic!("a page is wanted");
        };
        let frame = self.space.backend().platform().share_frame(&self.file);
        let supplied = self.space.supply(ticket, frame.expect("counted"));
        assert_eq!(supplied, Ok(Done::Mapped));
    }

    fn forget(&mut self, page: usize) {
        let area = match self.memory {
            Memory::Physical => block(page),
            Memory::Anonymous | Memory::Provided => area(page, 1),
        };
        self.space.discard(area).expect("whole pages");
    }
}
