//! Laws of [`Paging`]: frames that the page table owns, a page each.

use super::place::{NONE, R, RW, part, small_block, sure};
use super::space::Space;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::page_table::Edit;
use crate::backend::paging::{Paging, Unheld};
use crate::backend::run::{Entry, Run};
use crate::frame::{Frame, FrameAllocator};
use crate::permissions::{Access, Permissions};

/// The page of the laws, as it would be with this frame and these permissions.
fn page<B: Paging>(space: &Space<'_, B>, frame: &Frame, permissions: Permissions) -> Run {
    Run {
        area: part::<B>(small_block(&space.backend).area, 3, 1),
        first: frame.addr(),
        attributes: Attributes::from(permissions),
    }
}

fn frame<B: Paging>(space: &Space<'_, B>) -> Frame {
    sure(space.backend.platform().alloc())
}

/// Installs a frame, which must be taken, and answers its page.
#[track_caller]
fn installed<B: Paging>(space: &mut Space<'_, B>, permissions: Permissions) -> Run {
    let frame = frame(space);
    let run = page(space, &frame, permissions);
    let mut reserved = space.reserve(&[Edit::Map(run)]);
    let start = run.area.start();
    let lost = space
        .backend
        .install(start, frame, run.attributes, &mut reserved);
    assert!(
        lost.is_ok(),
        "{}: {run:?} was not installed: {lost:?}",
        space.law
    );
    space.finish(reserved, crate::flush::Retired::new(), &[]);
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

/// A page that has an entry takes no frame: the frame comes back, with the entry.
pub(super) fn a_frame_is_not_installed_over_another<B: Paging>(space: &mut Space<'_, B>) {
    let run = installed(space, RW);
    let second = frame(space);
    let addr = second.addr();
    let start = run.area.start();
    let mut reserved = space.reserve(&[Edit::Map(run)]);
    let lost = space
        .backend
        .install(start, second, Attributes::from(R), &mut reserved);
    space.finish(reserved, crate::flush::Retired::new(), &[]);
    let lost = sure(lost.err());
    assert_eq!(lost.found(), Some(Entry::Leaf(run)), "{}", space.law);
    let back = lost.into_frame();
    assert_eq!(back.addr(), addr, "{}: another frame came back", space.law);
    space.backend.platform().release(back, false);
    space.holds(&[run]);
}

/// A leaf allows more for the same frame, if it is as the caller has read it.
///
/// A backend that does not compare lets a page be written whose frame another CPU has replaced.
pub(super) fn a_leaf_is_permitted_more_only_as_it_was_read<B: Paging>(space: &mut Space<'_, B>) {
    let run = installed(space, R);
    assert_eq!(space.backend.permit(run, RW), Ok(()), "{}", space.law);
    let more = run.allowing(RW);
    space.holds(&[more]);
    assert_eq!(
        space.backend.permit(run, RW),
        Err(Entry::Leaf(more)),
        "{}: the leaf was not as it was said to be",
        space.law
    );
}

/// Another frame takes the place of a page's, and the old one comes back; a page that is not as it was said to be keeps
/// its frame.
pub(super) fn an_exchange_answers_the_old_frame<B: Paging>(space: &mut Space<'_, B>) {
    let old = installed(space, R);
    let second = frame(space);
    let new = page(space, &second, RW);
    let exchanged = space
        .backend
        .exchange(old, second, new.attributes, Asid::new(1));
    let replaced = sure(sure(exchanged.ok()));
    assert_eq!(
        replaced.frame.addr(),
        old.first,
        "{}: another frame was answered",
        space.law
    );
    space.holds(&[new]);
    let late = space
        .backend
        .exchange(old, replaced.frame, old.attributes, Asid::new(1));
    let lost = sure(late.err());
    assert_eq!(lost.found(), Some(Entry::Leaf(new)), "{}", space.law);
    space.backend.platform().release(lost.into_frame(), false);
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
        assert_eq!(
            space.backend.permit(run.allowing(R), RW),
            Ok(()),
            "{}",
            space.law
        );
    }
}

/// The bytes of an owned page are read back as they were written, in this page and in no other.
pub(super) fn held_bytes_are_the_pages<B: Paging>(space: &mut Space<'_, B>) {
    let run = installed(space, RW);
    {
        let held = sure(space.backend.hold(run).ok());
        held.zero(0, B::PAGE_SIZE);
        held.write(5, b"bytes");
        let mut bytes = [0xff; 8];
        held.read(4, &mut bytes);
        assert_eq!(&bytes, b"\0bytes\0\0", "{}", space.law);
    }
    let other = run.allowing(R);
    assert_eq!(
        space.backend.hold(other).err(),
        Some(Unheld::Changed(Entry::Leaf(run))),
        "{}: a page was held that is not as it was said to be",
        space.law
    );
    let physical = Run {
        area: part::<B>(small_block(&space.backend).area, 5, 1),
        ..run
    };
    space.verb(&[Edit::Map(physical)]);
    assert!(
        space.backend.hold(physical).is_err(),
        "{}: physical memory was held",
        space.law
    );
}

/// An access that a leaf allows can be marked in it; others change nothing.
pub(super) fn an_access_is_marked_only_where_it_is_allowed<B: Paging>(space: &mut Space<'_, B>) {
    let run = installed(space, R);
    let addr = run.area.end();
    assert_eq!(
        space.backend.touch(addr, Access::Read),
        Ok(()),
        "{}",
        space.law
    );
    assert_eq!(
        space.backend.touch(addr, Access::Write),
        Err(Entry::Leaf(run)),
        "{}",
        space.law
    );
    let beside = sure(run.area.next());
    assert_eq!(
        space.backend.touch(beside, Access::Read),
        Err(Entry::Empty),
        "{}",
        space.law
    );
}
