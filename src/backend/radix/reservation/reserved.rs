//! The frames that a caller holds until edits make tables of them.

use crate::addr::PhysAddr;
use crate::frame::AllocatorId;

/// The link in the last frame, which has none below it. No address of a frame is odd.
pub(crate) const LAST: u64 = 1;

/// Frames that edits will make tables of. The default has none. A value that is lost leaks its frames.
///
/// It is a stack, linked through the first words of the frames themselves, so it needs no memory beside them.
///
/// The frames are for the page table that they were reserved for. Another that is given them leaves them where they
/// are, and has none. Only a later page table may take them whose root is in the same frame of the same allocator: they
/// are frames of its own allocator, handed out and nobody else's.
#[derive(Debug)]
#[must_use = "reserved frames must be given back with `unreserve`"]
pub struct Reserved {
    /// The address of the top frame, or [`LAST`]. It becomes the link in the next frame on top.
    pub(crate) top: u64,
    /// The allocator that the frames came from.
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
