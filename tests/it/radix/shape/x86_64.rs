//! x86-64 (SDM, volume 3, '4-Level Paging and 5-Level Paging', the tables 'Format of a ... Entry').

use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::{Access, MemoryType, Permissions, PhysAddr};

use super::Shape;

const P: u64 = 1;
const RW: u64 = 1 << 1;
const US: u64 = 1 << 2;
const A: u64 = 1 << 5;
const D: u64 = 1 << 6;
const PS: u64 = 1 << 7;
const G: u64 = 1 << 8;
const XD: u64 = 1 << 63;

/// Bits 12 to 51.
const fn leads(word: u64) -> PhysAddr {
    PhysAddr::new(word & 0x000f_ffff_ffff_f000)
}

const fn either(is_it: bool, bit: u64) -> u64 {
    if is_it { bit } else { 0 }
}

macro_rules! x86_64 {
    ($depth:literal, $last_low:literal, $first_high:literal) => {
        impl Shape for X86_64Format<$depth> {
            const DEPTH: usize = $depth;
            const LAST_LOW: usize = $last_low;
            const FIRST_HIGH: usize = $first_high;
            const WIDTH: u32 = 52;
            /// The MMU sets A and D, whoever else would like to ('Accessed and Dirty Flags').
            const POLICIES: &'static [AccessedDirty] =
                &[AccessedDirty::Preset, AccessedDirty::Hardware];
            const CODE_IS_READABLE: bool = true;
            /// The page attribute table has no entry for it after a reset.
            const EXTENSIONS: &'static [MemoryType] = &[MemoryType::WriteCombining];
            /// Bits 9 to 11 and 52 to 58.
            const SOFTWARE: u64 = 7 << 9 | 0x7f << 52;
            const OWN: u64 = 1 << 9;
            /// P, R/W, U/S and XD; and bits 10 and 11.
            const DECIDED: u64 = P | RW | US | XD | 3 << 10;

            /// PS makes an entry above those of pages a leaf. In one of a page it is a bit of the memory type.
            fn pointed(word: u64, level: usize) -> Option<PhysAddr> {
                (level > 0 && word & (P | PS) == P).then(|| leads(word))
            }

            /// In bit 11 and the place of R/W.
            fn waits(word: u64) -> bool {
                let waits = 1 << 11 | RW;
                word & (P | waits) == waits
            }

            fn leads(word: u64) -> PhysAddr {
                leads(word)
            }

            fn allows(word: u64) -> Permissions {
                let mut allowed = Permissions::READ;
                allowed.set(Permissions::WRITE, word & RW != 0);
                allowed.set(Permissions::EXECUTE, word & XD == 0);
                allowed.set(Permissions::USER, word & US != 0);
                allowed
            }

            fn fresh(first: u64, level: usize, permissions: Permissions) -> u64 {
                let allow = |one| permissions.contains(one);
                let bits = [
                    either(allow(Permissions::WRITE), RW),
                    either(allow(Permissions::USER), US),
                    either(!allow(Permissions::EXECUTE), XD),
                    either(level > 0, PS),
                ];
                bits.into_iter().fold(first | P, |word, bit| word | bit)
            }

            fn global(leaf: u64) -> u64 {
                leaf | G
            }

            fn after(leaf: u64, access: Access) -> u64 {
                leaf | A | either(access == Access::Write, D)
            }

            fn usage(leaf: u64) -> (bool, bool) {
                (leaf & A != 0, leaf & D != 0)
            }

            fn unwritable(leaf: u64) -> u64 {
                leaf & !RW
            }
        }
    };
}

x86_64!(4, 0x7fff_ffff_ffff, 0xffff_8000_0000_0000);
x86_64!(5, 0xff_ffff_ffff_ffff, 0xff00_0000_0000_0000);
