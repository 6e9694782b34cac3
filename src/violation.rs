//! Invariants that do not hold.

use core::fmt;

use crate::addr::VirtAddr;
use crate::area::MemoryArea;

/// An invariant that does not hold: a bug in this crate, in a backend or in the platform, never in its use.
///
/// [`check_invariants`](crate::VirtualMemoryManager::check_invariants) answers the first that it finds. A page table by
/// itself is asked by [`PageTableBackend::check_invariants`](crate::backend::PageTableBackend::check_invariants).
///
/// ```
/// # use kernel_vm::{AreaError, MemoryArea, VirtAddr, Violation};
/// let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x1000)?;
/// let stray = Violation::Stray { area }.to_string();
/// assert_eq!(stray, "page-table leaf at 0x1000..=0x1fff belongs to no map");
/// # Ok::<(), AreaError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// Two neighbouring maps overlap or are out of order.
    Unordered {
        /// The map that comes first.
        left: MemoryArea,
        /// The map behind it.
        right: MemoryArea,
    },
    /// Two neighbouring maps have become one and are not joined.
    Unjoined {
        /// The map that comes first.
        left: MemoryArea,
        /// The map behind it.
        right: MemoryArea,
    },
    /// A map is not whole pages inside the backend's ranges.
    Unmappable {
        /// The pages of the map.
        area: MemoryArea,
    },
    /// A leaf of the page table lies where no map is, or across a map's border.
    Stray {
        /// The leaf's pages.
        area: MemoryArea,
    },
    /// A leaf of the page table leads elsewhere than its map, or has other attributes.
    Disagrees {
        /// The leaf's pages.
        area: MemoryArea,
    },
    /// A node of the tree of maps says something of itself or its children that is not so.
    Node {
        /// The span of the node's maps.
        area: MemoryArea,
    },
    /// A page-table word should not be there between verbs.
    ///
    /// It is a table without entries, one that still waits to be given back, or a leaf that is not aligned to its size.
    Word {
        /// The first address that is translated by the word.
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
