//! AArch64's words, for halves of 48 bits. Access flag and dirty state are preset.

use kernel_vm::Permissions;

use super::Words;

pub(crate) enum Aarch64 {}

const VALID: u64 = 1;
/// In a pointer, and in the leaf of a page.
const TABLE: u64 = 1 << 1;
const USER: u64 = 1 << 6;
const READ_ONLY: u64 = 1 << 7;
/// Inner shareable, accessed, not global.
const COMMON: u64 = 0b11 << 8 | 1 << 10 | 1 << 11;
const NEVER_KERNEL: u64 = 1 << 53;
const NEVER_USER: u64 = 1 << 54;
/// Ignored by the MMU.
const OWNED: u64 = 1 << 55;
const PERMISSIONS: u64 = USER | READ_ONLY | NEVER_KERNEL | NEVER_USER;
const ADDRESS: u64 = ((1 << 48) - 1) & !0xfff;

fn bits(permissions: Permissions) -> u64 {
    let user = permissions.contains(Permissions::USER);
    let never = match (permissions.contains(Permissions::EXECUTE), user) {
        (false, _) => NEVER_KERNEL | NEVER_USER,
        (true, true) => NEVER_KERNEL,
        (true, false) => NEVER_USER,
    };
    let bit = |is_set, bit| if is_set { bit } else { 0 };
    let read_only = bit(!permissions.contains(Permissions::WRITE), READ_ONLY);
    bit(user, USER) | read_only | never
}

impl Words for Aarch64 {
    const BOUND: &str = "bound-aarch64";
    const TOP: usize = 3;

    fn table(addr: u64) -> u64 {
        addr | TABLE | VALID
    }

    fn leaf(addr: u64, level: usize, permissions: Permissions) -> u64 {
        let size = if level == 0 { TABLE } else { 0 };
        addr | size | VALID | COMMON | bits(permissions)
    }

    fn step(bytes: u64) -> u64 {
        bytes
    }

    fn permissions(leaf: u64) -> Permissions {
        let user = leaf & USER != 0;
        let never = if user { NEVER_USER } else { NEVER_KERNEL };
        let mut permissions = Permissions::READ;
        permissions.set(Permissions::WRITE, leaf & READ_ONLY == 0);
        permissions.set(Permissions::EXECUTE, leaf & never == 0);
        permissions.set(Permissions::USER, user);
        permissions
    }

    fn address(word: u64) -> u64 {
        word & ADDRESS
    }

    fn child(pointer: u64) -> u64 {
        pointer & ADDRESS
    }

    fn is_valid(word: u64) -> bool {
        word & VALID != 0
    }

    fn is_table(word: u64) -> bool {
        word & (VALID | TABLE) == VALID | TABLE
    }

    fn owned(leaf: u64) -> u64 {
        leaf | OWNED
    }

    fn is_owned(word: u64) -> bool {
        word & OWNED != 0
    }

    /// Without a branch: a mask is all ones where the word is valid.
    fn protected(word: u64, permissions: Permissions) -> u64 {
        let valid = (word & VALID).wrapping_neg();
        word & !PERMISSIONS | bits(permissions) & valid
    }
}
