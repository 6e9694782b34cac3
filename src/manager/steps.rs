//! The steps that verbs share.

use super::space::VirtualMemoryManager;
use crate::area::MemoryArea;
use crate::backend::{Edit, PageTableBackend, Run};
use crate::error::MapError;
use crate::flush::Retired;
use crate::map::{MapRef, Payload};
use crate::tree::Tree;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Sets memory aside for an edit of the tree, and for one of the page table. When one of them is refused, all memory
    /// is back.
    pub(super) fn reserve<S>(
        &mut self,
        tree: impl FnOnce(&mut Tree<T>) -> Result<S, MapError>,
        edit: Edit,
    ) -> Result<(S, B::Reserved), MapError> {
        let spot = tree(&mut self.tree)?;
        match self.backend.reserve([edit].into_iter()) {
            Ok(reserved) => Ok((spot, reserved)),
            Err(error) => {
                self.tree.trim();
                Err(error)
            }
        }
    }

    /// Empties the entries in `area`, with what was reserved, and flushes.
    pub(super) fn clear(&mut self, area: MemoryArea, mut with: B::Reserved) {
        let mut out = Retired::new();
        self.backend.unmap(area, &mut with, &mut out);
        self.finish(with, out);
    }

    /// The end of every edit: leftovers back, flush, reap.
    pub(super) fn finish(&mut self, left: B::Reserved, out: Retired) {
        self.backend.unreserve(left);
        self.backend.retire(out, self.asid);
    }
}

/// What the page table is to say of `map`.
pub(super) fn run<T>(map: MapRef<'_, T>) -> Run {
    Run {
        area: map.vmarea(),
        first: map.first(),
        attributes: map.attributes(),
    }
}
