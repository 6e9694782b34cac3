//! Accesses that may fault: the kernel goes on, and is told how.

use core::sync::atomic::Ordering::Relaxed;

use kernel_vm::Access;

use crate::arch;
use crate::cpus::{self, Cpu};

/// A page fault: which access it was, and of which address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub access: Access,
    pub addr: usize,
}

impl Fault {
    pub const fn of(access: Access, addr: usize) -> Self {
        Self { access, addr }
    }
}

/// What is open to the kernel's accesses beside its own pages, by registers that say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    Nothing,
    /// User pages may be read and written.
    UserPages,
    /// What can be executed can be read.
    Code,
}

/// Who makes an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Kernel(Opened),
    User,
}

/// What [`Cpu::fault`] says: no fault came, or one of these accesses has faulted.
const NONE: usize = 0;
const ACCESSES: [Access; 3] = [Access::Read, Access::Write, Access::Execute];

/// Keeps the fault for the instruction that has expected it. Answers where to go on; `None` if none was expected.
pub fn keep(fault: Fault) -> Option<usize> {
    let cpu = cpus::this();
    let recover = cpu.recover.swap(0, Relaxed);
    let number = ACCESSES
        .iter()
        .position(|&access| access == fault.access)
        .map_or(NONE, |number| number + 1);
    cpu.fault.store(number, Relaxed);
    cpu.addr.store(fault.addr, Relaxed);
    (recover != 0).then_some(recover)
}

/// Runs an access that may fault on this CPU, which knows where to go on.
fn attempt<T>(access: impl FnOnce(&Cpu) -> T) -> Result<T, Fault> {
    let cpu = cpus::this();
    cpu.fault.store(NONE, Relaxed);
    let value = access(cpu);
    match cpu.fault.load(Relaxed) {
        NONE => Ok(value),
        number => Err(Fault::of(ACCESSES[number - 1], cpu.addr.load(Relaxed))),
    }
}

/// Loads 8 bytes from `addr`.
pub fn load(addr: usize) -> Result<u64, Fault> {
    // SAFETY: a load changes nothing, and its fault is met by `keep`.
    attempt(|cpu| unsafe { arch::load(cpu, addr) })
}

/// Stores 8 bytes at `addr`, which no Rust object has: the callers choose memory that is there to be tried.
pub fn store(addr: usize, value: u64) -> Result<(), Fault> {
    // SAFETY: see above; the fault is met by `keep`.
    attempt(|cpu| unsafe { arch::store(cpu, addr, value) })
}

/// Calls what is at `addr`: a single instruction that returns, the callers see to that.
pub fn fetch(addr: usize) -> Result<(), Fault> {
    // SAFETY: see above; the fault is met by `keep`.
    attempt(|cpu| unsafe { arch::fetch(cpu, addr) })
}
