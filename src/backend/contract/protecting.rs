//! Laws of `protect`.

use super::place::{NONE, R, RW, RXU, part, small_block, sorted};
use super::space::Space;
use super::unmapping::{parts, subjects};
use crate::attributes::{Attributes, MemoryType};
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::backend::run::Run;
use crate::permissions::Permissions;

/// Any part of a large run can be protected: it leads where it did, the memory type stays, and so does the rest.
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

/// Without permissions leaves are hidden, whatever their size, and keep their place: with permissions again they lead
/// where they did.
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

/// Protecting maps nothing: not where nothing is, and not in holes.
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
