//! Letting a leaf allow more, for the same frame.

use crate::area::MemoryArea;
use crate::backend::check::check_edit;
use crate::backend::page_table::Edit;
use crate::backend::radix::entry::features::AccessedDirty;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::transition::permit::permit;
use crate::backend::radix::hooks::New;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::find::{Found, entry};
use crate::backend::radix::walk::table::span;
use crate::backend::run::{Entry, Run};
use crate::permissions::{Access, Permissions};
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// As [`Paging::permit`](crate::backend::Paging::permit).
    pub(in crate::backend::radix) fn permit_leaf(
        &self,
        old: Run,
        permissions: Permissions,
    ) -> Result<(), Entry> {
        let page = old.area.start();
        let Found { word, value, level } = self.find(page).ok_or(Entry::Empty)?;
        let is_sound = check_edit(self, Edit::Protect(old.area, permissions)).is_ok();
        let is_whole = old.area == MemoryArea::block(page, span(level));
        let gained = permissions - old.attributes.permissions;
        self.made_code(old.first, old.area.size(), gained);
        let is_more = permissions.contains(old.attributes.permissions);
        // Where these bits are preset, they are from when the leaf can be written.
        let is_preset = self.features().accessed_dirty == AccessedDirty::Preset;
        let used = if is_preset && permissions.contains(Permissions::WRITE) {
            F::used(Access::Write)
        } else {
            0
        };
        let bits = F::permissions(permissions) | used;
        if !(is_sound && is_whole && is_more) {
            return Err(entry::<F>(value, page, level));
        }
        match permit::<F>(word, old, bits) {
            Ok(_) => {
                self.made_valid(old.area, New::Leaves);
                Ok(())
            }
            Err(found) => Err(entry::<F>(found, page, level)),
        }
    }
}
