//! The data of the kernel's own that a map carries, and how it follows splits and joins.

/// The kernel's own data in a map: the file that it shows, the process that owns it.
///
/// Verbs over part of a map split it, and neighbours that have become one join: the payload follows.
///
/// It borrows nothing that may go: the nodes that keep it may be in a `static`. Verbs pass payloads by value, a dozen
/// at most at a time: large data belongs behind a pointer where the kernel's stack is small.
///
/// No method should panic, nor its `Drop`. One that does leaves the space
/// [sound](crate::VirtualMemoryManager#when-something-panics).
pub trait Payload: Sized + 'static {
    /// Cuts the payload of a map of more than `offset` bytes: `self` keeps what belongs to the first `offset` bytes,
    /// and the answer belongs to the rest. Offsets into an object must be carried on.
    fn split_at(&mut self, offset: usize) -> Self;

    /// Whether `right`, which follows on `self`'s `len` bytes, may become part of `self`. When the maps join, `right`
    /// is dropped: answer false for a payload that must not be dropped inside a verb.
    ///
    /// The answer speaks of the border between the two: the last part of `self` and the first of `right` answer as the
    /// whole payloads do.
    fn can_join(&self, len: usize, right: &Self) -> bool;
}

impl Payload for () {
    fn split_at(&mut self, _offset: usize) -> Self {}

    fn can_join(&self, _len: usize, _right: &Self) -> bool {
        true
    }
}
