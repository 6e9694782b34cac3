//! An edit in one call.

use crate::asid::Asid;
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::error::MapError;
use crate::flush::Retired;

/// The whole protocol for one edit: reserves, edits, gives back what is left, flushes and reaps.
#[inline(never)]
pub(super) fn in_steps<B: PageTableBackend>(
    backend: &mut B,
    edit: Edit,
    asid: Asid,
) -> Result<(), MapError> {
    // A shift leaves what it has mapped elsewhere to be unmapped.
    let behind = match edit {
        Edit::Shift { from, .. } => Some(Edit::Unmap(from)),
        _ => None,
    };
    let mut reserved = backend.reserve(core::iter::once(edit).chain(behind))?;
    let mut out = Retired::new();
    match edit {
        Edit::Map(run) => backend.map_exclusive(run, &mut reserved),
        Edit::Unmap(area) => backend.unmap(area, &mut reserved, &mut out),
        Edit::Protect(area, permissions) => {
            backend.protect(area, permissions, &mut reserved, &mut out);
        }
        Edit::Shift { from, to } => {
            backend.shift(from, to, &mut reserved, &mut out);
            backend.unmap(from, &mut reserved, &mut out);
        }
    }
    backend.unreserve(reserved);
    backend.retire(out, asid);
    Ok(())
}
