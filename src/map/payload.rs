//! The kernel's own data in a map.

/// The kernel's own data in a map: what file it shows, whose it is.
///
/// Verbs over part of a map split it, and neighbours that have become one join: the payload follows.
///
/// It borrows nothing that may go: the nodes that keep it may be in a `static`.
pub trait Payload: Sized + 'static {
    /// Cuts the payload of a map of more than `offset` bytes: `self` keeps what belongs to the first `offset` bytes,
    /// and the answer belongs to the rest. Offsets into an object must be carried on. It must not panic.
    fn split_at(&mut self, offset: usize) -> Self;

    /// Whether `right`, which follows on `self`'s `len` bytes, may become part of `self`. When the maps join, `right`
    /// is dropped: answer false for what must not be dropped inside a verb. It must not panic.
    fn can_join(&self, len: usize, right: &Self) -> bool;
}

impl Payload for () {
    fn split_at(&mut self, _offset: usize) -> Self {}

    fn can_join(&self, _len: usize, _right: &Self) -> bool {
        true
    }
}
