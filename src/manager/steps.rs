//! The steps that verbs share.
//!
//! A verb checks by [`check_edit`](crate::backend::check_edit) or [`check_area`](crate::backend::check_area). Then it
//! goes through these: `reserve`, the edit, `finish`. `clear` is edit and finish in one, for verbs that empty an area.

use super::space::VirtualMemoryManager;
use crate::area::MemoryArea;
use crate::backend::{Edit, PageTableBackend, Run, check_edit};
use crate::error::MapError;
use crate::flush::Retired;
use crate::map::{MapRef, Payload};
use crate::tree::Tree;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Sets memory aside for an edit of the tree, and then for an edit of the page table.
    ///
    /// Answers where the tree will be edited, as `tree` has found out, and the page table's reservation. When one of
    /// the two is refused, all memory is back: a page table that refuses has kept none, and the tree is trimmed.
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

    /// Empties the entries in `area`, with memory that was reserved for it, and flushes.
    ///
    /// An area whose borders no leaf crosses needs no reservation.
    pub(super) fn clear(&mut self, area: MemoryArea, mut reserved: B::Reserved) {
        let mut out = Retired::new();
        self.backend.unmap(area, &mut reserved, &mut out);
        self.finish(reserved, out);
    }

    /// Empties all entries, and flushes.
    pub(super) fn clear_all(&mut self) {
        let (mut reserved, mut out) = (B::Reserved::default(), Retired::new());
        let mut ranges = 0;
        while let Some(&range) = self.backend.ranges().get(ranges) {
            self.backend.unmap(range, &mut reserved, &mut out);
            ranges += 1;
        }
        self.finish(reserved, out);
    }

    /// Ends an edit of the page table: memory that is left goes back, CPUs forget, and frames are given back after
    /// that.
    ///
    /// From here on nobody reaches the memory that the edit has taken out: maps may be handed to the caller.
    pub(super) fn finish(&mut self, left: B::Reserved, out: Retired) {
        self.epoch = self.epoch.wrapping_add(1);
        self.backend.unreserve(left);
        self.backend.retire(out, self.asid);
    }

    /// Ends an edit of the page table as [`finish`](Self::finish) does, and leaves the rest of it to
    /// [`settle`](Self::settle): whoever has cached a translation reaches the memory until then.
    pub(super) fn defer(&mut self, left: B::Reserved, out: &Retired) {
        self.epoch = self.epoch.wrapping_add(1);
        // Before a hook can panic: from here on it is known that something waits.
        self.deferred.add(out);
        self.backend.unreserve(left);
    }
}

/// The entries that `map` is to have, as one run; `None` where its memory comes page by page.
pub(super) fn run<T>(map: MapRef<'_, T>) -> Option<Run> {
    let (area, attributes) = (map.vmarea(), map.attributes());
    map.first().map(|first| Run {
        area,
        first,
        attributes,
    })
}

/// Checks that `backend` can map what `map` says. An offset in the kernel's object is no physical address.
///
/// # Errors
/// Those of [`check_edit`].
pub(super) fn check_map<B: PageTableBackend, T>(
    backend: &B,
    map: MapRef<'_, T>,
) -> Result<(), MapError> {
    match run(map) {
        Some(run) => check_edit(backend, Edit::Map(run)),
        None => {
            check_edit(backend, Edit::Protect(map.vmarea(), map.permissions()))?;
            backend.supports(map.attributes())
        }
    }
}
