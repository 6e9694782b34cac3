//! Entries as Arm has them, as far as the tests need it (Arm Architecture Reference Manual, 'VMSAv8-64 descriptor
//! formats', stage 1, granules of 4 KiB).
//!
//! A page and a block have different bits. There are bits for leaves that forbid, and for those that are not global.
//! Each half has its own root, and entries are broken before others are made.

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::attributes::{Attributes, MemoryType};
use crate::backend::radix::{Features, Format, Sealed};
use crate::error::MapError;
use crate::permissions::Permissions;

pub(in crate::backend::radix) enum ArmLike {}

/// In a pointer, and in the leaf of a page; a leaf of more has it clear.
const PAGE: u64 = 1 << 1;
const USER: u64 = 1 << 6;
const READ_ONLY: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 54;
/// Software's: what can be executed can be read, but what was asked for can be told.
const NO_READ: u64 = 1 << 59;
const PERMISSIONS: [(Permissions, u64, bool); 4] = [
    (Permissions::USER, USER, true),
    (Permissions::READ, NO_READ, false),
    (Permissions::WRITE, READ_ONLY, false),
    (Permissions::EXECUTE, NO_EXECUTE, false),
];
const ADDRESS: u64 = ((1 << 48) - 1) & !0xfff;

impl Sealed for ArmLike {}

impl Format for ArmLike {
    const LEVELS: usize = 4;
    const HIGHEST_LEAF: usize = 2;
    const ONE_ROOT: bool = false;
    const BREAK_BEFORE_MAKE: bool = true;
    const RANGES: &'static [MemoryArea; 2] = &[
        MemoryArea::constant(0, 0xffff_ffff_ffff),
        MemoryArea::constant(0xffff_0000_0000_0000, usize::MAX),
    ];
    const PHYSICAL_BITS: u32 = 48;
    const VALID: u64 = 1;
    const HIDDEN: u64 = 1 << 57;
    const RETIRED: u64 = 1 << 58;
    const OWNED: u64 = 1 << 56;
    const POINTER: u64 = READ_ONLY;
    const GLOBAL: u64 = 0;
    const LOCAL: u64 = 1 << 11;
    const ACCESSED: u64 = 1 << 10;
    const DIRTY: u64 = 1 << 55;
    const KEPT: u64 = ADDRESS | PAGE | Self::OWNED | Self::LOCAL | Self::ACCESSED | Self::DIRTY;

    fn supports(attributes: Attributes, _features: Features) -> Result<(), MapError> {
        match attributes.memory_type {
            MemoryType::Normal => Ok(()),
            memory_type => Err(MapError::UnsupportedMemoryType { memory_type }),
        }
    }

    fn leaf(addr: PhysAddr, attributes: Attributes, level: usize) -> u64 {
        let size = if level == 0 { PAGE } else { 0 };
        addr.get() | size | Self::permissions(attributes.permissions)
    }

    fn step(level: usize) -> u64 {
        1 << (12 + 9 * level)
    }

    fn permissions(permissions: Permissions) -> u64 {
        let is_valid = permissions.allow_any();
        let valid = if is_valid { Self::VALID } else { Self::HIDDEN };
        let is_set =
            |&&(permission, _, given): &&(_, _, bool)| permissions.contains(permission) == given;
        let bits = PERMISSIONS.iter().filter(is_set);
        bits.fold(valid, |sum, &(_, bit, _)| sum | bit)
    }

    fn attributes(word: u64) -> Attributes {
        let mut permissions = Permissions::empty();
        for (permission, bit, given) in PERMISSIONS {
            permissions.set(permission, (word & bit != 0) == given);
        }
        Attributes {
            permissions,
            memory_type: MemoryType::Normal,
        }
    }

    fn table(addr: PhysAddr, _level: usize) -> u64 {
        addr.get() | PAGE | Self::VALID
    }

    fn is_table(word: u64, level: usize) -> bool {
        level > 0 && word & (PAGE | Self::VALID) == PAGE | Self::VALID
    }

    fn child(pointer: u64) -> PhysAddr {
        Self::addr(pointer)
    }

    fn addr(word: u64) -> PhysAddr {
        PhysAddr::new(word & ADDRESS)
    }
}
