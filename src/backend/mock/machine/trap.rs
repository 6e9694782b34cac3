//! Traps: the reasons for which an access does not happen.

use core::fmt;

use crate::addr::{PhysAddr, VirtAddr};
use crate::permissions::Access;

/// The cause of a trap, as a CPU writes it into `scause` (Privileged, 'Supervisor Cause Register').
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Cause {
    /// No memory where an instruction, or a table on the way to it, should be.
    InstructionAccessFault = 1,
    /// No memory where a load, or a table on the way to it, goes.
    LoadAccessFault = 5,
    /// No memory where a store, or a table on the way to it, goes.
    StoreAccessFault = 7,
    /// The page table does not let the instruction be fetched.
    InstructionPageFault = 12,
    /// The page table does not allow the load.
    LoadPageFault = 13,
    /// The page table does not allow the store.
    StorePageFault = 15,
}

impl Cause {
    /// The number in `scause`.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// An access that trapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Trap {
    /// The reason for the trap.
    pub cause: Cause,
    /// The first byte that could not be accessed, as `stval` has it.
    pub vaddr: VirtAddr,
    /// The physical address, of a table or of data, at which the access found a frame that is not in use.
    ///
    /// It is a use after free, and `cause` is an access fault. Hardware says nothing of the kind: it would go on.
    pub freed: Option<PhysAddr>,
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.cause, self.vaddr)?;
        self.freed.map_or(Ok(()), |at| {
            write!(f, ": use after free, no frame is in use at {at}")
        })
    }
}

impl core::error::Error for Trap {}

/// The reason for which a walk stopped, whatever the access was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// An entry is not valid, reserved, misaligned, or does not allow the access.
    Page,
    /// A table, or the memory that is accessed, is where no memory is.
    Memory,
    /// The frame at this address is not in use.
    Freed(PhysAddr),
}

impl Stop {
    /// The trap that `access` to `vaddr` takes for this reason.
    pub(super) const fn trap(self, access: Access, vaddr: VirtAddr) -> Trap {
        let cause = match (self, access) {
            (Self::Page, Access::Execute) => Cause::InstructionPageFault,
            (Self::Page, Access::Read) => Cause::LoadPageFault,
            (Self::Page, Access::Write) => Cause::StorePageFault,
            (_, Access::Execute) => Cause::InstructionAccessFault,
            (_, Access::Read) => Cause::LoadAccessFault,
            (_, Access::Write) => Cause::StoreAccessFault,
        };
        let freed = match self {
            Self::Freed(at) => Some(at),
            _ => None,
        };
        Trap {
            cause,
            vaddr,
            freed,
        }
    }
}
