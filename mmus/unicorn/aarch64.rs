//! Unicorn's AArch64: a CPU at EL1 or EL0, not secure, with PAN and without FEAT_HAFDBS.

use kernel_vm::Access;
use kernel_vm::backend::mock::machine::{AArch64, Abort};

use super::engine::{Arch, Engine};
use crate::author::{Author, Difference, Path, Question, Step, as_it_is};
use crate::differences::{section, without_wide_bits};
use crate::isa::aarch64::{ADDRESS, cpus, tcr};
use crate::isa::{El, Vmsa, index, span};
use crate::random::Random;
use crate::tables::Tables;

const PSTATE: i32 = 265;
const SYSTEM_REGISTER: i32 = 290;
const MAX: i32 = 3;

/// A system register by its encoding, as the library's header has it.
#[repr(C)]
struct SystemRegister {
    crn: u32,
    crm: u32,
    op0: u32,
    op1: u32,
    op2: u32,
    value: u64,
}

pub struct UnicornAarch64 {
    engine: Engine,
    cpus: AArch64,
}

impl UnicornAarch64 {
    fn set(&self, [op0, op1, crn, crm, op2]: [u32; 5], value: u64) {
        let register = SystemRegister {
            crn,
            crm,
            op0,
            op1,
            op2,
            value,
        };
        self.engine.set(SYSTEM_REGISTER, &register);
    }
}

const SCTLR_EL1: [u32; 5] = [3, 0, 1, 0, 0];
const TTBR0_EL1: [u32; 5] = [3, 0, 2, 0, 0];
const TTBR1_EL1: [u32; 5] = [3, 0, 2, 0, 1];
const TCR_EL1: [u32; 5] = [3, 0, 2, 0, 2];
const HCR_EL2: [u32; 5] = [3, 4, 1, 1, 0];
const SCR_EL3: [u32; 5] = [3, 6, 1, 1, 0];

impl<const LEVELS: usize> Author<Vmsa<LEVELS>> for UnicornAarch64 {
    type Fault = ();

    const NAME: &'static str = "unicorn";
    const SETS_MARKS: bool = false;

    fn cpus(random: &mut Random) -> AArch64 {
        cpus::<LEVELS>(random)
    }

    fn mode(random: &mut Random) -> El {
        El::any(random)
    }

    fn new(cpus: AArch64) -> Self {
        let engine = Engine::new(Arch::Aarch64, Some(MAX));
        let author = Self { engine, cpus };
        // EL1 is AArch64 (RW), and not secure.
        author.set(SCR_EL3, 1 << 10 | 1);
        author.set(HCR_EL2, 1 << 31);
        author.set(TCR_EL1, tcr(LEVELS));
        author
    }

    fn load(&mut self, root: u64, tables: &Tables) {
        self.engine.load(tables);
        self.set(TTBR0_EL1, root);
        self.set(TTBR1_EL1, root);
    }

    /// SCTLR_EL1 comes last: with it the library notes the mode for which it translates.
    fn enter(&mut self, mode: El) {
        let level = if mode.is_user { 0 } else { 0b101 };
        self.engine
            .set(PSTATE, &(u64::from(mode.pan) << 22 | level));
        self.set(SCTLR_EL1, u64::from(self.cpus.wxn) << 19 | 1);
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

    fn fault(_: Abort) {}

    fn differences() -> Vec<Difference<Vmsa<LEVELS>>> {
        let mut all = vec![
            Difference {
                name: "bits 48 and 49 of an address",
                section: section::WIDE,
                amend: without_wide_bits,
                adjust: as_it_is,
            },
            Difference {
                name: "low bits of a block's address",
                section: "'VMSAv8-64 translation table format descriptors': RES0, and here they \
                    are added",
                amend: without_low_bits,
                adjust: with_low_bits,
            },
        ];
        if LEVELS == 4 {
            all.push(Difference {
                name: "a block at level 0",
                section: "'VMSAv8-64 translation table format descriptors': no block at level 0 \
                    without 52 bits; a Translation fault",
                amend: as_a_gigabyte,
                adjust: as_half_a_terabyte,
            });
        }
        all
    }
}

const fn is_block(step: &Step) -> bool {
    step.word & 3 == 1 && step.level > 0
}

/// The bits of an address that a block at this step has not.
const fn low_bits(step: &Step) -> u64 {
    step.word & ADDRESS & (span(step.level) - 1)
}

fn without_low_bits(_: &Question<El>, path: &mut Path) {
    let blocks = path
        .steps
        .iter_mut()
        .filter(|step| is_block(step) && step.level < 3);
    blocks.for_each(|step| step.word &= !low_bits(step));
}

/// They are set in the answer, whatever the virtual address says.
fn with_low_bits(_: &Question<El>, steps: &[Step], at: u64) -> u64 {
    at | steps.last().map_or(0, low_bits)
}

/// What it allows is what a block of 1 GiB would, in a table that takes nothing.
fn as_a_gigabyte(question: &Question<El>, path: &mut Path) {
    if let Some(&block) = path
        .steps
        .last()
        .filter(|step| is_block(step) && step.level == 3)
    {
        path.steps[0].word = path.empty | 3;
        let at = path.empty + 8 * index(question.vaddr, 2) as u64;
        let level = 2;
        path.steps.push(Step { level, at, ..block });
    }
}

fn as_half_a_terabyte(question: &Question<El>, steps: &[Step], _: u64) -> u64 {
    steps[0].word & ADDRESS | question.vaddr & (span(3) - 1)
}
