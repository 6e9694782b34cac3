//! Sv39, Sv48 and Sv57.

use kernel_vm::Asid;
use kernel_vm::backend::mock::machine::{Cpu, Privilege, RiscV};
use kernel_vm::backend::radix::{AccessedDirty, Format};
use kernel_vm::backend::{sv39::Sv39Format, sv48::Sv48Format, sv57::Sv57Format};

use super::{Isa, span};
use crate::random::Random;

/// Sv39, Sv48 or Sv57, by the number of their levels.
pub struct Sv<const LEVELS: usize>;

/// A hart's mode, and SUM and MXR of its `mstatus`.
#[derive(Clone, Copy, Debug)]
pub struct Hart {
    pub is_user: bool,
    pub sum: bool,
    pub mxr: bool,
}

impl Hart {
    pub fn any(random: &mut Random) -> Self {
        let [is_user, sum, mxr] = [(); 3].map(|()| random.one_in(2));
        Self { is_user, sum, mxr }
    }
}

/// `satp` for the tables at `root`.
pub const fn satp(levels: usize, root: u64) -> u64 {
    (levels as u64 + 5) << 60 | root >> 12
}

/// The format of the crate that has so many levels.
pub trait Scheme {
    type Format: Format;
    const NAME: &'static str;
}

impl Scheme for Sv<3> {
    type Format = Sv39Format;
    const NAME: &'static str = "Sv39";
}

impl Scheme for Sv<4> {
    type Format = Sv48Format;
    const NAME: &'static str = "Sv48";
}

impl Scheme for Sv<5> {
    type Format = Sv57Format;
    const NAME: &'static str = "Sv57";
}

impl<const LEVELS: usize> Isa for Sv<LEVELS>
where
    Self: Scheme + 'static,
{
    type Format = <Self as Scheme>::Format;
    type Cpus = RiscV;
    type Mode = Hart;

    const NAME: &'static str = <Self as Scheme>::NAME;
    const LEVELS: usize = LEVELS;
    const ACCESSED: u64 = 1 << 6;
    const POLICIES: [AccessedDirty; 2] = [AccessedDirty::Preset, AccessedDirty::Hardware];

    fn as_asked_for(cpus: RiscV) -> RiscV {
        cpus
    }

    fn enter(cpu: Cpu<'_>, root: u64, mode: Hart) {
        cpu.write_satp(satp(LEVELS, root));
        cpu.set_sum(mode.sum);
        cpu.set_mxr(mode.mxr);
        cpu.set_privilege(if mode.is_user {
            Privilege::User
        } else {
            Privilege::Supervisor
        });
    }

    fn forget(cpu: Cpu<'_>) {
        cpu.sfence_vma(None, None::<Asid>);
    }

    fn stop(cpu: Cpu<'_>) {
        cpu.write_satp(0);
    }

    fn plain(is_user: bool) -> Hart {
        Hart {
            is_user,
            sum: false,
            mxr: false,
        }
    }

    /// With any G and RSW.
    fn pointer(random: &mut Random, to: u64, _level: usize) -> u64 {
        to >> 2 | random.word() & 0x320 | 1
    }

    /// With any R, W, X, U, G, A, D and RSW, so that W without R and none at all are among them.
    fn leaf(random: &mut Random, level: usize) -> u64 {
        let to = random.word() & ((1 << 56) - 1) & !(span(level) - 1);
        to >> 2 | random.word() & 0x3fe | random.one_of(&[0x41, 0xc1, 1])
    }

    fn next(word: u64, level: usize) -> Option<u64> {
        let is_pointer = word & 0xf == 1 && level > 0;
        is_pointer.then_some(word >> 10 << 12)
    }
}
