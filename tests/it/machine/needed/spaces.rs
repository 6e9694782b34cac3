//! Verbs of the manager.

use kernel_vm::backend::PageTableBackend;
use kernel_vm::backend::mock::machine::Stale;
use kernel_vm::backend::radix::Radix;
use kernel_vm::{Asid, MemoryArea, VirtualMemoryManager};

use super::maps::own;
use super::pages::{PAGE, READ, WRITE, addr, page, pages};
use super::stage::{Stage, Weakened};
use crate::machine::mmu::Mmu;
use crate::subject::map;

pub type Space<F> = VirtualMemoryManager<Radix<F, Weakened<F>>>;

pub fn add<F: Mmu>(space: &mut Space<F>, area: MemoryArea, first: u64) {
    let map = map(area.start().get(), first, area.size(), WRITE);
    space.add_memory_map(map).unwrap();
}

/// A space with a map of some pages, which are populated and cached.
pub fn cached<F: Mmu>(stage: &Stage<F>, count: usize) -> Space<F> {
    let mut space = Space::new(stage.table());
    add(&mut space, pages(0, count), 0x1_0000_0000);
    space.populate(pages(0, count)).unwrap();
    (0..count).for_each(|n| stage.cache(addr(n)));
    space
}

pub fn unmap<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut space = cached(stage, 2);
    stage.verb(|| space.unmap(page(0)).unwrap());
    stage.stale()
}

pub fn replace<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut space = cached(stage, 2);
    let other = map(addr(0).get(), 0x2_0000_0000, PAGE, WRITE);
    stage.verb(|| space.replace_memory_map(other).unwrap());
    stage.stale()
}

pub fn protect<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut space = cached(stage, 2);
    stage.verb(|| space.protect(page(0), READ).unwrap());
    stage.stale()
}

pub fn remove<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut space = cached(stage, 2);
    stage.verb(|| space.remove_memory_map(0).unwrap());
    stage.stale()
}

pub fn remove_all<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut space = cached(stage, 2);
    stage.verb(|| drop(space.remove_all_memory_maps()));
    stage.stale()
}

pub fn populate<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut space = cached(stage, 1);
    add(&mut space, page(4), 0x2_0000_0000);
    stage.cache(addr(4));
    stage.verb(|| space.populate(page(4)).unwrap());
    stage.stale()
}

/// To where CPUs have seen that nothing is.
pub fn remap<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut space = cached(stage, 2);
    stage.cache(addr(8));
    stage.verb(|| space.remap(page(0), page(8)).unwrap());
    stage.stale()
}

/// Onto a page whose frame the page table owns.
pub fn remap_onto_frames<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut space = cached(stage, 2);
    own(stage, space.backend(), 8, WRITE);
    stage.cache(addr(8));
    stage.verb(|| space.remap(page(0), page(8)).unwrap());
    stage.stale()
}

/// Whoever gets the ASID of a space that is gone finds nothing of it.
pub fn drop_space<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let [table, next] = [(); 2].map(|()| Radix::<F, _>::new(stage.platform.clone()).unwrap());
    let mut space = Space::new(table);
    space.set_asid(Asid::new(7));
    add(&mut space, page(0), 0x1_0000_0000);
    space.populate(page(0)).unwrap();
    stage.run(space.root_page_table(), space.asid());
    stage.cache(addr(0));
    stage.run(next.root(), Asid::new(3));
    stage.verb(|| drop(space));
    stage.run(next.root(), Asid::new(7));
    stage.stale()
}
