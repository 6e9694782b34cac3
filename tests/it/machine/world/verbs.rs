//! What each operation does.

use kernel_vm::backend::Paging;
use kernel_vm::backend::radix::Radix;
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{
    Asid, Attributes, FRAME_SIZE, FrameAllocator, MapError, MemoryArea, Permissions, PhysAddr,
    VirtualMemoryMap,
};

use super::op::{Op, Verb};
use super::platform::{CPUS, SpacePlatform};
use super::{Mmu, SPACES, World};

/// Where physical memory begins that is not there, aligned as the virtual addresses are. Every format reaches it.
const DEVICES: u64 = 1 << 46;

impl<F: Mmu> World<F> {
    pub(super) fn verb(&mut self, op: &Op) {
        let number = self.space_of(op);
        match op.verb {
            Verb::Switch(cpu) => self.switch(cpu % CPUS, number),
            Verb::Access => {}
            Verb::Renew => self.renew(number),
            Verb::Settle => self.settle(number),
            Verb::Fault => self.fault(number, op),
            Verb::Install => {
                install(
                    self.spaces[number].manager.backend(),
                    op.area,
                    op.permissions,
                );
            }
            Verb::Exchange => {
                exchange(
                    self.spaces[number].manager.backend(),
                    op.area,
                    op.permissions,
                );
            }
            Verb::MapKernel
            | Verb::UnmapKernel
            | Verb::ProtectKernel
            | Verb::InstallKernel
            | Verb::ExchangeKernel => self.kernel_verb(op),
            _ => {
                // What a verb refuses has changed nothing, which is looked at afterwards.
                let _ = self.space_verb(number, op);
            }
        }
        if op.verb.settles() {
            self.spaces[number].running.waits.borrow_mut().settle();
        }
    }

    fn space_verb(&mut self, number: usize, op: &Op) -> Result<(), MapError> {
        let space = &mut self.spaces[number].manager;
        let map = |map: Run| {
            let pmarea = MemoryArea::from_start_size(map.first, map.area.size()).unwrap();
            VirtualMemoryMap::new(map.area, pmarea, map.attributes.permissions, false).unwrap()
        };
        match op.verb {
            Verb::Add => {
                space.add_memory_map(map(op.run(op.area)))?;
                space.populate(op.area)
            }
            Verb::Replace => {
                space.replace_memory_map(map(op.run(op.area)))?;
                space.populate(op.area)
            }
            Verb::Unmap => space.unmap(op.area),
            Verb::Protect => space.protect(op.area, op.permissions),
            Verb::UnmapDeferred | Verb::ProtectDeferred => self.defer(number, op),
            Verb::Remap => space.remap(op.area, op.other),
            Verb::Populate => space.populate(op.area),
            Verb::Remove(index) => {
                let _ = space.remove_memory_map(index % 8);
                Ok(())
            }
            Verb::RemoveAll => {
                drop(space.remove_all_memory_maps());
                Ok(())
            }
            Verb::RemoveAllAndRestore => {
                let maps: Vec<_> = space.remove_all_memory_maps().collect();
                space.restore_memory_maps(maps)?;
                space.populate(op.area)
            }
            _ => Ok(()),
        }
    }

    /// The space goes, and another comes. Nobody runs it: CPUs that did run another one.
    fn renew(&mut self, space: usize) {
        for cpu in 0..CPUS {
            if self.running[cpu] == Some(space) {
                self.switch(cpu, (space + 1) % SPACES);
            }
        }
        let next = self.space();
        self.spaces[space] = next;
    }

    fn kernel_verb(&mut self, op: &Op) {
        let area = op.kernel_area();
        let edit = match op.verb {
            Verb::InstallKernel => return install(&self.kernel, area, op.permissions),
            Verb::ExchangeKernel => return exchange(&self.kernel, area, op.permissions),
            Verb::MapKernel => Edit::Map(op.run(area)),
            Verb::ProtectKernel => Edit::Protect(area, op.permissions),
            _ => Edit::Unmap(area),
        };
        let _ = self.kernel.edit(edit, Asid::new(0));
    }
}

impl Op {
    /// Physical memory for `area`, at one of two places.
    fn run(&self, area: MemoryArea) -> Run {
        let to = (area.start().get() & 0xffff_ffff) as u64;
        Run {
            area,
            first: PhysAddr::new(DEVICES + ((self.number as u64 & 1) << 40) + to),
            attributes: attributes(self.permissions),
        }
    }
}

fn attributes(permissions: Permissions) -> Attributes {
    Attributes::from(permissions)
}

/// The first page of `area` gets a frame that is the page table's own, if nothing is there.
pub(super) fn install<F: Mmu>(
    table: &Radix<F, SpacePlatform<F>>,
    area: MemoryArea,
    permissions: Permissions,
) {
    let shared = &table.platform().shared;
    let (page, attributes) = (area.start(), attributes(permissions));
    let run = Run {
        area: MemoryArea::from_start_size(page, FRAME_SIZE).unwrap(),
        first: PhysAddr::new(DEVICES),
        attributes,
    };
    let Ok(mut reserved) = table.reserve([Edit::Map(run)].into_iter()) else {
        return;
    };
    if let Some(frame) = shared.stamped() {
        if let Err(lost) = table.install(page, frame, attributes, &mut reserved) {
            table.platform().release(lost.into_frame(), false);
        }
    }
    table.unreserve(reserved);
}

/// The first page of `area` gets another frame, if it has one.
fn exchange<F: Mmu>(
    table: &Radix<F, SpacePlatform<F>>,
    area: MemoryArea,
    permissions: Permissions,
) {
    let platform = table.platform();
    let (Entry::Leaf(old) | Entry::Hidden(old)) = table.entry(area.start()) else {
        return;
    };
    let Some(frame) = platform.shared.stamped() else {
        return;
    };
    let exchanged = table.exchange(old, frame, attributes(permissions), Asid::new(0));
    let left = match exchanged {
        Ok(back) => back.map(|back| back.frame),
        Err(lost) => Some(lost.into_frame()),
    };
    left.into_iter()
        .for_each(|frame| platform.release(frame, false));
}
