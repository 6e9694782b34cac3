//! Unicorn's RISC-V: a hart with Svadu, without Svpbmt and Svnapot.

use kernel_vm::Access;
use kernel_vm::backend::mock::machine::{Cause, Extensions, RiscV};

use super::engine::{Arch, Engine};
use crate::author::{Author, Difference, Path, Question, Step, as_it_is};
use crate::differences::{pointers_without_marks, section};
use crate::isa::riscv::satp;
use crate::isa::{Hart, Isa, Sv};
use crate::random::Random;
use crate::tables::Tables;

const MSTATUS: i32 = 116;
const SATP: i32 = 146;
const PRIV: i32 = 191;

/// Machine mode: the one that writes registers.
const MACHINE: u64 = 3;

pub struct UnicornRiscv {
    engine: Engine,
    root: u64,
}

impl<const LEVELS: usize> Author<Sv<LEVELS>> for UnicornRiscv
where
    Sv<LEVELS>: Isa<Cpus = RiscV, Mode = Hart>,
{
    type Fault = ();

    const NAME: &'static str = "unicorn";
    const SETS_MARKS: bool = true;

    fn cpus(_: &mut Random) -> RiscV {
        RiscV::new(Extensions::new().with_svadu(true))
    }

    fn mode(random: &mut Random) -> Hart {
        Hart::any(random)
    }

    fn new(_: RiscV) -> Self {
        let engine = Engine::new(Arch::Riscv64, None);
        Self { engine, root: 0 }
    }

    fn load(&mut self, root: u64, tables: &Tables) {
        self.engine.load(tables);
        self.root = root;
    }

    fn enter(&mut self, mode: Hart) {
        self.engine.set(PRIV, &MACHINE);
        self.engine.set(SATP, &satp(LEVELS, self.root));
        let status = u64::from(mode.sum) << 18 | u64::from(mode.mxr) << 19;
        self.engine.set(MSTATUS, &status);
        self.engine.set(PRIV, &u64::from(!mode.is_user));
    }

    fn ask(&mut self, vaddr: u64, access: Access) -> Result<u64, ()> {
        self.engine.ask(vaddr, access).ok_or(())
    }

    fn word(&self, at: u64) -> u64 {
        self.engine.word(at)
    }

    fn put(&mut self, at: u64, word: u64) {
        self.engine.write(at, &word.to_le_bytes());
    }

    fn fault(_: Cause) {}

    fn differences() -> Vec<Difference<Sv<LEVELS>>> {
        vec![
            Difference {
                name: "bits 54 to 63",
                section: "Privileged, 'Sv39: Addressing and Memory Protection': reserved without \
                    Svpbmt and Svnapot, and a page fault",
                amend: without_reserved_bits,
                adjust: with_a_wide_number,
            },
            Difference {
                name: "D, A and U of a pointer",
                section: section::POINTER_MARKS,
                amend: pointers_without_marks,
                adjust: as_it_is,
            },
        ]
    }
}

/// Bits 54 to 63.
const RESERVED: u64 = 0x3ff << 54;

const fn is_pointer(word: u64) -> bool {
    word & 0xf == 1
}

/// They are read as bits of the page number. In a pointer, bits 54 to 61 lead where no memory is, which is a fault here
/// and there; 62 and 63 are beyond an address of 64 bits.
fn without_reserved_bits(_: &Question<Hart>, path: &mut Path) {
    for step in path.steps.iter_mut().filter(|step| step.word & 1 != 0) {
        step.word &= if is_pointer(step.word) {
            !(3 << 62)
        } else {
            !RESERVED
        };
    }
}

/// Those of a leaf are in the answer, as far as an address has room.
fn with_a_wide_number(_: &Question<Hart>, steps: &[Step], at: u64) -> u64 {
    let leaf = steps.last().map_or(0, |step| step.word & RESERVED);
    at | leaf >> 54 << 56
}
