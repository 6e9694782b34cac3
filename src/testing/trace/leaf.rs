//! What the page table says of one page.

use core::fmt;

use crate::addr::{PhysAddr, VirtAddr};
use crate::backend::{Entry, Run};
use crate::permissions::Permissions;

/// Where a page leads, and what it allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Leaf {
    pub(super) first: Option<PhysAddr>,
    pub(super) permissions: Permissions,
}

impl Leaf {
    /// What `run` says of `page`; `None` where the MMU sees nothing.
    pub(super) fn of(run: Run, page: VirtAddr) -> Option<Self> {
        let permissions = run.attributes.permissions;
        permissions.allow_any().then(|| Self {
            first: run.translate(page),
            permissions,
        })
    }

    /// What `entry` says of `page`; `None` where the MMU sees nothing.
    pub(super) fn of_entry(entry: Entry, page: VirtAddr) -> Option<Self> {
        match entry {
            Entry::Leaf(run) => Self::of(run, page),
            Entry::Hidden(_) | Entry::Empty | Entry::Busy => None,
        }
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.permissions)?;
        match self.first {
            Some(first) => write!(f, " at {first}"),
            None => f.write_str(" at no address"),
        }
    }
}
