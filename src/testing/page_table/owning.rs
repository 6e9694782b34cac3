//! Laws of [`Paging`]: frames that the page table owns, a page each.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::place::{NONE, R, RW, part, small_block, sure};
use super::space::Space;
use crate::addr::{PhysAddr, VirtAddr};
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::Edit;
use crate::backend::{Entry, Run};
use crate::backend::{Paging, Unheld};
use crate::flush::Retired;
use crate::frame::{Frame, FrameAllocator};
use crate::permissions::{Access, Permissions};

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
    space.finish(reserved, Retired::new(), &[]);
    run
}

/// Retires what `out` tells of. Answers the pages that are handed over, and where their frames were; the frames go back.
fn handed_over<B: Paging>(space: &mut Space<'_, B>, out: Retired) -> Vec<(VirtAddr, PhysAddr)> {
    let mut handed = Vec::new();
    space.backend.retire_into(out, Asid::new(1), |at, page| {
        handed.push((at, page.frame));
    });
    space.nothing_waits();
    let platform = space.backend.platform();
    let back = |(at, frame): (VirtAddr, Frame)| {
        let first = frame.addr();
        platform.release(frame, false);
        (at, first)
    };
    handed.into_iter().map(back).collect()
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
    space.backend.platform().release(back, false);
    space.holds(&[run]);
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
        return space.breaks(|| format!("an exchange answers {exchanged:?}"));
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
    space.backend.platform().release(lost.into_frame(), false);
}

/// Where a flush was owed before, whose pages wait is not known: they go back, and none is handed over.
pub(super) fn what_was_owed_before_is_not_handed_over<B: Paging>(space: &mut Space<'_, B>) {
    let run = installed(space, RW);
    drop(space.defer(Edit::Unmap(run.area)));
    let beside = part::<B>(small_block(&space.backend).area, 5, 1);
    let out = space.defer(Edit::Unmap(beside));
    let handed = handed_over(space, out);
    space.same(&handed, &Vec::new(), "the pages that were handed over");
    space.is_as_at_first();
}

/// Where pages are handed over, those that the page table owns are, each once, and no others: neither where the table
/// goes with them, nor where a page stays in it.
pub(super) fn owned_pages_are_handed_over_and_no_others<B: Paging>(space: &mut Space<'_, B>) {
    let block = small_block(&space.backend);
    for stays in [None, Some(part::<B>(block.area, 9, 1))] {
        let owned = installed(space, RW);
        let physical = Run {
            area: part::<B>(block.area, 4, 1),
            ..block
        };
        let beside = stays.map(|area| Run { area, ..block });
        let mapped: Vec<_> = [Some(physical), beside].into_iter().flatten().collect();
        mapped.iter().for_each(|&run| space.verb(&[Edit::Map(run)]));

        let out = space.defer(Edit::Unmap(part::<B>(block.area, 0, 8)));
        let handed = handed_over(space, out);
        let expected = vec![(owned.area.start(), owned.first)];
        space.same(&handed, &expected, "the pages that were handed over");
        space.holds(beside.as_slice());
        space.clear(block.area);
    }
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

/// The bytes of an owned page are read back as they were written, in this page and in no other; by who has the page
/// table to himself, too.
pub(super) fn held_bytes_are_the_pages<B: Paging>(space: &mut Space<'_, B>) {
    let run = installed(space, RW);
    {
        let held = match space.backend.hold(run) {
            Ok(held) => held,
            Err(error) => return space.breaks(|| format!("{run:?} was not held: {error:?}")),
        };
        held.zero(0, B::PAGE_SIZE);
        held.write(5, b"bytes");
        let mut bytes = [0xff; 8];
        held.read(4, &mut bytes);
        space.same(&&bytes, &b"\0bytes\0\0", "the bytes of the page");
    }
    let other = run.allowing(R);
    let alone = space.backend.hold_alone(run).map(|held| {
        let mut bytes = [0xff; 8];
        held.read(4, &mut bytes);
        bytes
    });
    space.same(
        &alone,
        &Ok(*b"\0bytes\0\0"),
        "the bytes of the page, held alone",
    );
    let unheld = space.backend.hold_alone(other).err();
    space.same(
        &unheld,
        &Some(Entry::Leaf(run)),
        "a page that is not as it was said to be, held alone",
    );
    let changed = Some(Unheld::Changed(Entry::Leaf(run)));
    space.same(
        &space.backend.hold(other).err(),
        &changed,
        "a page that is not as it was said to be",
    );
    let physical = Run {
        area: part::<B>(small_block(&space.backend).area, 5, 1),
        ..run
    };
    space.verb(&[Edit::Map(physical)]);
    space.ensure(space.backend.hold(physical).is_err(), || {
        "physical memory was held".into()
    });
}

/// An access that a leaf allows can be marked in it; others change nothing, and neither does a fence.
pub(super) fn an_access_is_marked_only_where_it_is_allowed<B: Paging>(space: &mut Space<'_, B>) {
    let run = installed(space, R);
    let addr = run.area.end();
    let [read, write] =
        [Access::Read, Access::Write].map(|access| space.backend.touch(addr, access));
    space.same(&read, &Ok(()), "a read that is allowed");
    space.same(&write, &Err(Entry::Leaf(run)), "a write that is not");
    let beside = sure(run.area.next());
    let read = space.backend.touch(beside, Access::Read);
    space.same(&read, &Err(Entry::Empty), "a read of nothing");
    space.backend.fence(addr, Asid::new(1));
    space.holds(&[run]);
}
