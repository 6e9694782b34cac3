//! rsemu's x86-64: four levels, without SMEP and SMAP. Its walk says what entries allow together, and this file whether
//! that is enough.

use kernel_vm::Access;
use kernel_vm::backend::mock::machine::{ErrorCode, Exception, X86_64};
use rsemu::cpu::x86::paging::{Mode, Tables as Registers, Walk, WalkFail, walk, write_allowed};

use crate::author::{Author, Difference, Path, Question, as_it_is};
use crate::isa::{Flags, Long, span};
use crate::random::Random;
use crate::tables::Tables;

pub struct RsemuX86 {
    registers: Registers,
    is_user: bool,
    tables: Tables,
}

/// A page fault with the bits of its error code that walks decide, P and RSVD, or something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Page(ErrorCode),
    Other,
}

impl RsemuX86 {
    fn allows(&self, walk: &Walk, access: Access) -> bool {
        let reaches = walk.user || !self.is_user;
        reaches
            && match access {
                Access::Read => true,
                Access::Write => write_allowed(walk.writable, self.is_user, self.registers.wp),
                Access::Execute => !walk.no_execute,
            }
    }
}

impl Author<Long<4>> for RsemuX86 {
    type Fault = Fault;

    const NAME: &'static str = "rsemu";
    const SETS_MARKS: bool = false;
    /// Others are refused before the walk.
    const IS_CANONICAL_ONLY: bool = true;

    fn cpus(random: &mut Random) -> X86_64 {
        X86_64::new().with_nxe(!random.one_in(3))
    }

    fn mode(random: &mut Random) -> Flags {
        Flags {
            smep: false,
            smap: false,
            ..Flags::any(random)
        }
    }

    fn new(cpus: X86_64) -> Self {
        let registers = Registers {
            mode: Mode::Ia32e,
            cr3: 0,
            pse: false,
            nxe: cpus.nxe,
            wp: false,
        };
        Self {
            registers,
            is_user: false,
            tables: Tables::default(),
        }
    }

    fn load(&mut self, root: u64, tables: &Tables) {
        self.registers.cr3 = root;
        self.tables = tables.clone();
    }

    fn enter(&mut self, mode: Flags) {
        self.registers.wp = mode.wp;
        self.is_user = mode.is_user;
    }

    /// Where no memory is, a walk reads ones, and here ends as the machine's.
    fn ask(&mut self, vaddr: u64, access: Access) -> Result<u64, Fault> {
        let mut is_outside = false;
        let mut read = |at: u64, _| {
            let word = self.tables.word(at);
            is_outside |= word.is_none();
            word.unwrap_or(u64::MAX)
        };
        let walked = walk(self.registers, vaddr, &mut read);
        match walked {
            _ if is_outside => Err(Fault::Other),
            Err(WalkFail::NotPresent) => Err(Fault::Page(ErrorCode::empty())),
            Err(WalkFail::Reserved) => Err(Fault::Page(ErrorCode::P | ErrorCode::RSVD)),
            Ok(walk) if self.allows(&walk, access) => Ok(walk.phys),
            Ok(_) => Err(Fault::Page(ErrorCode::P)),
        }
    }

    fn word(&self, at: u64) -> u64 {
        self.tables.word(at).unwrap()
    }

    /// Nobody has written: there is nothing to put back.
    fn put(&mut self, at: u64, word: u64) {
        assert_eq!(self.tables.word(at), Some(word));
    }

    fn fault(cause: Exception) -> Fault {
        match cause {
            Exception::PageFault(code) => Fault::Page(code & (ErrorCode::P | ErrorCode::RSVD)),
            _ => Fault::Other,
        }
    }

    fn differences() -> Vec<Difference<Long<4>>> {
        vec![Difference {
            name: "low bits of a large leaf's address",
            section: "SDM vol. 3, 'Format of a Page-Directory Entry that Maps a 2-MByte Page', \
                and of 1 GByte: reserved, must be 0",
            amend: without_low_bits,
            adjust: as_it_is,
        }]
    }
}

/// Bits 13 up to the leaf's size.
fn without_low_bits(_: &Question<Flags>, path: &mut Path) {
    let leaves = path
        .steps
        .iter_mut()
        .filter(|step| [1, 2].contains(&step.level) && step.word & 0x80 != 0);
    leaves.for_each(|step| step.word &= !(span(step.level) - 1) | 0x1fff);
}
