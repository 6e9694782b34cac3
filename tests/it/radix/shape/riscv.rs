//! RISC-V ('Sv39', 'Sv48' and 'Sv57: Page-Based ... Virtual-Memory System').

use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::backend::sv39::Sv39Format;
use kernel_vm::backend::sv48::Sv48Format;
use kernel_vm::backend::sv57::Sv57Format;
use kernel_vm::{Access, MemoryType, Permissions, PhysAddr};

use super::Shape;

const V: u64 = 1;
const W: u64 = 1 << 2;
const G: u64 = 1 << 5;
const A: u64 = 1 << 6;
const D: u64 = 1 << 7;

/// The page number is bits 10 to 53.
const fn leads(word: u64) -> PhysAddr {
    PhysAddr::new((word >> 10 & ((1 << 44) - 1)) << 12)
}

macro_rules! riscv {
    ($format:ty, $depth:literal, $last_low:literal, $first_high:literal) => {
        impl Shape for $format {
            const DEPTH: usize = $depth;
            const LAST_LOW: usize = $last_low;
            const FIRST_HIGH: usize = $first_high;
            const WIDTH: u32 = 56;
            const POLICIES: &'static [AccessedDirty] = &[
                AccessedDirty::Preset,
                AccessedDirty::Hardware,
                AccessedDirty::Software,
            ];
            const CODE_IS_READABLE: bool = false;
            /// Svpbmt's.
            const EXTENSIONS: &'static [MemoryType] =
                &[MemoryType::NonCacheable, MemoryType::Device];
            /// RSW.
            const SOFTWARE: u64 = 3 << 8;
            const OWN: u64 = 1 << 8;
            /// V, R, W, X and U; and bit 9.
            const DECIDED: u64 = 0x1f | 1 << 9;

            /// R = W = X = 0 makes a valid entry a pointer.
            fn pointed(word: u64, _level: usize) -> Option<PhysAddr> {
                (word & 0xf == V).then(|| leads(word))
            }

            /// In the places of R and W.
            fn waits(word: u64) -> bool {
                word & 7 == 6
            }

            fn leads(word: u64) -> PhysAddr {
                leads(word)
            }

            fn allows(word: u64) -> Permissions {
                Permissions::from_bits_truncate((word >> 1 & 0xf) as u8)
            }

            fn fresh(first: u64, _level: usize, permissions: Permissions) -> u64 {
                first >> 2 | u64::from(permissions.bits()) << 1 | V
            }

            fn global(leaf: u64) -> u64 {
                leaf | G
            }

            fn after(leaf: u64, access: Access) -> u64 {
                leaf | if access == Access::Write { A | D } else { A }
            }

            fn usage(leaf: u64) -> (bool, bool) {
                (leaf & A != 0, leaf & D != 0)
            }

            fn unwritable(leaf: u64) -> u64 {
                leaf & !W
            }
        }
    };
}

riscv!(Sv39Format, 3, 0x3f_ffff_ffff, 0xffff_ffc0_0000_0000);
riscv!(Sv48Format, 4, 0x7fff_ffff_ffff, 0xffff_8000_0000_0000);
riscv!(Sv57Format, 5, 0xff_ffff_ffff_ffff, 0xff00_0000_0000_0000);
