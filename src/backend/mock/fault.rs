//! The reasons for which an access to the mock is refused.

use core::fmt;

use crate::addr::VirtAddr;
use crate::permissions::{Access, Permissions};

/// The reason for which [`MockBackend::access`](super::MockBackend::access) answered no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Neither the TLB nor the page table has a valid entry for the page; a hidden one is not valid.
    NotMapped {
        /// The address that was accessed.
        vaddr: VirtAddr,
    },
    /// There is a valid entry, and it does not allow the access.
    Denied {
        /// The address that was accessed.
        vaddr: VirtAddr,
        /// The kind of access that the entry does not allow.
        access: Access,
        /// The permissions of the entry, as the CPU has it cached: the page table may say something else by now.
        permissions: Permissions,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotMapped { vaddr } => write!(f, "no valid entry for {vaddr}"),
            Self::Denied {
                vaddr,
                access,
                permissions,
            } => {
                let verb = match access {
                    Access::Read => "read",
                    Access::Write => "write",
                    Access::Execute => "execute",
                };
                write!(
                    f,
                    "entry for {vaddr} allows {permissions}, which is no {verb}"
                )
            }
        }
    }
}

impl core::error::Error for Fault {}
