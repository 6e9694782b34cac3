//! AArch64 (Arm ARM, 'VMSAv8-64 translation table format descriptors', stage 1, with a granule of 4 KiB).

use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::{Access, MemoryType, Permissions, PhysAddr};

use super::Shape;

const VALID: u64 = 1;
/// In a table that could have a pointer there: a pointer. In one of pages: a page.
const TABLE: u64 = 1 << 1;
/// AP\[1\].
const USER: u64 = 1 << 6;
/// AP\[2\].
const READ_ONLY: u64 = 1 << 7;
/// SH: inner shareable.
const INNER: u64 = 3 << 8;
const AF: u64 = 1 << 10;
const NOT_GLOBAL: u64 = 1 << 11;
const DBM: u64 = 1 << 51;
const PXN: u64 = 1 << 53;
const UXN: u64 = 1 << 54;
/// The format's own: a leaf that may no longer be written was written.
const WRITTEN: u64 = 1 << 56;

/// Bits 12 to 47.
const fn leads(word: u64) -> PhysAddr {
    PhysAddr::new(word & 0xffff_ffff_f000)
}

macro_rules! aarch64 {
    ($depth:literal, $last_low:literal, $first_high:literal) => {
        impl Shape for Aarch64Format<$depth> {
            const DEPTH: usize = $depth;
            const LAST_LOW: usize = $last_low;
            const FIRST_HIGH: usize = $first_high;
            const WIDTH: u32 = 48;
            /// TTBR0_EL1 and TTBR1_EL1.
            const TWO_ROOTS: bool = true;
            /// 'Using break-before-make when updating translation table entries'.
            const BREAKS: usize = 1;
            const POLICIES: &'static [AccessedDirty] = &[
                AccessedDirty::Preset,
                AccessedDirty::Hardware,
                AccessedDirty::Software,
            ];
            const CODE_IS_READABLE: bool = true;
            /// MAIR_EL1 has a number for each.
            const EXTENSIONS: &'static [MemoryType] = &[];
            /// Bits 55 to 58.
            const SOFTWARE: u64 = 0xf << 55;
            const OWN: u64 = 1 << 55;
            const MEMORY: u64 = WRITTEN;
            /// Bit 0, AP, DBM, PXN and UXN; and bits 56 to 58.
            const DECIDED: u64 = VALID | USER | READ_ONLY | DBM | PXN | UXN | 7 << 56;

            fn pointed(word: u64, level: usize) -> Option<PhysAddr> {
                let pointer = VALID | TABLE;
                (level > 0 && word & pointer == pointer).then(|| leads(word))
            }

            /// In bit 58 and the place of AP\[2\].
            fn waits(word: u64) -> bool {
                let waits = 1 << 58 | READ_ONLY;
                word & (VALID | waits) == waits
            }

            fn leads(word: u64) -> PhysAddr {
                leads(word)
            }

            /// Where DBM is set, AP\[2\] says whether it was written. A page of user mode is never the kernel's code,
            /// and one of the kernel's never user mode's.
            fn allows(word: u64) -> Permissions {
                let is_user = word & USER != 0;
                let never = if is_user { UXN } else { PXN };
                let mut allowed = Permissions::READ;
                allowed.set(Permissions::WRITE, word & DBM != 0 || word & READ_ONLY == 0);
                allowed.set(Permissions::EXECUTE, word & never == 0);
                allowed.set(Permissions::USER, is_user);
                allowed
            }

            fn fresh(first: u64, level: usize, permissions: Permissions) -> u64 {
                let is_user = permissions.contains(Permissions::USER);
                let size = if level == 0 { TABLE } else { 0 };
                let user = if is_user { USER } else { 0 };
                let write = if permissions.contains(Permissions::WRITE) {
                    DBM
                } else {
                    0
                };
                let never = match (permissions.contains(Permissions::EXECUTE), is_user) {
                    (false, _) => PXN | UXN,
                    (true, true) => PXN,
                    (true, false) => UXN,
                };
                first | VALID | size | user | READ_ONLY | INNER | NOT_GLOBAL | write | never
            }

            fn global(leaf: u64) -> u64 {
                leaf & !NOT_GLOBAL
            }

            /// The MMU clears AP\[2\] where DBM is set ('Hardware management of the dirty state').
            fn after(leaf: u64, access: Access) -> u64 {
                let is_write = access == Access::Write && leaf & DBM != 0;
                let written = if is_write { READ_ONLY } else { 0 };
                (leaf | AF) & !written
            }

            fn usage(leaf: u64) -> (bool, bool) {
                let is_written = leaf & DBM != 0 && leaf & READ_ONLY == 0;
                (leaf & AF != 0, is_written || leaf & WRITTEN != 0)
            }

            fn unwritable(leaf: u64) -> u64 {
                leaf & !DBM | READ_ONLY
            }
        }
    };
}

aarch64!(4, 0xffff_ffff_ffff, 0xffff_0000_0000_0000);
aarch64!(3, 0x7f_ffff_ffff, 0xffff_ff80_0000_0000);
