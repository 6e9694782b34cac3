//! What `ESR_EL1` says of an access that did not happen.

use crate::backend::mock::machine::privilege::Privilege;
use crate::backend::mock::machine::trap::Stop;
use crate::permissions::Access;

/// The reason for an abort, with the level of lookup at which it was found: 0 to 3, of which 3 has the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A table, or the memory behind a leaf, is at an address that is wider than the CPU's.
    AddressSize(u8),
    /// A descriptor is not valid; at level 0 also that no TTBR translates the address.
    Translation(u8),
    /// The leaf has no AF, and the hardware does not set it.
    AccessFlag(u8),
    /// The leaf, or a table on the way, does not allow the access.
    Permission(u8),
    /// No memory is where the access, or a table on the way to it, goes: a synchronous External abort. Hardware tells
    /// the one from the other.
    External,
}

impl Fault {
    pub(super) fn address_size(level: usize) -> Self {
        Self::AddressSize(number(level))
    }

    pub(super) fn translation(level: usize) -> Self {
        Self::Translation(number(level))
    }

    pub(super) fn access_flag(level: usize) -> Self {
        Self::AccessFlag(number(level))
    }

    pub(super) fn permission(level: usize) -> Self {
        Self::Permission(number(level))
    }

    /// The fault status code: bits 0 to 5 of the syndrome ('ISS encoding for an exception from a Data Abort', DFSC).
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::AddressSize(level) => level,
            Self::Translation(level) => 0b00_0100 | level,
            Self::AccessFlag(level) => 0b00_1000 | level,
            Self::Permission(level) => 0b00_1100 | level,
            Self::External => 0b01_0000,
        }
    }
}

/// The manual's number of a level, whose last is 3.
fn number(level: usize) -> u8 {
    3_u8.saturating_sub(u8::try_from(level).unwrap_or(3))
}

impl Default for Fault {
    fn default() -> Self {
        Self::Translation(0)
    }
}

/// A Data Abort, or an Instruction Abort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Abort {
    /// The reason.
    pub fault: Fault,
    /// The access that did not happen.
    pub access: Access,
    /// The mode that it was made in.
    pub privilege: Privilege,
}

impl Abort {
    pub(super) const fn of(privilege: Privilege, stop: Stop<Fault>, access: Access) -> Self {
        let fault = match stop {
            Stop::Fault(fault) => fault,
            Stop::Memory | Stop::Freed(_) => Fault::External,
        };
        Self {
            fault,
            access,
            privilege,
        }
    }

    /// The syndrome (`ESR_EL1`): EC in bits 26 to 31, IL in 25, WnR in 6, the fault status code in 0 to 5. O(1).
    #[must_use]
    pub const fn esr(self) -> u32 {
        let class = match self.access {
            Access::Execute => 0b10_0000,
            Access::Read | Access::Write => 0b10_0100,
        };
        let is_from_el1 = matches!(self.privilege, Privilege::Supervisor) as u32;
        let is_write = matches!(self.access, Access::Write) as u32;
        (class | is_from_el1) << 26 | 1 << 25 | is_write << 6 | self.fault.code() as u32
    }
}
