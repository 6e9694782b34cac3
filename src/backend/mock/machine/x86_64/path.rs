//! Access rights: what the entries from the root to a leaf allow together.

use super::entry::{Bits, Entry};
use super::registers::Registers;
use crate::backend::mock::machine::privilege::Privilege;
use crate::permissions::Access;

/// What all entries on the way allow: R/W and U/S are clear where one of them is, XD is set where one of them is.
///
/// A paging-structure cache keeps the same of the entries down to the one that it holds (SDM vol. 3, 'Caches for Paging
/// Structures').
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    is_writable: bool,
    is_user: bool,
    is_executable: bool,
}

impl Default for Path {
    fn default() -> Self {
        Self {
            is_writable: true,
            is_user: true,
            is_executable: true,
        }
    }
}

impl Path {
    /// The rights behind one more entry.
    pub(super) const fn with(self, entry: Entry) -> Self {
        Self {
            is_writable: self.is_writable && entry.has(Bits::RW),
            is_user: self.is_user && entry.has(Bits::US),
            is_executable: self.is_executable && !entry.has(Bits::XD),
        }
    }

    /// Whether `access` is allowed (SDM vol. 3, 'Determination of Access Rights').
    pub(super) fn allows(self, access: Access, registers: &Registers) -> bool {
        match registers.privilege {
            Privilege::User => self.is_user && self.grants(access, true),
            Privilege::Supervisor => {
                let forbids_user = match access {
                    Access::Execute => registers.smep,
                    _ => registers.smap && !registers.ac,
                };
                !(self.is_user && forbids_user) && self.grants(access, registers.wp)
            }
        }
    }

    /// Whether R/W and XD allow `access`. A store need not be allowed where write protection is off.
    const fn grants(self, access: Access, is_write_protected: bool) -> bool {
        match access {
            Access::Read => true,
            Access::Write => self.is_writable || !is_write_protected,
            Access::Execute => self.is_executable,
        }
    }

    /// Whether every access that these rights allow is allowed by `other`, too. U/S must be alike: with SMEP and SMAP
    /// either value forbids something.
    pub(super) const fn is_within(self, other: Self) -> bool {
        self.is_user == other.is_user
            && (other.is_writable || !self.is_writable)
            && (other.is_executable || !self.is_executable)
    }

    pub(super) const fn is_writable(self) -> bool {
        self.is_writable
    }
}
