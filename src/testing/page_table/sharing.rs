//! The law of frames that two page tables have.

use alloc::vec::Vec;

use super::owning::installed_at;
use super::place::{NONE, RW, RXU, part, small_block};
use super::space::Space;
use crate::backend::{Edit, Entry, Paging, Run};

/// Each page that the page table owns is in the child, too, with its frame, and cannot be written there. Others are not,
/// and here nothing has changed.
///
/// A frame goes back when the last page that leads to it does. Where the child has a page, nothing is shared over it.
pub(super) fn shared_pages_lead_to_the_same_frames<B: Paging>(
    space: &mut Space<'_, B>,
    mut child: B,
) {
    let block = small_block(&space.backend);
    let owned = installed_at(space, 3, RW);
    let hidden = installed_at(space, 4, RW).allowing(NONE);
    let physical = block.inside(part::<B>(block.area, 5, 1));
    space.verb(&[Edit::Protect(hidden.area, NONE), Edit::Map(physical)]);
    let beyond = installed_at(space, 9, RW);
    let area = part::<B>(block.area, 0, 8);
    let all = [owned, hidden, physical, beyond];

    let shared = space.backend.share_into(&mut child, area, RXU.union(RW));
    space.same(&shared, &Ok(()), "a share");
    space.holds(&all);
    let shared = [owned, hidden].map(|run| run.allowing(RXU));
    let found: Vec<_> = child.populated(block.area).collect();
    space.same(&found, &shared.to_vec(), "the pages of the child");
    for run in shared {
        let found = child.entry(run.area.start());
        space.same(&found, &Entry::Leaf(run), "a page of the child");
    }
    let sound = child.check_invariants();
    space.same(&sound, &Ok(()), "the child's invariants");

    let again = space.backend.share_into(&mut child, area, RXU);
    space.ensure(again.is_err(), || {
        "pages were shared over pages of the child".into()
    });
    space.holds(&all);

    // The child's pages keep their frames, and only then everything has gone back.
    let run: Run = owned.allowing(RXU);
    space.verb(&[Edit::Unmap(block.area)]);
    let found = child.entry(run.area.start());
    space.same(&found, &Entry::Leaf(run), "a page of the child, alone");
    drop(child);
    space.is_as_at_first();
}
