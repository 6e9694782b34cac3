//! Laws of `protect`.

use super::place::{NONE, R, RW, RXU, part, small_block, sorted};
use super::space::Space;
use super::unmapping::{parts, subjects};
use crate::attributes::{Attributes, MemoryType};
use crate::backend::Run;
use crate::backend::{Edit, PageTableBackend};
use crate::permissions::Permissions;

/// Protecting any part of a large run changes the permissions of that part, and nothing else.
///
/// Pages lead where they did, and keep their memory type, though the edit does not name it. Pages around the part keep
/// their permissions, in the large leaf that is split as well.
pub(super) fn protecting_changes_permissions_and_nothing_else<B: PageTableBackend>(
    space: &mut Space<'_, B>,
) {
    for run in subjects(&space.backend) {
        for part in parts::<B>(run) {
            space.verb(&[Edit::Map(run)]);
            space.verb(&[Edit::Protect(part, RXU)]);
            space.holds(&run.changed_inside(part, RXU));
            space.clear(run.area);
        }
    }
    let attributes = Attributes {
        permissions: RW,
        memory_type: MemoryType::Device,
    };
    if space.backend.supports(attributes).is_ok() {
        let run = Run {
            attributes,
            ..small_block(&space.backend)
        };
        space.verb(&[Edit::Map(run)]);
        space.verb(&[Edit::Protect(part::<B>(run.area, 5, 6), R)]);
        space.holds(&run.changed_inside(part::<B>(run.area, 5, 6), R));
    }
}

/// Protecting to no permissions hides leaves of any size, and permissions show them again.
///
/// A hidden leaf keeps its frame: with permissions again it leads where it did. User mode alone is no permission.
pub(super) fn protecting_to_nothing_hides_and_back_shows<B: PageTableBackend>(
    space: &mut Space<'_, B>,
) {
    let run = small_block(&space.backend);
    let some = part::<B>(run.area, 100, 50);
    for area in [run.area, some] {
        for hidden in [NONE, Permissions::USER] {
            space.verb(&[Edit::Map(run)]);
            space.verb(&[Edit::Protect(area, hidden)]);
            space.holds(&run.changed_inside(area, hidden));
            space.verb(&[Edit::Protect(area, RW)]);
            space.holds(&[run]);
            space.verb(&[Edit::Protect(area, hidden), Edit::Protect(some, R)]);
            let outside = run
                .changed_inside(area, hidden)
                .into_iter()
                .flat_map(|run| run.outside(some));
            space.holds(&sorted(outside.chain([run.inside(some).allowing(R)])));
            space.clear(run.area);
        }
    }
}

/// Protecting leaves empty entries empty: where no page is mapped at all, and in holes between pages.
pub(super) fn protecting_leaves_absent_what_is_absent<B: PageTableBackend>(
    space: &mut Space<'_, B>,
) {
    let run = small_block(&space.backend);
    space.verb(&[Edit::Protect(run.area, RXU)]);
    space.is_as_at_first();
    let [left, right] = [7, 510].map(|skipped| run.inside(part::<B>(run.area, skipped, 1)));
    space.verb(&[Edit::Map(left), Edit::Map(right)]);
    space.verb(&[Edit::Protect(part::<B>(run.area, 8, 502), NONE)]);
    space.holds(&[left, right]);
    space.verb(&[Edit::Protect(run.widened(8 * B::PAGE_SIZE).area, RXU)]);
    space.holds(&[left.allowing(RXU), right.allowing(RXU)]);
}
