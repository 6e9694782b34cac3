//! rsemu's AArch64: EL1 and EL0, without PAN and FEAT_HAFDBS.

use kernel_vm::Access;
use kernel_vm::backend::mock::machine::{AArch64, Abort, Fault as Ours};
use rsemu::cpu::arm::a64::mmu::{self, Fault, ReadDescriptor, translate};
use rsemu::cpu::arm::a64::sysreg::{self, SysRegs};

use crate::author::{Author, Difference, Path, Question, Step, as_it_is};
use crate::differences::{section, without_wide_bits};
use crate::isa::aarch64::{cpus, tcr};
use crate::isa::{El, Vmsa};
use crate::random::Random;
use crate::tables::Tables;

pub struct RsemuAarch64 {
    registers: SysRegs,
    level: sysreg::El,
    tables: Tables,
}

struct Memory<'a>(&'a Tables);

impl ReadDescriptor for Memory<'_> {
    fn read_descriptor(&mut self, at: u64) -> Option<u64> {
        self.0.word(at)
    }
}

impl<const LEVELS: usize> Author<Vmsa<LEVELS>> for RsemuAarch64 {
    type Fault = Fault;

    const NAME: &'static str = "rsemu";
    const SETS_MARKS: bool = false;

    fn cpus(random: &mut Random) -> AArch64 {
        cpus::<LEVELS>(random)
    }

    fn mode(random: &mut Random) -> El {
        El {
            pan: false,
            ..El::any(random)
        }
    }

    fn new(cpus: AArch64) -> Self {
        let mut registers = SysRegs::new();
        registers.sctlr = u64::from(cpus.wxn) << 19 | 1;
        registers.tcr = tcr(LEVELS);
        Self {
            registers,
            level: sysreg::El::El1,
            tables: Tables::default(),
        }
    }

    fn load(&mut self, root: u64, tables: &Tables) {
        self.registers.ttbr0 = root;
        self.registers.ttbr1 = root;
        self.tables = tables.clone();
    }

    fn enter(&mut self, mode: El) {
        self.level = if mode.is_user {
            sysreg::El::El0
        } else {
            sysreg::El::El1
        };
    }

    fn ask(&mut self, vaddr: u64, access: Access) -> Result<u64, Fault> {
        let kind = match access {
            Access::Read => mmu::Access::Load,
            Access::Write => mmu::Access::Store,
            Access::Execute => mmu::Access::Fetch,
        };
        let mut memory = Memory(&self.tables);
        let found = translate(&self.registers, &mut memory, vaddr, kind, self.level);
        found.map(|found| found.pa)
    }

    fn word(&self, at: u64) -> u64 {
        self.tables.word(at).unwrap()
    }

    /// Nobody has written: there is nothing to put back.
    fn put(&mut self, at: u64, word: u64) {
        assert_eq!(self.tables.word(at), Some(word));
    }

    fn fault(cause: Abort) -> Fault {
        match cause.fault {
            Ours::AddressSize(level) => Fault::AddressSize(level.into()),
            Ours::Translation(level) => Fault::Translation(level.into()),
            Ours::AccessFlag(level) => Fault::AccessFlag(level.into()),
            Ours::Permission(level) => Fault::Permission(level.into()),
            _ => Fault::External,
        }
    }

    fn differences() -> Vec<Difference<Vmsa<LEVELS>>> {
        vec![
            Difference {
                name: "bits 48 and 49 of an address",
                section: section::WIDE,
                amend: without_wide_bits,
                adjust: as_it_is,
            },
            Difference {
                name: "APTable[0]",
                section: "Arm ARM, 'Hierarchical control of data access permissions': it takes \
                    EL0's access; here it gives it",
                amend: no_el0_gives,
                adjust: as_it_is,
            },
            Difference {
                name: "EL0 executes what it can read",
                section: "Arm ARM, 'Instruction execution permission controls': UXN alone decides \
                    at EL0, AP does not",
                amend: reads_to_execute,
                adjust: as_it_is,
            },
            Difference {
                name: "EL1 executes what EL0 can write",
                section: "Arm ARM, 'Instruction execution permission controls': never, whatever \
                    PXN says",
                amend: executes_what_el0_writes,
                adjust: as_it_is,
            },
        ]
    }
}

const EL0: u64 = 1 << 6;
const READ_ONLY: u64 = 1 << 7;
const PXN: u64 = 1 << 53;
const UXN: u64 = 1 << 54;
const NO_EL0: u64 = 1 << 61;
const READ_ONLY_TABLE: u64 = 1 << 62;

/// Whether the path ends in a leaf.
fn is_leaf(step: &Step) -> bool {
    let kind = if step.level == 0 { 3 } else { 1 };
    step.word & 3 == kind
}

/// Moves APTable\[0\] of the tables on the way into AP\[1\] of the leaf.
fn no_el0_gives(_: &Question<El>, path: &mut Path) {
    let Some((leaf, tables)) = path
        .steps
        .split_last_mut()
        .filter(|(leaf, _)| is_leaf(leaf))
    else {
        return;
    };
    for table in tables {
        if table.word & NO_EL0 != 0 {
            table.word &= !NO_EL0;
            leaf.word |= EL0;
        }
    }
}

fn reads_to_execute(question: &Question<El>, path: &mut Path) {
    let is_fetch = question.access == Access::Execute && question.mode.is_user;
    let leaf = path
        .steps
        .last_mut()
        .filter(|leaf| is_fetch && is_leaf(leaf));
    if let Some(leaf) = leaf.filter(|leaf| leaf.word & EL0 == 0) {
        leaf.word |= UXN;
    }
}

/// What EL1 alone can write it can execute here as there: so EL0 loses it.
fn executes_what_el0_writes(question: &Question<El>, path: &mut Path) {
    let is_fetch = question.access == Access::Execute && !question.mode.is_user;
    let is_read_only = path
        .steps
        .iter()
        .any(|step| !is_leaf(step) && step.word & READ_ONLY_TABLE != 0);
    let leaf = path
        .steps
        .last_mut()
        .filter(|leaf| is_fetch && !is_read_only && is_leaf(leaf));
    if let Some(leaf) = leaf.filter(|leaf| leaf.word & (EL0 | READ_ONLY | PXN) == EL0) {
        leaf.word &= !EL0;
    }
}
