//! Switches that ask for a flush.

use kernel_vm::backend::PageTableBackend;
use kernel_vm::backend::mock::machine::Stale;
use kernel_vm::backend::radix::Radix;
use kernel_vm::{Asid, AsidAllocator, AsidSlot};

use super::maps::own;
use super::pages::{WRITE, addr};
use super::stage::{CPUS, Stage, Weakened};
use crate::machine::mmu::Mmu;

/// A space with a page of its own.
struct Space<F: Mmu> {
    table: Radix<F, Weakened<F>>,
    slot: AsidSlot,
}

impl<F: Mmu> Space<F> {
    fn new(stage: &Stage<F>) -> Self {
        let table = Radix::new(stage.platform.clone()).unwrap();
        own(stage, &table, 0, WRITE);
        let slot = AsidSlot::new();
        Self { table, slot }
    }
}

/// One CPU and its ASIDs.
struct Switches<'a, F: Mmu> {
    stage: &'a Stage<F>,
    asids: AsidAllocator<1>,
}

impl<F: Mmu> Switches<'_, F> {
    /// Runs the space, and caches its page.
    fn run(&self, space: &Space<F>) {
        let activation = self.asids.cpu(0).unwrap().switch(&space.slot);
        let cpu = self.stage.machine().cpu(0);
        F::switch(cpu, space.table.root(), activation.asid, activation.flush);
        cpu.prefetch(addr(0));
    }
}

fn switches<F: Mmu>(stage: &Stage<F>, bits: u32) -> Switches<'_, F> {
    let asids = AsidAllocator::new(bits);
    Switches { stage, asids }
}

/// The firmware has left something under the first number.
pub fn first_switch<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let [firmware, space] = [(); 2].map(|()| Space::<F>::new(stage));
    stage.run(firmware.table.root(), Asid::new(1));
    stage.machine().cpu(0).prefetch(addr(0));
    (1..CPUS).for_each(|cpu| F::stop(stage.machine().cpu(cpu)));
    stage.verb(|| switches(stage, 16).run(&space));
    stage.stale()
}

/// Three numbers for four spaces: the fourth has the number that the first had.
pub fn rollover<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let [spaces @ .., last] = [(); 4].map(|()| Space::<F>::new(stage));
    let switches = switches(stage, 2);
    spaces.iter().for_each(|space| switches.run(space));
    stage.verb(|| switches.run(&last));
    assert_eq!(last.slot.asid(), Asid::new(1));
    stage.stale()
}

/// One number for all.
pub fn no_bits<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let [first, second] = [(); 2].map(|()| Space::<F>::new(stage));
    let switches = switches(stage, 0);
    switches.run(&first);
    stage.verb(|| switches.run(&second));
    stage.stale()
}
