//! What a check of the invariants may find.

use core::fmt;

use crate::addr::VirtAddr;
use crate::area::MemoryArea;

/// An invariant that does not hold: a bug in this crate, in a backend or in the platform, never in its use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// Two neighbouring maps overlap or are out of order.
    Unordered {
        /// The one that comes first.
        left: MemoryArea,
        /// The one behind it.
        right: MemoryArea,
    },
    /// Two neighbouring maps have become one and are not joined.
    Unjoined {
        /// The one that comes first.
        left: MemoryArea,
        /// The one behind it.
        right: MemoryArea,
    },
    /// A map is not whole pages inside the backend's ranges.
    Unmappable {
        /// Where the map is.
        area: MemoryArea,
    },
    /// The page table has a leaf where no map is, or across a map's border.
    Stray {
        /// The leaf's pages.
        area: MemoryArea,
    },
    /// A leaf leads elsewhere than its map, or allows something else.
    Disagrees {
        /// The leaf's pages.
        area: MemoryArea,
    },
    /// A node of the tree of maps says something of itself or its children that is not so.
    Node {
        /// What the node spans.
        area: MemoryArea,
    },
    /// A page-table word that should not be there between verbs: a table without entries, or one that still waits to
    /// be given back, or a leaf that is not aligned to its size.
    Word {
        /// The first address that the word speaks of.
        addr: VirtAddr,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unordered { left, right } => {
                write!(f, "map at {right} does not come behind the map at {left}")
            }
            Self::Unjoined { left, right } => {
                write!(f, "map at {right} could be one with the map at {left}")
            }
            Self::Unmappable { area } => write!(f, "map at {area} cannot be mapped"),
            Self::Stray { area } => write!(f, "page-table leaf at {area} belongs to no map"),
            Self::Disagrees { area } => {
                write!(f, "page-table leaf at {area} disagrees with its map")
            }
            Self::Node { area } => write!(f, "tree node at {area} is not as it says"),
            Self::Word { addr } => write!(f, "page-table word for {addr} should not be there"),
        }
    }
}

impl core::error::Error for Violation {}
