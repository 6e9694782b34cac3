//! What `scause` says of an access that did not happen.

use crate::backend::mock::machine::trap::Stop;
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

impl Cause {
    pub(super) const fn is_page_fault(self) -> bool {
        matches!(
            self,
            Self::InstructionPageFault | Self::LoadPageFault | Self::StorePageFault
        )
    }

    /// The cause with which `access` stops.
    pub(super) const fn of(stop: Stop<()>, access: Access) -> Self {
        match (stop, access) {
            (Stop::Fault(()), Access::Execute) => Self::InstructionPageFault,
            (Stop::Fault(()), Access::Read) => Self::LoadPageFault,
            (Stop::Fault(()), Access::Write) => Self::StorePageFault,
            (_, Access::Execute) => Self::InstructionAccessFault,
            (_, Access::Read) => Self::LoadAccessFault,
            (_, Access::Write) => Self::StoreAccessFault,
        }
    }
}
