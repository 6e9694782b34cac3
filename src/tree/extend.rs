//! Growth of a map at its end: the tree's part of an `mremap` to more bytes.

use super::store::Tree;
use crate::addr::VirtAddr;
use crate::map::Payload;

impl<T: Payload> Tree<T> {
    /// Lets the map whose last byte is `last` go on to `end`, and joins it with the map behind if that continues it.
    /// Nothing may be in the way. Takes no node. O(log n).
    pub(crate) fn extend(&mut self, last: VirtAddr, end: VirtAddr) {
        self.edit(last.get(), |leaf, at| {
            leaf.set_end(at, end.get());
        });
        if let Some(next) = end.checked_add(1) {
            self.join_at(next);
        }
    }
}
