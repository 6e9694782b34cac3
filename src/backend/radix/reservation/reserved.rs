//! Frames that wait to become tables.

use crate::addr::PhysAddr;
use crate::frame::AllocatorId;

/// What stands for the frame below the last. No address of a frame is odd.
pub(crate) const LAST: u64 = 1;

/// Frames that an edit will make tables of: a stack, linked through the frames' own first words, so that it needs no
/// memory beside them. The default is empty. One that is lost leaks its frames.
///
/// They are for the page table that they were reserved for, and stay where they are when another is given them, which
/// then has none. Only a later page table may take them whose root is in the same frame of the same allocator: they are
/// frames of its own allocator, handed out and nobody else's.
#[derive(Debug)]
#[must_use = "reserved frames must be given back with `unreserve`"]
pub struct Reserved {
    /// The address of the top frame, or [`LAST`]: what would be written in a frame on top of it.
    pub(crate) top: u64,
    /// Whose frames they are.
    pub(crate) allocator: AllocatorId,
    /// The root of the page table that they were reserved for.
    pub(crate) root: PhysAddr,
}

impl Default for Reserved {
    fn default() -> Self {
        Self {
            top: LAST,
            allocator: AllocatorId::MACHINE,
            root: PhysAddr::default(),
        }
    }
}
