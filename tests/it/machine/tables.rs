//! A machine, and tables written into it word by word.

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::mock::machine::{Cpu, Extensions, Machine, Trap};
use kernel_vm::backend::riscv::{Mode, Satp};
use kernel_vm::{Access, Asid, FRAME_SIZE, FrameAllocator, PhysAddr, VirtAddr};

pub const V: u64 = 1;
pub const R: u64 = 1 << 1;
pub const W: u64 = 1 << 2;
pub const X: u64 = 1 << 3;
pub const U: u64 = 1 << 4;
pub const G: u64 = 1 << 5;
pub const A: u64 = 1 << 6;
pub const D: u64 = 1 << 7;

/// The CPU that writes tables: it never leaves Bare mode.
const WRITER: usize = usize::MAX;

#[expect(unsafe_code, reason = "a machine writes any of its frames")]
pub fn machine(frames: usize, seed: u64, extensions: Extensions) -> Machine {
    // SAFETY: tests reach frames by way of CPUs and of the crate's page tables, which use atomics. CPUs store to tables
    // that tests write themselves, and to frames of pages, never to those of the crate's page tables.
    unsafe { Machine::with_extensions(HostFrames::new(frames), seed, extensions) }
}

/// Tables under one root, on a machine of their own.
pub struct Tables {
    pub machine: Machine,
    pub mode: Mode,
    pub root: PhysAddr,
}

impl Tables {
    pub fn new(mode: Mode, extensions: Extensions) -> Self {
        Self::on(machine(64, 1, extensions), mode)
    }

    pub fn on(machine: Machine, mode: Mode) -> Self {
        let root = table(&machine);
        Self {
            machine,
            mode,
            root,
        }
    }

    /// Without extensions.
    pub fn sv39() -> Self {
        Self::new(Mode::Sv39, Extensions::default())
    }

    pub fn satp(&self, asid: u16) -> u64 {
        Satp::new(self.mode, Asid::new(asid), self.root).bits()
    }

    /// A CPU that runs on these tables, under ASID 1.
    pub fn cpu(&self, number: usize) -> Cpu<'_> {
        let cpu = self.machine.cpu(number);
        cpu.write_satp(self.satp(1));
        cpu
    }

    /// Writes the word for `vaddr` at `level`, with tables above it as needed; answers where it stands.
    pub fn write(&self, vaddr: usize, level: usize, word: u64) -> PhysAddr {
        let entry = self.entry(vaddr, level);
        write(&self.machine, entry, word);
        entry
    }

    /// Where the word for `vaddr` at `level` stands, with tables above it as needed.
    pub fn entry(&self, vaddr: usize, level: usize) -> PhysAddr {
        let mut at = self.root;
        for above in (level + 1..levels(self.mode)).rev() {
            let entry = slot(at, vaddr, above);
            if read(&self.machine, entry) & V == 0 {
                write(&self.machine, entry, pointer(table(&self.machine)));
            }
            let word = read(&self.machine, entry);
            at = PhysAddr::new((word >> 10 << 12) & ((1 << 56) - 1));
        }
        slot(at, vaddr, level)
    }
}

/// How many levels of tables there are.
fn levels(mode: Mode) -> usize {
    match mode {
        Mode::Bare => 0,
        Mode::Sv39 => 3,
        Mode::Sv48 => 4,
        Mode::Sv57 => 5,
        _ => panic!("{mode:?} is not known here"),
    }
}

fn slot(table: PhysAddr, vaddr: usize, level: usize) -> PhysAddr {
    PhysAddr::new(table.get() + 8 * (vaddr >> (12 + 9 * level) & 511) as u64)
}

/// A zeroed frame.
pub fn table(machine: &Machine) -> PhysAddr {
    let frame = machine.alloc().unwrap().into_addr();
    clear(machine, frame);
    frame
}

pub fn clear(machine: &Machine, frame: PhysAddr) {
    let zeroes = [0; FRAME_SIZE];
    machine.cpu(WRITER).store(virt(frame), &zeroes).unwrap();
}

fn virt(at: PhysAddr) -> VirtAddr {
    VirtAddr::new(usize::try_from(at.get()).unwrap())
}

pub fn write(machine: &Machine, at: PhysAddr, word: u64) {
    machine.cpu(WRITER).store_u64(virt(at), word).unwrap();
}

pub fn read(machine: &Machine, at: PhysAddr) -> u64 {
    machine.cpu(WRITER).load_u64(virt(at)).unwrap()
}

pub fn leaf(to: u64, bits: u64) -> u64 {
    to >> 12 << 10 | bits
}

pub fn pointer(to: PhysAddr) -> u64 {
    leaf(to.get(), V)
}

/// What `access` to `vaddr` answers: where it goes, or the number of its cause.
pub fn go(cpu: Cpu<'_>, vaddr: usize, access: Access) -> Result<u64, u8> {
    let answer = cpu.translate(VirtAddr::new(vaddr), access);
    answer
        .map(PhysAddr::get)
        .map_err(|trap: Trap| trap.cause.code())
}

pub fn load(cpu: Cpu<'_>, vaddr: usize) -> Result<u64, u8> {
    go(cpu, vaddr, Access::Read)
}

/// All that a load from `vaddr` may answer.
pub fn loads(cpu: Cpu<'_>, vaddr: usize) -> Vec<Result<u64, u8>> {
    let outcomes = cpu.outcomes(VirtAddr::new(vaddr), Access::Read).into_iter();
    outcomes
        .map(|outcome| outcome.map(PhysAddr::get).map_err(|trap| trap.cause.code()))
        .collect()
}

/// Each of them once, successes first.
pub fn set(mut answers: Vec<Result<u64, u8>>) -> Vec<Result<u64, u8>> {
    answers.sort_unstable();
    answers.dedup();
    answers
}
