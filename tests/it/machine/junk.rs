//! Any bytes as tables: the machine answers something, and never panics.

use kernel_vm::backend::mock::machine::Extensions;
use kernel_vm::backend::riscv::Mode;
use kernel_vm::{Access, FRAME_SIZE, Frame, FrameAllocator, PhysAddr, VirtAddr};

use super::tables::{Tables, clear, machine, write};

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

/// Tables of such words, on a machine of their own.
pub struct Junk {
    tables: Tables,
    extensions: Extensions,
    frames: [Option<Frame>; 4],
}

impl Junk {
    pub fn new(mode: Mode, extensions: Extensions, seed: u64, words: &[Word]) -> Self {
        let machine = machine(8, seed, extensions);
        let frames = [(); 4].map(|()| machine.alloc().unwrap());
        let at = [0, 1, 2, 3].map(|n: usize| frames[n].addr());
        at.into_iter().for_each(|table| clear(&machine, table));
        for place in words {
            let ppn = at[(place.word >> 20) as usize % 4].get() >> 12 << 10;
            let word = if place.leads_here {
                ppn | place.word & 0x3ff
            } else {
                place.word
            };
            let slot = at[place.table].get() + 8 * place.index as u64;
            write(&machine, PhysAddr::new(slot), word);
        }
        let root = at[0];
        let tables = Tables {
            machine,
            mode,
            root,
        };
        Self {
            tables,
            extensions,
            frames: frames.map(Some),
        }
    }

    /// Accesses what is there, in every way. Every other address is a low one.
    pub fn look(&self, addrs: &[usize]) {
        let cpu = self.tables.cpu(0);
        for (number, &addr) in addrs.iter().enumerate() {
            let low = addr % (512 * FRAME_SIZE);
            let vaddr = VirtAddr::new(if number % 2 == 0 { low } else { addr });
            for access in [Access::Read, Access::Write, Access::Execute] {
                let look = cpu.look(vaddr, access);
                let outcomes = cpu.outcomes(vaddr, access);
                let is_known = outcomes.contains(&look.seen) || self.extensions.svadu;
                assert!(is_known, "{look:?} {outcomes:?}");
            }
            let _ = cpu.load_u64(vaddr);
            let _ = cpu.store_u64(vaddr, u64::MAX);
            cpu.prefetch(vaddr);
            cpu.sfence_vma(Some(vaddr), None);
            let _ = self.tables.machine.stale();
        }
    }
}

impl Drop for Junk {
    fn drop(&mut self) {
        let machine = &self.tables.machine;
        machine.cpu(0).write_satp(0);
        let frames = self.frames.iter_mut().filter_map(Option::take);
        frames.for_each(|frame| machine.release(frame, false));
    }
}
