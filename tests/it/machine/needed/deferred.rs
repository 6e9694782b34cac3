//! Deferred verbs of the manager, and whoever settles them.

use kernel_vm::backend::PageTableBackend;
use kernel_vm::backend::mock::machine::Stale;
use kernel_vm::backend::radix::Radix;
use kernel_vm::{Access, Answer, Asid, Privilege, Settled, VirtualMemoryMap};

use super::pages::{READ, WRITE, addr, page, pages};
use super::spaces::{Space, add, cached};
use super::stage::Stage;
use crate::machine::mmu::Mmu;

pub fn settle_unmapped<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut space = cached(stage, 2);
    space.unmap_deferred(page(0)).unwrap();
    stage.verb(|| assert_eq!(space.settle(), Settled::Done));
    stage.stale()
}

pub fn settle_protected<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut space = cached(stage, 2);
    space.protect_deferred(page(0), READ).unwrap();
    stage.verb(|| assert_eq!(space.settle(), Settled::Done));
    stage.stale()
}

/// A verb that has a flush of its own.
pub fn settle_first<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut space = cached(stage, 3);
    space.unmap_deferred(page(0)).unwrap();
    stage.verb(|| space.unmap(page(1)).unwrap());
    stage.stale()
}

pub fn settle_for_populate<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut space = cached(stage, 2);
    space.unmap_deferred(page(0)).unwrap();
    stage.verb(|| space.populate(page(1)).unwrap());
    stage.stale()
}

/// A fault at a page that CPUs may still write, as they may the next.
pub fn settle_for_fault<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut space = Space::new(stage.table());
    let map = VirtualMemoryMap::anonymous(pages(0, 2), WRITE).unwrap();
    space.add_memory_map(map).unwrap();
    for n in [0, 1] {
        write_to(&space, n);
        stage.cache(addr(n));
    }
    space.protect_deferred(pages(0, 2), READ).unwrap();
    space.protect_deferred(page(0), WRITE).unwrap();
    stage.verb(|| write_to(&space, 0));
    // CPUs may fault once more at the page that may be written now.
    stage.stale().filter(|stale| !stale.is_spurious)
}

fn write_to<F: Mmu>(space: &Space<F>, n: usize) {
    let answer = space.handle_fault(addr(n), Access::Write, Privilege::Kernel);
    assert!(matches!(answer, Ok(Answer::Resolved { .. })));
}

/// The next owner of the ASID of before finds nothing of the space.
pub fn settle_under_the_old_asid<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut space = cached(stage, 2);
    space.unmap_deferred(page(0)).unwrap();
    stage.verb(|| space.set_asid(Asid::new(7)));
    stage.stale()
}

/// Its maps are gone already.
pub fn drop_deferred<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let [table, next] = [(); 2].map(|()| Radix::<F, _>::new(stage.platform.clone()).unwrap());
    let mut space = Space::new(table);
    space.set_asid(Asid::new(7));
    add(&mut space, page(0), 0x1_0000_0000);
    space.populate(page(0)).unwrap();
    stage.run(space.root_page_table(), space.asid());
    stage.cache(addr(0));
    space.unmap_deferred(page(0)).unwrap();
    stage.run(next.root(), Asid::new(3));
    stage.verb(|| drop(space));
    stage.run(next.root(), Asid::new(7));
    stage.stale()
}
