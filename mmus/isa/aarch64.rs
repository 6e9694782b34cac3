//! AArch64 with a granule of 4 KiB, for halves of 48 bits and of 39.

use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::mock::machine::{AArch64, Cpu, Privilege, Tlbi, VaBits};
use kernel_vm::backend::radix::AccessedDirty;

use super::{Isa, span};
use crate::random::Random;

/// VMSAv8-64 with so many levels. Both halves have the same tables.
pub struct Vmsa<const LEVELS: usize>;

/// The exception level, and PSTATE.PAN.
#[derive(Clone, Copy, Debug)]
pub struct El {
    pub is_user: bool,
    pub pan: bool,
}

impl El {
    pub fn any(random: &mut Random) -> Self {
        let [is_user, pan] = [(); 2].map(|()| random.one_in(2));
        Self { is_user, pan }
    }
}

/// Bits 12 to 47.
pub const ADDRESS: u64 = ((1 << 48) - 1) & !0xfff;
/// AP, AF, nG, and the bits above the address: all that a leaf may say.
const ATTRIBUTES: u64 = 0x3ff << 54 | 1 << 53 | 3 << 51 | 0xffc;

/// TCR_EL1: as many bits in both halves, granules of 4 KiB, 48 bits of physical address, ASIDs of 16 bits.
pub const fn tcr(levels: usize) -> u64 {
    let unused = 64 - 12 - 9 * levels as u64;
    unused | unused << 16 | 0b10 << 30 | 0b101 << 32 | 1 << 36
}

/// CPUs with so many levels, with WXN or without.
pub fn cpus<const LEVELS: usize>(random: &mut Random) -> AArch64 {
    let bits = if LEVELS == 4 {
        VaBits::Bits48
    } else {
        VaBits::Bits39
    };
    AArch64::new().with_va_bits(bits).with_wxn(random.one_in(2))
}

impl<const LEVELS: usize> Isa for Vmsa<LEVELS> {
    type Format = Aarch64Format<LEVELS>;
    type Cpus = AArch64;
    type Mode = El;

    const NAME: &'static str = if LEVELS == 4 {
        "AArch64"
    } else {
        "AArch64 with 39 bits"
    };
    const LEVELS: usize = LEVELS;
    const ACCESSED: u64 = 1 << 10;
    const POLICIES: [AccessedDirty; 2] = [AccessedDirty::Preset, AccessedDirty::Software];

    fn as_asked_for(cpus: AArch64) -> AArch64 {
        cpus.with_wxn(false)
    }

    fn enter(cpu: Cpu<'_, AArch64>, root: u64, mode: El) {
        cpu.write_ttbr0(root);
        cpu.write_ttbr1(root);
        cpu.set_mmu(true);
        cpu.set_pan(mode.pan);
        cpu.set_privilege(if mode.is_user {
            Privilege::User
        } else {
            Privilege::Supervisor
        });
    }

    fn forget(cpu: Cpu<'_, AArch64>) {
        cpu.dsb_ishst();
        cpu.tlbi(Tlbi::Vmalle1);
        cpu.dsb_ish();
    }

    fn stop(cpu: Cpu<'_, AArch64>) {
        cpu.set_mmu(false);
    }

    fn plain(is_user: bool) -> El {
        El {
            is_user,
            pan: false,
        }
    }

    /// Below the bits that are translated are the halves: all are clear, or all set.
    fn is_canonical(vaddr: u64) -> bool {
        let above = vaddr.cast_signed() >> (12 + 9 * LEVELS);
        above == 0 || above == -1
    }

    /// With hierarchical attributes in one of four, and any bits that are ignored.
    fn pointer(random: &mut Random, to: u64, _level: usize) -> u64 {
        let takes = if random.one_in(4) {
            random.word() & 0x1f << 59
        } else {
            0
        };
        to | random.word() & (0xff << 51 | 0xffc) | takes | 3
    }

    /// With any attributes, and AF in three of four.
    fn leaf(random: &mut Random, level: usize) -> u64 {
        let to = random.word() & ADDRESS & !(span(level) - 1);
        let kind = if level == 0 { 3 } else { 1 };
        let used = random.one_of(&[1 << 10, 1 << 10, 1 << 10, 0]);
        to | random.word() & ATTRIBUTES & !(1 << 10) | used | kind
    }

    fn next(word: u64, level: usize) -> Option<u64> {
        let is_pointer = word & 3 == 3 && level > 0;
        is_pointer.then_some(word & ADDRESS)
    }
}
