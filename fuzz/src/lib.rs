//! What the fuzz targets share.

use arbitrary::{Arbitrary, Result, Unstructured};
use kernel_vm::{MapError, MemoryArea, Permissions, VirtAddr};

pub const PAGE: usize = 4096;

/// The area of `size` bytes from `start` on.
pub fn area(start: usize, size: usize) -> MemoryArea {
    MemoryArea::from_start_size(VirtAddr::new(start), size).unwrap()
}

/// How many operations a run has at most: more make it slower, and reach no other states.
const MOST_OPS: usize = 128;

/// Operations until the bytes are used up. A `Vec` of them would ask a bit before each whether to go on, and so would
/// mostly be two.
#[derive(Debug)]
pub struct Ops<T>(pub Vec<T>);

impl<'a, T: Arbitrary<'a>> Arbitrary<'a> for Ops<T> {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let mut ops = Vec::new();
        while !bytes.is_empty() && ops.len() < MOST_OPS {
            ops.push(bytes.arbitrary()?);
        }
        Ok(Self(ops))
    }
}

/// Permissions, one kind of which no page table can have.
#[derive(Clone, Copy, Debug)]
pub enum Rights {
    None,
    Read,
    ReadWrite,
    ReadExecute,
    User,
    UserOnly,
    WriteOnly,
}

impl<'a> Arbitrary<'a> for Rights {
    /// Mostly the same, so that neighbours often join.
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let rare = bytes.choose(&[
            Self::None,
            Self::ReadExecute,
            Self::User,
            Self::UserOnly,
            Self::WriteOnly,
        ])?;
        Ok(*bytes.choose(&[Self::Read, Self::Read, Self::Read, Self::ReadWrite, *rare])?)
    }
}

impl Rights {
    pub fn permissions(self) -> Permissions {
        match self {
            Self::None => Permissions::empty(),
            Self::Read => Permissions::READ,
            Self::ReadWrite => Permissions::READ | Permissions::WRITE,
            Self::ReadExecute => Permissions::READ | Permissions::EXECUTE,
            Self::User => Permissions::all(),
            Self::UserOnly => Permissions::USER,
            Self::WriteOnly => Permissions::WRITE,
        }
    }

    /// As the manager checks it.
    pub fn check(self) -> core::result::Result<(), MapError> {
        match self {
            Self::WriteOnly => Err(MapError::WriteWithoutRead {
                permissions: Permissions::WRITE,
            }),
            _ => Ok(()),
        }
    }
}

/// From 1 to `1 << shift`, and small numbers as likely as large ones.
pub fn log_scaled(bytes: &mut Unstructured<'_>, shift: u32) -> Result<usize> {
    let shift = bytes.int_in_range(0..=shift)?;
    bytes.int_in_range(1..=1 << shift)
}
