//! Something cached that is no longer so.

use core::fmt;

use crate::addr::VirtAddr;

/// Something cached that a walk would no longer find, or that leads to a frame that was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Which CPU has it.
    pub cpu: usize,
    /// The first address for which it is wrong.
    pub vaddr: VirtAddr,
    /// Whether it can only cause page faults. Either the entry, or what it leads to, is not valid, and now there is one
    /// that is; or it is a leaf that leads where the leaf of now does, and allows less of R, W and X, or lacks A or D.
    /// A kernel that fences and tries again gets over it.
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
