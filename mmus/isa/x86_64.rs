//! x86-64 with four levels and five.

use kernel_vm::backend::mock::machine::{Cpu, Invalidate, Privilege, X86_64};
use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::backend::x86_64::X86_64Format;

use super::{Isa, span};
use crate::random::Random;

/// Long mode with so many levels.
pub struct Long<const LEVELS: usize>;

/// CPL, CR0.WP, CR4.SMEP, CR4.SMAP and EFLAGS.AC.
#[derive(Clone, Copy, Debug)]
pub struct Flags {
    pub is_user: bool,
    pub wp: bool,
    pub smep: bool,
    pub smap: bool,
    pub ac: bool,
}

impl Flags {
    pub fn any(random: &mut Random) -> Self {
        let [is_user, wp, smep, smap, ac] = [(); 5].map(|()| random.one_in(2));
        Self {
            is_user,
            wp,
            smep,
            smap,
            ac,
        }
    }
}

/// Bits 12 to 51.
pub const ADDRESS: u64 = ((1 << 52) - 1) & !0xfff;
/// PS of a pointer's word: then it is a leaf.
const LARGE: u64 = 1 << 7;
/// XD.
const XD: u64 = 1 << 63;

impl<const LEVELS: usize> Isa for Long<LEVELS> {
    type Format = X86_64Format<LEVELS>;
    type Cpus = X86_64;
    type Mode = Flags;

    const NAME: &'static str = if LEVELS == 4 {
        "x86-64"
    } else {
        "x86-64 with LA57"
    };
    const LEVELS: usize = LEVELS;
    const ACCESSED: u64 = 1 << 5;
    const POLICIES: [AccessedDirty; 2] = [AccessedDirty::Preset, AccessedDirty::Hardware];

    fn as_asked_for(cpus: X86_64) -> X86_64 {
        cpus.with_nxe(true)
    }

    fn enter(cpu: Cpu<'_, X86_64>, root: u64, mode: Flags) {
        if cpu.cr3() != root {
            cpu.write_cr3(root);
        }
        cpu.set_paging(true);
        cpu.set_wp(mode.wp);
        cpu.set_smep(mode.smep);
        cpu.set_smap(mode.smap);
        cpu.set_ac(mode.ac);
        cpu.set_privilege(if mode.is_user {
            Privilege::User
        } else {
            Privilege::Supervisor
        });
    }

    fn forget(cpu: Cpu<'_, X86_64>) {
        cpu.invpcid(Invalidate::Everything);
    }

    fn stop(cpu: Cpu<'_, X86_64>) {
        cpu.set_paging(false);
    }

    fn plain(is_user: bool) -> Flags {
        Flags {
            is_user,
            wp: true,
            smep: false,
            smap: false,
            ac: false,
        }
    }

    /// With any R/W, U/S, XD, and bits that are ignored.
    fn pointer(random: &mut Random, to: u64, _level: usize) -> u64 {
        to | random.word() & (XD | 0x7ff << 52 | 0xf7e) | random.one_of(&[7, 7, 7, 1])
    }

    /// Below 2^40, with any bit but those of the address and P.
    fn leaf(random: &mut Random, level: usize) -> u64 {
        let to = random.word() & ((1 << 40) - 1) & !(span(level) - 1);
        let size = if level > 0 { LARGE } else { 0 };
        to | random.word() & (0xfff << 52 | 0xffe) | size | 1
    }

    fn next(word: u64, level: usize) -> Option<u64> {
        let is_pointer = word & 1 != 0 && level > 0 && word & LARGE == 0;
        is_pointer.then_some(word & ADDRESS)
    }
}
