//! A machine, and tables written into it word by word, with the manual's own numbers.

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::mock::machine::{AArch64, Abort, Cpu, Fault, Machine, Trap, VaBits};
use kernel_vm::{Access, FRAME_SIZE, FrameAllocator, PhysAddr, VirtAddr};

pub type Arm = Machine<AArch64>;
pub type Answer = Result<u64, Fault>;

// 'VMSAv8-64 translation table format descriptors', stage 1.
pub const BLOCK: u64 = 0b01;
pub const TABLE: u64 = 0b11;
pub const PAGE_BITS: u64 = 0b11;
pub const EL0: u64 = 1 << 6;
pub const READ_ONLY: u64 = 1 << 7;
pub const AF: u64 = 1 << 10;
pub const NG: u64 = 1 << 11;
pub const DBM: u64 = 1 << 51;
pub const PXN: u64 = 1 << 53;
pub const UXN: u64 = 1 << 54;
pub const PXN_TABLE: u64 = 1 << 59;
pub const UXN_TABLE: u64 = 1 << 60;
pub const NO_EL0_TABLE: u64 = 1 << 61;
pub const READ_ONLY_TABLE: u64 = 1 << 62;

/// The bits of a page that is used by all.
pub const USED: u64 = PAGE_BITS | AF;

/// The CPU that writes tables: it never translates.
const WRITER: usize = usize::MAX;

pub fn machine(frames: usize, seed: u64, cpus: AArch64) -> Arm {
    machine_of(HostFrames::new(frames), seed, cpus)
}

#[expect(unsafe_code, reason = "a machine writes any of its frames")]
pub fn machine_of(frames: HostFrames, seed: u64, cpus: AArch64) -> Arm {
    // SAFETY: tests reach frames by way of CPUs and of the crate's page tables, which use atomics. CPUs store to tables
    // that tests write themselves, and to frames of pages, never to those of the crate's page tables.
    unsafe { Machine::with_architecture(frames, seed, cpus) }
}

/// Tables under one root, on a machine of their own.
pub struct Tables {
    pub machine: Arm,
    pub root: PhysAddr,
}

impl Tables {
    pub fn new(cpus: AArch64) -> Self {
        Self::on(machine(64, 1, cpus))
    }

    pub fn on(machine: Arm) -> Self {
        let root = table(&machine);
        Self { machine, root }
    }

    /// The value for a TTBR: the root in bits 12 to 47, the ASID in 48 to 63.
    pub fn ttbr(&self, asid: u16) -> u64 {
        self.root.get() | u64::from(asid) << 48
    }

    /// A CPU that runs on these tables in the lower half, under ASID 1.
    pub fn cpu(&self, number: usize) -> Cpu<'_, AArch64> {
        self.cpu_under(number, 1)
    }

    pub fn cpu_under(&self, number: usize, asid: u16) -> Cpu<'_, AArch64> {
        let cpu = self.machine.cpu(number);
        cpu.write_ttbr0(self.ttbr(asid));
        cpu.set_mmu(true);
        cpu
    }

    /// Writes the word for `vaddr` at the manual's `level`, with tables above it as needed; answers where it stands.
    pub fn write(&self, vaddr: usize, level: usize, word: u64) -> PhysAddr {
        let entry = self.entry(vaddr, level);
        write(&self.machine, entry, word);
        entry
    }

    /// Where the word for `vaddr` at `level` stands, with tables above it as needed.
    pub fn entry(&self, vaddr: usize, level: usize) -> PhysAddr {
        let first = match self.machine.architecture().va_bits {
            VaBits::Bits39 => 1,
            VaBits::Bits48 => 0,
        };
        let mut at = self.root;
        for above in first..level {
            let entry = slot(at, vaddr, above);
            if read(&self.machine, entry) & 1 == 0 {
                let below = table(&self.machine).get();
                write(&self.machine, entry, below | TABLE);
            }
            at = PhysAddr::new(read(&self.machine, entry) & 0xffff_ffff_f000);
        }
        slot(at, vaddr, level)
    }
}

/// 12 bits of offset, and 9 for each level from 3 up.
fn slot(table: PhysAddr, vaddr: usize, level: usize) -> PhysAddr {
    PhysAddr::new(table.get() + 8 * (vaddr >> (39 - 9 * level) & 511) as u64)
}

/// A zeroed frame.
pub fn table(machine: &Arm) -> PhysAddr {
    let frame = machine.alloc().unwrap().into_addr();
    let writer = machine.cpu(WRITER);
    writer.store(virt(frame), &[0; FRAME_SIZE]).unwrap();
    frame
}

fn virt(at: PhysAddr) -> VirtAddr {
    VirtAddr::new(usize::try_from(at.get()).unwrap())
}

/// Stores a word. No barrier follows.
pub fn write(machine: &Arm, at: PhysAddr, word: u64) {
    machine.cpu(WRITER).store_u64(virt(at), word).unwrap();
}

pub fn read(machine: &Arm, at: PhysAddr) -> u64 {
    machine.cpu(WRITER).load_u64(virt(at)).unwrap()
}

/// What an access to `vaddr` answers: where it goes, or why not.
pub fn go(cpu: Cpu<'_, AArch64>, vaddr: usize, access: Access) -> Answer {
    answer(cpu.translate(VirtAddr::new(vaddr), access))
}

pub fn load(cpu: Cpu<'_, AArch64>, vaddr: usize) -> Answer {
    go(cpu, vaddr, Access::Read)
}

fn answer(outcome: Result<PhysAddr, Trap<Abort>>) -> Answer {
    outcome.map(PhysAddr::get).map_err(|trap| trap.cause.fault)
}

/// All that a load from `vaddr` may answer, each once; that of a fresh walk first.
pub fn loads(cpu: Cpu<'_, AArch64>, vaddr: usize) -> Vec<Answer> {
    let outcomes = cpu.outcomes(VirtAddr::new(vaddr), Access::Read).into_iter();
    let mut answers = Vec::new();
    for outcome in outcomes.map(answer) {
        if !answers.contains(&outcome) {
            answers.push(outcome);
        }
    }
    answers
}

/// `TLBI VMALLE1IS` between its barriers.
pub fn forget_all(cpu: Cpu<'_, AArch64>) {
    cpu.dsb_ishst();
    cpu.tlbi_is(kernel_vm::backend::mock::machine::Tlbi::Vmalle1);
    cpu.dsb_ish();
}
