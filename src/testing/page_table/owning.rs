//! Laws of [`Paging`]: frames that the page table owns, a page each.

use alloc::format;

use super::place::{NONE, R, RW, part, small_block, sure};
use super::space::Space;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::{Edit, Entry, Lost, Paging, Run};
use crate::error::MapError;
use crate::flush::Retired;
use crate::frame::{Frame, FrameAllocator};
use crate::permissions::Permissions;

/// The page with this number in the block of the laws, as it would be with this frame and these permissions.
fn page<B: Paging>(
    space: &Space<'_, B>,
    number: usize,
    frame: &Frame,
    permissions: Permissions,
) -> Run {
    Run {
        area: part::<B>(small_block(&space.backend).area, number, 1),
        first: frame.addr(),
        attributes: Attributes::from(permissions),
    }
}

pub(super) fn frame<B: Paging>(space: &Space<'_, B>) -> Frame {
    sure(space.backend.platform().alloc())
}

/// Gives a frame back that came back.
pub(super) fn gives_back<B: Paging>(space: &Space<'_, B>, frame: Frame) {
    space.backend.platform().release(frame, false);
}

/// Installs a frame in page 3, which must be taken, and answers the page.
fn installed<B: Paging>(space: &mut Space<'_, B>, permissions: Permissions) -> Run {
    installed_at(space, 3, permissions)
}

/// Installs a frame in the page with this number in the block, which must be taken, and answers the page.
pub(super) fn installed_at<B: Paging>(
    space: &mut Space<'_, B>,
    number: usize,
    permissions: Permissions,
) -> Run {
    let frame = frame(space);
    let run = page(space, number, &frame, permissions);
    let mut reserved = space.reserve(&[Edit::Map(run)]);
    let start = run.area.start();
    let lost = space
        .backend
        .install(start, frame, run.attributes, &mut reserved);
    space.ensure(lost.is_ok(), || {
        format!("{run:?} was not installed: {lost:?}")
    });
    if let Err(lost) = lost {
        gives_back(space, lost.into_frame());
    }
    space.finish(reserved, Retired::new(), &[]);
    run
}

/// An installed frame is its page's until that is unmapped, and then goes back.
///
/// A backend that leaves the frame in the page table, or forgets that it owns it, has something left in use.
pub(super) fn an_installed_frame_goes_back_when_its_page_goes<B: Paging>(space: &mut Space<'_, B>) {
    let run = installed(space, RW);
    space.holds(&[run]);
    space.clear(run.area);
}

/// A page that has an entry takes no frame, nor one that waits for its flush: the frame comes back, with the entry.
pub(super) fn a_frame_is_not_installed_over_another<B: Paging>(space: &mut Space<'_, B>) {
    let run = installed(space, RW);
    let second = frame(space);
    let addr = second.addr();
    let start = run.area.start();
    let mut reserved = space.reserve(&[Edit::Map(run)]);
    let lost = space
        .backend
        .install(start, second, Attributes::from(R), &mut reserved);
    space.finish(reserved, Retired::new(), &[]);
    let Err(lost) = lost else {
        return space.breaks(|| "the second frame was taken".into());
    };
    space.same(
        &lost.found(),
        &Some(Entry::Leaf(run)),
        "the entry that was in the way",
    );
    let back = lost.into_frame();
    space.same(&back.addr(), &addr, "the frame that came back");
    space.holds(&[run]);

    let out = space.defer(Edit::Unmap(run.area));
    let mut reserved = space.reserve(&[Edit::Map(run)]);
    let waits = space
        .backend
        .install(start, back, Attributes::from(R), &mut reserved);
    match waits {
        Ok(()) => space.breaks(|| "a frame was taken where a page waits for its flush".into()),
        Err(lost) => {
            let found = lost.found();
            let busy = Some(Entry::Busy);
            space.same(&found, &busy, "the entry of a page that waits");
            gives_back(space, lost.into_frame());
        }
    }
    space.finish(reserved, out, &[]);
    space.is_as_at_first();
}

/// A leaf allows more for the same frame, if it is as the caller has read it.
///
/// A backend that does not compare lets a page be written whose frame another CPU has replaced.
pub(super) fn a_leaf_is_permitted_more_only_as_it_was_read<B: Paging>(space: &mut Space<'_, B>) {
    let run = installed(space, R);
    space.same(
        &space.backend.permit(run, RW),
        &Ok(()),
        "permit of the leaf as it is",
    );
    let more = run.allowing(RW);
    space.holds(&[more]);
    let found = Err(Entry::Leaf(more));
    space.same(
        &space.backend.permit(run, RW),
        &found,
        "permit of the leaf as it was",
    );
    space.same(
        &space.backend.permit(more, R),
        &found,
        "permit of less than there is",
    );
    space.holds(&[more]);
}

/// Another frame takes the place of a page's, and the old one comes back; a page that is not as it was said to be keeps
/// its frame.
pub(super) fn an_exchange_answers_the_old_frame<B: Paging>(space: &mut Space<'_, B>) {
    let old = installed(space, R);
    let second = frame(space);
    let new = page(space, 3, &second, RW);
    let exchanged = space
        .backend
        .exchange(old, second, new.attributes, Asid::new(1));
    let Ok(Some(replaced)) = exchanged else {
        space.breaks(|| format!("an exchange answers {exchanged:?}"));
        let back = exchanged.err().map(Lost::into_frame);
        return back.into_iter().for_each(|frame| gives_back(space, frame));
    };
    space.same(
        &replaced.frame.addr(),
        &old.first,
        "the frame that an exchange answers",
    );
    space.holds(&[new]);
    let late = space
        .backend
        .exchange(old, replaced.frame, old.attributes, Asid::new(1));
    let Err(lost) = late else {
        return space.breaks(|| "a page was exchanged that is not as it was said to be".into());
    };
    space.same(
        &lost.found(),
        &Some(Entry::Leaf(new)),
        "the entry that was in the way",
    );
    exchanges_physical(space, lost.into_frame());
}

/// A page of physical memory takes the frame, and there is none to answer; two pages do not.
fn exchanges_physical<B: Paging>(space: &mut Space<'_, B>, frame: Frame) {
    let block = small_block(&space.backend);
    let [one, two] = [(5, 1), (7, 2)].map(|(skipped, pages)| {
        let area = part::<B>(block.area, skipped, pages);
        block.inside(area)
    });
    space.verb(&[Edit::Map(one), Edit::Map(two)]);
    let attributes = Attributes::from(R);
    let lost = space.backend.exchange(two, frame, attributes, Asid::new(1));
    let Err(lost) = lost else {
        return space.breaks(|| "two pages were exchanged for one".into());
    };
    let error = Some(MapError::NotMapped { hole: two.area });
    space.same(&lost.error(), &error, "an exchange of two pages");
    let frame = lost.into_frame();
    let new = Run {
        first: frame.addr(),
        attributes,
        ..one
    };
    let none = space.backend.exchange(one, frame, attributes, Asid::new(1));
    space.same(&none, &Ok(None), "an exchange of physical memory");
    space.says(one.area.start(), Some(new));
    space.says(two.area.start(), Some(two));
}

/// A change of permissions never lets an owned leaf be written that could not be: its frame may have other owners.
///
/// Through no permissions and back, too. A leaf that can be written, and shall be, stays so.
pub(super) fn protecting_lets_no_owned_leaf_be_written<B: Paging>(space: &mut Space<'_, B>) {
    let run = installed(space, RW);
    space.verb(&[Edit::Protect(run.area, RW)]);
    space.holds(&[run]);
    for between in [R, NONE] {
        space.verb(&[Edit::Protect(run.area, between)]);
        space.verb(&[Edit::Protect(run.area, RW)]);
        space.holds(&[run.allowing(R)]);
        let permitted = space.backend.permit(run.allowing(R), RW);
        space.same(&permitted, &Ok(()), "permit of a leaf that was protected");
    }
}
