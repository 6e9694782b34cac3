//! Why an access did not happen.

use core::fmt;

use crate::addr::VirtAddr;
use crate::permissions::{Access, Permissions};

/// Why [`MockBackend::access`](super::MockBackend::access) answered no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Neither the TLB nor the page table has a valid entry for the page; a hidden one is not valid.
    NotMapped {
        /// What was accessed.
        vaddr: VirtAddr,
    },
    /// There is a valid entry, and it does not allow the access.
    Denied {
        /// What was accessed.
        vaddr: VirtAddr,
        /// How.
        access: Access,
        /// What the entry allows, as the CPU has it cached.
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
