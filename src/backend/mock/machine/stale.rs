//! The finding of the oracle: a cached entry that is no longer so.

use core::fmt;

use crate::addr::VirtAddr;

/// A cached entry that a walk would no longer find, or that leads to a frame that was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale {
    /// The CPU that has cached the entry.
    pub cpu: usize,
    /// The first address for which the entry is wrong.
    pub vaddr: VirtAddr,
    /// Whether the entry can only cause page faults: a kernel that fences and tries again gets over it.
    ///
    /// There are two such entries. One is not valid, or leads to one that is not, and by now there is one that is. The
    /// other is a leaf that leads where the leaf of now does, and allows less, or lacks an accessed or dirty bit. A
    /// dirty bit is not asked for where there is no permission to write. On x86-64 the fault itself ends it.
    pub is_spurious: bool,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let harm = if self.is_spurious {
            "spurious fault"
        } else {
            "stale translation"
        };
        write!(f, "{harm} for {} on CPU {}", self.vaddr, self.cpu)
    }
}
