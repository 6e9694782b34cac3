//! Laws of `reserve` and `unreserve`.

use alloc::vec::Vec;

use super::place::{NONE, R, RXU, part, small_block, sure};
use super::space::Space;
use crate::area::MemoryArea;
use crate::attributes::{Attributes, MemoryType};
use crate::backend::Run;
use crate::backend::{Edit, PageTableBackend};
use crate::error::MapError;
use crate::permissions::Permissions;

/// `reserve` refuses edits that cannot be made, with the reason, and nothing has changed.
///
/// Such edits have an area that is misaligned or outside the ranges, frames that no entry can hold, or permissions or a
/// memory type that no entry can say. They are refused alone, behind an edit that is sound, and between two: then the
/// reservation for the sound ones goes back.
pub(super) fn reserve_refuses_what_cannot_be<B: PageTableBackend>(space: &mut Space<'_, B>) {
    let run = small_block(&space.backend);
    let kept = run.inside(part::<B>(run.area, 9, 9));
    space.verb(&[Edit::Map(kept)]);
    let areas = refused_areas(&space.backend, run.area).into_iter();
    let areas = areas.flat_map(|(area, error)| {
        [
            Edit::Map(Run { area, ..run }),
            Edit::Unmap(area),
            Edit::Protect(area, R),
        ]
        .map(|edit| (edit, error))
    });
    let rest = refused_runs(&space.backend, run)
        .into_iter()
        .chain(refused_permissions(run))
        .chain(refused_shifts::<B>(run.area));
    for (edit, error) in areas.chain(rest) {
        space.refuses(&[edit], error);
        space.refuses(&[Edit::Map(run), edit], error);
        space.refuses(
            &[
                Edit::Unmap(part::<B>(run.area, 10, 1)),
                edit,
                Edit::Map(run),
            ],
            error,
        );
    }
    space.holds(&[kept]);
}

/// Areas that no edit may name, and the error for each: misaligned, no whole pages, across the borders of each range.
fn refused_areas<B: PageTableBackend>(
    backend: &B,
    area: MemoryArea,
) -> Vec<(MemoryArea, MapError)> {
    let align = B::PAGE_SIZE;
    let addr = sure(area.at(1));
    let shifted = sure(MemoryArea::from_start_size(addr, align).ok());
    let short = sure(MemoryArea::from_start_size(area.start(), align - 1).ok());
    let mut refused = Vec::from([
        (shifted, MapError::Misaligned { addr, align }),
        (
            short,
            MapError::MisalignedSize {
                size: align - 1,
                align,
            },
        ),
    ]);
    for range in backend.ranges() {
        let starts = [
            range.start().checked_sub(align),
            range.end().checked_sub(align - 1),
        ];
        let across = starts
            .into_iter()
            .flatten()
            .map(|start| MemoryArea::from_start_size(start, 2 * align));
        refused.extend(
            across
                .flatten()
                .map(|area| (area, MapError::OutOfRange { area })),
        );
    }
    refused
}

/// Maps that are refused for their frames or their memory type, and the error for each.
fn refused_runs<B: PageTableBackend>(backend: &B, run: Run) -> Vec<(Edit, MapError)> {
    let align = B::PAGE_SIZE;
    let addr = run.leading_further(1).first;
    let mut refused = Vec::from([(
        Run { first: addr, ..run },
        MapError::MisalignedPhys { addr, align },
    )]);
    let last = sure(backend.physical_range().end().checked_sub(align - 1));
    let far = Run {
        area: part::<B>(run.area, 0, 2),
        first: last,
        ..run
    };
    let error = match MemoryArea::from_start_size(last, 2 * align) {
        Ok(area) => MapError::PhysOutOfRange { area },
        Err(error) => MapError::Area(error),
    };
    refused.push((far, error));
    for memory_type in [MemoryType::NonCacheable, MemoryType::Device] {
        let attributes = Attributes {
            memory_type,
            ..run.attributes
        };
        if backend.supports(attributes).is_err() {
            refused.push((
                Run { attributes, ..run },
                MapError::UnsupportedMemoryType { memory_type },
            ));
        }
    }
    refused
        .into_iter()
        .map(|(run, error)| (Edit::Map(run), error))
        .collect()
}

/// Shifts that are refused: onto themselves, and to an area of another size.
fn refused_shifts<B: PageTableBackend>(area: MemoryArea) -> [(Edit, MapError); 2] {
    let [from, onto, less] =
        [(0, 9), (4, 9), (20, 8)].map(|(at, pages)| part::<B>(area, at, pages));
    let onto_itself = MapError::MovesOntoItself {
        old: from,
        new: onto,
    };
    let grows = MapError::CannotGrow {
        old: from,
        new: less,
    };
    [
        (Edit::Shift { from, to: onto }, onto_itself),
        (Edit::Shift { from, to: less }, grows),
    ]
}

/// Maps and protects that are refused for their permissions, and the error for each.
fn refused_permissions(run: Run) -> Vec<(Edit, MapError)> {
    let write = [Permissions::WRITE, (RXU - R).union(Permissions::WRITE)];
    let write = write.map(|permissions| (permissions, MapError::WriteWithoutRead { permissions }));
    let unknown = Permissions::from_bits_retain(!Permissions::all().bits() | R.bits());
    let all = write.into_iter().chain([(
        unknown,
        MapError::UnknownPermissions {
            permissions: unknown,
        },
    )]);
    let edits = |permissions| {
        [
            Edit::Map(run.allowing(permissions)),
            Edit::Protect(run.area, permissions),
        ]
    };
    all.flat_map(|(permissions, error)| edits(permissions).map(|edit| (edit, error)))
        .collect()
}

/// A reservation that is given back unused changes nothing, whatever edits it was for.
///
/// A verb that fails later on gives its reservations back in this way. The default reservation holds nothing and can be
/// given back, too.
pub(super) fn giving_a_reservation_back_changes_nothing<B: PageTableBackend>(
    space: &mut Space<'_, B>,
) {
    let run = small_block(&space.backend);
    space.verb(&[Edit::Map(run)]);
    let inner = part::<B>(run.area, 200, 3);
    let wider = run.widened(5 * B::PAGE_SIZE);
    let edits = [
        Edit::Unmap(inner),
        Edit::Protect(inner, NONE),
        Edit::Unmap(wider.area),
        Edit::Map(wider),
    ];
    for edits in edits.chunks(1).chain(edits.chunks(4)).chain([&[][..]]) {
        space.abandon(edits);
        space.holds(&[run]);
    }
    space.backend.unreserve(B::Reserved::default());
}
