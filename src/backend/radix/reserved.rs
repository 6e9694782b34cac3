//! Frames that wait to become tables.

use crate::addr::PhysAddr;

/// Frames that an edit will make tables of: a stack, linked through the frames' own first words, so that it needs no
/// memory beside them. The default is empty. One that is lost leaks its frames.
#[derive(Debug, Default)]
#[must_use = "reserved frames must be given back with `unreserve`"]
pub struct Reserved {
    /// The top frame, and the root of the page table that they were reserved for.
    pub(super) top: Option<PhysAddr>,
    pub(super) owner: Option<PhysAddr>,
}
