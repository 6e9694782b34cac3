//! A machine of x86-64 CPUs, and tables written into it word by word.

use kernel_vm::backend::mock::machine::{Cpu, Exception, Levels, Machine, Trap, X86_64};
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::{Access, FRAME_SIZE, FrameAllocator, PhysAddr, VirtAddr};

use crate::machine::mmu::machine;

pub const P: u64 = 1;
pub const RW: u64 = 1 << 1;
pub const US: u64 = 1 << 2;
pub const A: u64 = 1 << 5;
pub const D: u64 = 1 << 6;
pub const PS: u64 = 1 << 7;
pub const G: u64 = 1 << 8;
pub const XD: u64 = 1 << 63;

/// In an answer: not a page fault's error code, but another exception.
pub const GP: u32 = 1 << 16;
pub const NO_MEMORY: u32 = 1 << 17;

/// In what is written to CR3: nothing is forgotten.
pub const KEEP: u64 = 1 << 63;

/// The CPU that writes tables: its paging is off.
const WRITER: usize = usize::MAX;

/// Where an access goes, or the error code of its page fault.
pub type Answer = Result<u64, u32>;

/// Tables under one root, on a machine of their own.
pub struct Tables {
    pub machine: Machine<X86_64>,
    pub root: PhysAddr,
}

impl Tables {
    /// On CPUs with four levels.
    pub fn new() -> Self {
        Self::of(X86_64::new())
    }

    pub fn of(cpus: X86_64) -> Self {
        Self::on(machine::<X86_64Format<4>>(64, 1, cpus))
    }

    pub fn on(machine: Machine<X86_64>) -> Self {
        let root = table(&machine);
        Self { machine, root }
    }

    /// A CPU that runs on these tables, with write protection and without PCIDs.
    pub fn cpu(&self, number: usize) -> Cpu<'_, X86_64> {
        let cpu = self.machine.cpu(number);
        cpu.set_wp(true);
        cpu.write_cr3(self.root.get());
        cpu.set_paging(true);
        cpu
    }

    /// A CPU that runs on these tables under a PCID, and has global pages. What it has cached stays.
    pub fn cpu_under(&self, number: usize, pcid: u64) -> Cpu<'_, X86_64> {
        let cpu = self.machine.cpu(number);
        if !cpu.paging() {
            self.cpu(number).set_pge(true);
            cpu.set_pcide(true);
        }
        cpu.write_cr3(self.root.get() | pcid | KEEP);
        cpu
    }

    /// Writes the word for `vaddr` at `level`, with tables above it as needed; answers where it stands.
    pub fn write(&self, vaddr: usize, level: usize, word: u64) -> PhysAddr {
        let entry = self.entry(vaddr, level);
        write(&self.machine, entry, word);
        entry
    }

    /// Where the word for `vaddr` at `level` stands, with tables above it as needed, which allow all.
    pub fn entry(&self, vaddr: usize, level: usize) -> PhysAddr {
        let mut at = self.root;
        for above in (level + 1..self.levels()).rev() {
            let entry = slot(at, vaddr, above);
            if read(&self.machine, entry) & P == 0 {
                let below = table(&self.machine).get();
                write(&self.machine, entry, below | P | RW | US);
            }
            at = PhysAddr::new(read(&self.machine, entry) & ((1 << 52) - 0x1000));
        }
        slot(at, vaddr, level)
    }

    pub fn levels(&self) -> usize {
        match self.machine.architecture().levels {
            Levels::Four => 4,
            Levels::Five => 5,
        }
    }
}

fn slot(table: PhysAddr, vaddr: usize, level: usize) -> PhysAddr {
    PhysAddr::new(table.get() + 8 * (vaddr >> (12 + 9 * level) & 511) as u64)
}

/// A zeroed frame.
pub fn table(machine: &Machine<X86_64>) -> PhysAddr {
    let frame = machine.alloc().unwrap().into_addr();
    let zeroes = [0; FRAME_SIZE];
    machine.cpu(WRITER).store(virt(frame), &zeroes).unwrap();
    frame
}

fn virt(at: PhysAddr) -> VirtAddr {
    VirtAddr::new(usize::try_from(at.get()).unwrap())
}

pub fn write(machine: &Machine<X86_64>, at: PhysAddr, word: u64) {
    machine.cpu(WRITER).store_u64(virt(at), word).unwrap();
}

pub fn read(machine: &Machine<X86_64>, at: PhysAddr) -> u64 {
    machine.cpu(WRITER).load_u64(virt(at)).unwrap()
}

fn answer(outcome: Result<PhysAddr, Trap<Exception>>) -> Answer {
    outcome.map(PhysAddr::get).map_err(|trap| match trap.cause {
        Exception::PageFault(code) => code.bits(),
        Exception::GeneralProtection => GP,
        _ => NO_MEMORY,
    })
}

pub fn go(cpu: Cpu<'_, X86_64>, vaddr: usize, access: Access) -> Answer {
    answer(cpu.translate(VirtAddr::new(vaddr), access))
}

pub fn load(cpu: Cpu<'_, X86_64>, vaddr: usize) -> Answer {
    go(cpu, vaddr, Access::Read)
}

/// All that a load from `vaddr` may answer, each once, successes first.
pub fn loads(cpu: Cpu<'_, X86_64>, vaddr: usize) -> Vec<Answer> {
    outcomes(cpu, vaddr, Access::Read)
}

/// All that an access may answer, each once, successes first.
pub fn outcomes(cpu: Cpu<'_, X86_64>, vaddr: usize, access: Access) -> Vec<Answer> {
    let outcomes = cpu.outcomes(VirtAddr::new(vaddr), access);
    let mut answers: Vec<_> = outcomes.into_iter().map(answer).collect();
    answers.sort_unstable();
    answers.dedup();
    answers
}
