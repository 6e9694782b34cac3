//! The checks of an edit, alike for every backend.
//!
//! A backend calls these before it edits, and the manager before it changes a map. So an area that reaches a page table
//! is whole pages inside one range, whoever sent it.

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::area_error::AreaError;
use crate::attributes::Attributes;
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::backend::run::Run;
use crate::error::MapError;
use crate::permissions::Permissions;

/// Whether `backend` can be asked for this edit at all. O(1).
///
/// # Errors
/// - For any area, the errors of [`check_area`].
/// - For a shift also [`MapError::MovesOntoItself`], and [`MapError::CannotGrow`] unless the sizes are the same.
/// - For a run also [`MapError::MisalignedPhys`], [`MapError::PhysOutOfRange`] and [`MapError::UnsupportedMemoryType`].
/// - For permissions [`MapError::UnknownPermissions`], [`MapError::WriteWithoutRead`], and
///   [`MapError::WidensPermissions`] where the backend's entries would allow more.
#[inline]
pub fn check_edit<B: PageTableBackend>(backend: &B, edit: Edit) -> Result<(), MapError> {
    match edit {
        Edit::Map(run) => check_run(backend, &run),
        Edit::Unmap(area) => check_area(backend, area),
        Edit::Shift { from, to } => check_shift(backend, from, to),
        Edit::Protect(area, permissions) => check_area(backend, area)
            .and(check_permissions(permissions))
            .and_then(|()| backend.supports(Attributes::from(permissions))),
    }
}

fn check_shift<B: PageTableBackend>(
    backend: &B,
    from: MemoryArea,
    to: MemoryArea,
) -> Result<(), MapError> {
    check_area(backend, from)?;
    check_area(backend, to)?;
    if to.overlaps(&from) {
        return Err(MapError::MovesOntoItself { old: from, new: to });
    }
    if to.size() != from.size() {
        return Err(MapError::CannotGrow { old: from, new: to });
    }
    Ok(())
}

/// Whether `area` is whole pages that `backend` can map. O(1).
///
/// # Errors
/// [`MapError::Misaligned`], [`MapError::MisalignedSize`], [`MapError::OutOfRange`].
#[inline]
pub fn check_area<B: PageTableBackend>(backend: &B, area: MemoryArea) -> Result<(), MapError> {
    let align = B::PAGE_SIZE;
    if !area.start().is_aligned(align) {
        return Err(MapError::Misaligned {
            addr: area.start(),
            align,
        });
    }
    if area.size() % align != 0 {
        return Err(MapError::MisalignedSize {
            size: area.size(),
            align,
        });
    }
    if !backend
        .ranges()
        .iter()
        .any(|range| range.contains_area(area))
    {
        return Err(MapError::OutOfRange { area });
    }
    Ok(())
}

#[inline]
pub(super) fn check_run<B: PageTableBackend>(backend: &B, run: &Run) -> Result<(), MapError> {
    let &Run {
        area,
        first,
        attributes: Attributes { permissions, .. },
    } = run;
    check_area(backend, area)?;
    check_permissions(permissions)?;
    if !first.is_aligned(B::PAGE_SIZE) {
        return Err(MapError::MisalignedPhys {
            addr: first,
            align: B::PAGE_SIZE,
        });
    }
    let pmarea: Result<MemoryArea<PhysAddr>, AreaError> =
        MemoryArea::from_start_size(first, area.size());
    let pmarea = pmarea?;
    if !backend.physical_range().contains_area(pmarea) {
        return Err(MapError::PhysOutOfRange { area: pmarea });
    }
    backend.supports(run.attributes)
}

#[inline]
fn check_permissions(permissions: Permissions) -> Result<(), MapError> {
    if !Permissions::all().contains(permissions) {
        return Err(MapError::UnknownPermissions { permissions });
    }
    if permissions.contains(Permissions::WRITE) && !permissions.contains(Permissions::READ) {
        return Err(MapError::WriteWithoutRead { permissions });
    }
    Ok(())
}
