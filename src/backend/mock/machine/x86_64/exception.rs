//! What an x86-64 CPU says of an access that did not happen.

use super::reason::Reason;
use super::registers::Registers;
use crate::backend::mock::machine::privilege::Privilege;
use crate::backend::mock::machine::trap::Stop;
use crate::permissions::Access;

/// The exception that an x86-64 CPU raises for an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Exception {
    /// `#PF`: the page table does not allow the access. The error code says why, and `CR2` has the address.
    PageFault(ErrorCode),
    /// `#GP`: the address is not canonical.
    GeneralProtection,
    /// No memory where the access, or a table on the way to it, goes. Hardware says nothing of the kind: it reads ones,
    /// and loses what is written.
    NoMemory,
}

bitflags::bitflags! {
    /// The error code of a page fault (SDM vol. 3, 'Page-Fault Exceptions').
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct ErrorCode: u32 {
        /// The entry is present, and does not allow the access. Otherwise an entry on the way is not present.
        const P = 1 << 0;
        /// The access was a store.
        const W = 1 << 1;
        /// The access was made in user mode.
        const U = 1 << 2;
        /// A reserved bit is set in an entry.
        const RSVD = 1 << 3;
        /// The access was a fetch: told where EFER.NXE or CR4.SMEP is set.
        const I = 1 << 4;
    }
}

impl Exception {
    /// The exception with which `access` stops. `tells_fetches` is EFER.NXE.
    pub(super) fn of(
        registers: &Registers,
        stop: Stop<Reason>,
        access: Access,
        tells_fetches: bool,
    ) -> Self {
        let Stop::Fault(reason) = stop else {
            return Self::NoMemory;
        };
        let mut code = match reason {
            Reason::NotCanonical => return Self::GeneralProtection,
            Reason::NotPresent => ErrorCode::empty(),
            Reason::Reserved => ErrorCode::P | ErrorCode::RSVD,
            Reason::Protection => ErrorCode::P,
        };
        code.set(ErrorCode::W, access == Access::Write);
        code.set(ErrorCode::U, registers.privilege == Privilege::User);
        let is_fetch = access == Access::Execute;
        code.set(ErrorCode::I, is_fetch && (tells_fetches || registers.smep));
        Self::PageFault(code)
    }
}
