//! x86-64's words, with four levels.

use kernel_vm::Permissions;

use super::Words;

pub(crate) enum X86_64 {}

const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
/// In a leaf of 2 MiB.
const LARGE: u64 = 1 << 7;
/// Ignored by the MMU.
const OWNED: u64 = 1 << 9;
const NO_EXECUTE: u64 = 1 << 63;
const PERMISSIONS: u64 = WRITABLE | USER | NO_EXECUTE;
const ADDRESS: u64 = ((1 << 52) - 1) & !0xfff;

fn bits(permissions: Permissions) -> u64 {
    let bit = |permission, bit| {
        if permissions.contains(permission) {
            bit
        } else {
            0
        }
    };
    let execute = bit(Permissions::EXECUTE, NO_EXECUTE) ^ NO_EXECUTE;
    bit(Permissions::WRITE, WRITABLE) | bit(Permissions::USER, USER) | execute
}

impl Words for X86_64 {
    const BOUND: &str = "bound-x86_64";
    const TOP: usize = 3;

    fn table(addr: u64) -> u64 {
        addr | PRESENT | WRITABLE | USER | ACCESSED
    }

    fn leaf(addr: u64, level: usize, permissions: Permissions) -> u64 {
        let size = if level == 0 { 0 } else { LARGE };
        addr | size | PRESENT | ACCESSED | DIRTY | bits(permissions)
    }

    fn step(bytes: u64) -> u64 {
        bytes
    }

    fn permissions(leaf: u64) -> Permissions {
        let mut permissions = Permissions::READ;
        permissions.set(Permissions::WRITE, leaf & WRITABLE != 0);
        permissions.set(Permissions::EXECUTE, leaf & NO_EXECUTE == 0);
        permissions.set(Permissions::USER, leaf & USER != 0);
        permissions
    }

    fn address(word: u64) -> u64 {
        word & ADDRESS
    }

    fn child(pointer: u64) -> u64 {
        pointer & ADDRESS
    }

    fn is_valid(word: u64) -> bool {
        word & PRESENT != 0
    }

    fn is_table(word: u64) -> bool {
        word & (PRESENT | LARGE) == PRESENT
    }

    fn owned(leaf: u64) -> u64 {
        leaf | OWNED
    }

    fn is_owned(word: u64) -> bool {
        word & OWNED != 0
    }

    /// Without a branch: a mask is all ones where the word is present.
    fn protected(word: u64, permissions: Permissions) -> u64 {
        let present = (word & PRESENT).wrapping_neg();
        word & !PERMISSIONS | bits(permissions) & present
    }
}
