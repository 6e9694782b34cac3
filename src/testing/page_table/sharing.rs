//! The law of frames that two page tables have.

use alloc::format;
use alloc::vec::Vec;
use core::mem::forget;

use super::owning::installed_at;
use super::place::{NONE, RW, RXU, part, small_block};
use super::space::Space;
use crate::backend::{Edit, Entry, Paging, Run};
use crate::frame::FrameAllocator;

/// The law, in words.
pub(super) const LAW: &str =
    "pages that are shared lead to the same frames, and cannot be written in the child";

/// Each page that the page table owns is in the child, too, with its frame, and cannot be written there. Others are
/// not, and here nothing has changed.
///
/// A frame goes back when the last page that leads to it does. Where the child has a page, nothing is shared over it.
pub(super) fn shared_pages_lead_to_the_same_frames<B: Paging>(
    space: &mut Space<'_, B>,
    mut child: B,
) {
    if space.backend.platform().id() != child.platform().id() {
        return;
    }
    let block = small_block(&space.backend);
    let owned = installed_at(space, 3, RW);
    let hidden = installed_at(space, 4, RW).allowing(NONE);
    let physical = block.inside(part::<B>(block.area, 5, 1));
    space.verb(&[Edit::Protect(hidden.area, NONE), Edit::Map(physical)]);
    let beyond = installed_at(space, 9, RW);
    let area = part::<B>(block.area, 0, 8);
    let all = [owned, hidden, physical, beyond];
    match space.backend.hold(owned) {
        Ok(held) => held.write(5, b"bytes"),
        Err(error) => return space.breaks(|| format!("{owned:?} was not held: {error:?}")),
    }

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

    // The child's pages keep their frames, and only then everything goes back.
    space.verb(&[Edit::Unmap(block.area)]);
    keeps_its_bytes(space, &child, owned.allowing(RXU));
    if space.is_broken() {
        // Frames that went back too early would go back once more.
        return forget(child);
    }
    let again = installed_at(space, 3, RW);
    let shared = space.backend.share_into(&mut child, area, RXU);
    space.ensure(shared.is_err(), || {
        "a page was shared over one of the child".into()
    });
    space.holds(&[again]);
    space.verb(&[Edit::Unmap(block.area)]);
    drop(child);
    space.is_as_at_first();
}

/// The child's page has the bytes that were written before the share.
fn keeps_its_bytes<B: Paging>(space: &Space<'_, B>, child: &B, run: Run) {
    match child.hold(run) {
        Ok(held) => {
            let mut bytes = [0; 5];
            held.read(5, &mut bytes);
            space.same(&&bytes, &b"bytes", "the bytes of the child's page");
        }
        Err(error) => space.breaks(|| format!("{run:?} was not held in the child: {error:?}")),
    }
}
