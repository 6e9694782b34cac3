//! Any bytes as tables: the machine answers something, and never panics.

use kernel_vm::backend::mock::machine::Machine;
use kernel_vm::{Access, Asid, FRAME_SIZE, Frame, FrameAllocator, PhysAddr, VirtAddr};

use super::mmu::{Mmu, machine};

/// A word for one of four tables.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    word: u64,
    index: usize,
    table: usize,
    /// Whether it leads to one of these tables, so that walks get somewhere.
    leads_here: bool,
}

impl From<(u64, u16, u8, bool)> for Word {
    fn from((word, index, table, leads_here): (u64, u16, u8, bool)) -> Self {
        Self {
            word,
            index: usize::from(index) % 512,
            table: usize::from(table) % 4,
            leads_here,
        }
    }
}

/// Tables of such words, on a machine of their own. Its first CPU runs on them; the last never translates.
pub struct Junk<F: Mmu> {
    machine: Machine<F::Cpus>,
    frames: [Option<Frame>; 4],
}

impl<F: Mmu> Junk<F> {
    pub fn new(cpus: F::Cpus, seed: u64, words: &[Word]) -> Self {
        let machine = machine::<F>(8, seed, cpus);
        let frames = [(); 4].map(|()| machine.alloc().unwrap());
        let at = [0, 1, 2, 3].map(|n: usize| frames[n].addr());
        let store = |at: PhysAddr, bytes: &[u8]| {
            let at = VirtAddr::new(usize::try_from(at.get()).unwrap());
            machine.cpu(usize::MAX).store(at, bytes).unwrap();
        };
        at.into_iter()
            .for_each(|table| store(table, &[0; FRAME_SIZE]));
        for place in words {
            let word = if place.leads_here {
                F::link(place.word, at[(place.word >> 20) as usize % 4])
            } else {
                place.word
            };
            let slot = at[place.table].get() + 8 * place.index as u64;
            store(PhysAddr::new(slot), &word.to_le_bytes());
        }
        F::run(machine.cpu(0), at[0], Asid::new(1));
        Self {
            machine,
            frames: frames.map(Some),
        }
    }

    /// Accesses what is there, in every way. Every other address is a low one. Where the CPU leaves words and what it
    /// has cached as they are, its answer must be one that it had announced.
    pub fn look(&self, addrs: &[usize], leaves_words: bool) {
        let cpu = self.machine.cpu(0);
        for (number, &addr) in addrs.iter().enumerate() {
            let low = addr % (512 * FRAME_SIZE);
            let vaddr = VirtAddr::new(if number % 2 == 0 { low } else { addr });
            for access in [Access::Read, Access::Write, Access::Execute] {
                let look = cpu.look(vaddr, access);
                let outcomes = cpu.outcomes(vaddr, access);
                let is_known = outcomes.contains(&look.seen) || !leaves_words;
                assert!(is_known, "{look:?} {outcomes:?}");
            }
            let _ = cpu.load_u64(vaddr);
            let _ = cpu.store_u64(vaddr, u64::MAX);
            cpu.prefetch(vaddr);
            F::forget_page(cpu, vaddr);
            let _ = (self.machine.stale(), self.machine.conflict());
        }
    }
}

impl<F: Mmu> Drop for Junk<F> {
    fn drop(&mut self) {
        F::stop(self.machine.cpu(0));
        let frames = self.frames.iter_mut().filter_map(Option::take);
        frames.for_each(|frame| self.machine.release(frame, false));
    }
}
