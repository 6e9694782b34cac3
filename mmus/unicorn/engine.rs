//! One CPU of Unicorn, with memory of its own.

use std::collections::BTreeSet;
use std::ffi::c_int;
use std::ptr::null_mut;

use kernel_vm::Access;

use super::library::{Handle, calls};
use crate::tables::Tables;

/// The architectures that are asked for.
#[derive(Clone, Copy)]
pub enum Arch {
    Aarch64,
    X86_64,
    Riscv64,
}

impl Arch {
    /// As `uc_open` numbers them, with their modes.
    const fn numbers(self) -> (c_int, c_int) {
        match self {
            Self::Aarch64 => (2, 0),
            Self::X86_64 => (4, 8),
            Self::Riscv64 => (8, 8),
        }
    }
}

/// `uc_ctl`: to choose the CPU's model, with one argument.
const SET_MODEL: c_int = 7 | 1 << 26 | 1 << 30;
/// `uc_ctl`: to flush the TLB, without any.
const FLUSH_TLB: c_int = 11 | 1 << 30;

const PAGE: u64 = 4096;

/// An engine, and the pages of memory that it has.
pub struct Engine {
    handle: Handle,
    pages: BTreeSet<u64>,
}

#[expect(unsafe_code, reason = "calls into a library of C")]
impl Engine {
    /// A CPU after its reset: of this model, or of the one that the library takes.
    pub fn new(arch: Arch, model: Option<c_int>) -> Self {
        let mut handle = null_mut();
        let (arch, mode) = arch.numbers();
        // SAFETY: the handle is written before the call returns.
        expect(unsafe { (calls().open)(arch, mode, &raw mut handle) });
        if let Some(model) = model {
            // SAFETY: the engine is open, and this control takes one `int`.
            expect(unsafe { (calls().control)(handle, SET_MODEL, model) });
        }
        let pages = BTreeSet::new();
        Self { handle, pages }
    }

    /// Has these tables in memory, and zeroes in every other page that it has had.
    pub fn load(&mut self, tables: &Tables) {
        tables.places().for_each(|at| self.map(at));
        for &at in &self.pages {
            self.write(at, &tables.bytes(at));
        }
    }

    /// Has memory at the page of `at`, if it had none.
    pub fn map(&mut self, at: u64) {
        let all = 7;
        if self.pages.insert(at & !(PAGE - 1)) {
            // SAFETY: the engine is open.
            expect(unsafe { (calls().map)(self.handle, at & !(PAGE - 1), PAGE, all) });
        }
    }

    pub fn write(&self, at: u64, bytes: &[u8]) {
        let from = bytes.as_ptr().cast();
        // SAFETY: the engine is open, and reads so many bytes.
        expect(unsafe { (calls().write)(self.handle, at, from, bytes.len() as u64) });
    }

    pub fn word(&self, at: u64) -> u64 {
        let mut word = 0_u64;
        // SAFETY: the engine is open, and writes a word.
        expect(unsafe { (calls().read)(self.handle, at, (&raw mut word).cast(), 8) });
        word
    }

    /// Writes a register, whose value is a word or what the header says.
    pub fn set<T>(&self, register: c_int, value: &T) {
        let value = (&raw const *value).cast();
        // SAFETY: the engine is open, and the caller's type is as large as the register's.
        expect(unsafe { (calls().write_register)(self.handle, register, value) });
    }

    /// Executes one instruction.
    pub fn step(&self, from: u64) {
        // SAFETY: the engine is open.
        expect(unsafe { (calls().start)(self.handle, from, from + PAGE, 0, 1) });
    }

    /// Where an access leads, by a walk: nothing is cached.
    pub fn ask(&self, vaddr: u64, access: Access) -> Option<u64> {
        // SAFETY: the engine is open, and this control takes no argument.
        expect(unsafe { (calls().control)(self.handle, FLUSH_TLB) });
        let access = match access {
            Access::Read => 1,
            Access::Write => 2,
            Access::Execute => 4,
        };
        let mut at = 0;
        // SAFETY: the engine is open, and an address is written.
        let code = unsafe { (calls().translate)(self.handle, vaddr, access, &raw mut at) };
        let faults = [12, 13, 14];
        match code {
            0 => Some(at),
            code if faults.contains(&code) => None,
            code => panic!("unicorn: error {code}"),
        }
    }
}

impl Drop for Engine {
    #[expect(unsafe_code, reason = "calls into a library of C")]
    fn drop(&mut self) {
        // SAFETY: the engine is open, and nobody uses it afterwards.
        expect(unsafe { (calls().close)(self.handle) });
    }
}

fn expect(code: c_int) {
    assert_eq!(code, 0, "unicorn: an error of its header");
}
