//! The mock with a platform, by itself: what its hooks see, and what waits for a flush.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use kernel_vm::backend::mock::{Fault, HostFrames, MockBackend};
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Paging, Run, Unheld};
use kernel_vm::{
    Access, Answer, Asid, Attributes, FaultError, FrameAllocator, MapError, MemoryArea,
    Permissions, PhysAddr, Privilege, Retired, VirtAddr,
};

use super::basics::{
    R, RW, RX, Space, allowed, anonymous, at, fault, is_spurious, leaf, provided, read, space_on,
    ticket, write,
};
use super::hooks::{Call, Watched};
use super::kernel::Object;
use super::uncounted::Uncounted;
use crate::subject::{PAGE, area, map, pages};

type Mock = MockBackend<HostFrames>;

const ASID: Asid = Asid::new(7);

fn page(number: usize) -> VirtAddr {
    VirtAddr::new(number * PAGE)
}

/// Installs a frame of the platform's at the page, and answers the run.
fn installed<P: kernel_vm::Platform>(
    mock: &MockBackend<P>,
    number: usize,
    permissions: Permissions,
) -> Run {
    let frame = mock.platform().alloc().unwrap();
    let run = Run {
        area: pages(number, 1),
        first: frame.addr(),
        attributes: Attributes::from(permissions),
    };
    let mut reserved = mock.reserve([Edit::Map(run)].into_iter()).unwrap();
    let attributes = run.attributes;
    mock.install(page(number), frame, attributes, &mut reserved)
        .unwrap();
    mock.unreserve(reserved);
    run
}

/// Makes an edit, and forgets that it must be retired.
fn lost(mock: &mut Mock, edit: impl FnOnce(&mut Mock, &mut Retired)) {
    let mut out = Retired::new();
    edit(mock, &mut out);
    drop(out);
}

fn unmap(mock: &mut Mock, area: MemoryArea, out: &mut Retired) {
    mock.unmap(area, &mut Default::default(), out);
}

#[test]
fn no_two_mocks_with_a_platform_have_had_one_root() {
    let frames = HostFrames::new(1);
    let mut roots = Vec::new();
    for _ in 0..4 {
        let pair = [(); 2].map(|()| MockBackend::with_platform(frames.clone()));
        roots.extend(pair.iter().map(PageTableBackend::root));
    }
    let beyond = MockBackend::new().physical_range();
    assert!(roots.iter().all(|&root| !beyond.contains(root)));
    roots.sort();
    roots.dedup();
    assert_eq!(roots.len(), 8);
    assert_eq!(MockBackend::new().root(), PhysAddr::new(0));
}

/// A frame as root would be the next mock's, and the tickets of before good there.
#[test]
fn a_ticket_of_a_space_that_is_gone_is_stale_in_the_next() {
    let frames = HostFrames::new(4);
    let make = || {
        let mut space = space_on::<Mock>(&frames);
        space.add_memory_map(provided(4, 1, R, true)).unwrap();
        space
    };
    let first = make();
    let wanted = ticket(&first, 4, Access::Read);
    drop(first);
    let refused = make().supply(wanted, frames.alloc().unwrap()).unwrap_err();
    assert!(refused.is_stale());
    frames.release(refused.into_frame(), false);
}

#[test]
fn an_owned_page_is_busy_until_its_flush_and_then_its_frame_goes_back() {
    let frames = HostFrames::new(4);
    let mut mock = MockBackend::with_platform(frames.clone());
    let run = installed(&mock, 5, RW);
    assert!(mock.access(1, page(5), Access::Read).is_ok());
    let mut out = Retired::new();
    unmap(&mut mock, pages(4, 3), &mut out);
    assert!(out.entries() && out.needs_flush());
    assert_eq!(mock.entry(page(5)), Entry::Busy);
    assert_eq!(mock.populated(pages(0, 9)).count(), 0);
    assert_eq!((frames.frames_in_use(), frames.flushes()), (1, 0));
    // Neither a map nor a frame gets in, and a second unmap changes nothing.
    let mut reserved = mock.reserve([Edit::Map(run)].into_iter()).unwrap();
    mock.map(run, &mut reserved);
    let frame = frames.alloc().unwrap();
    let refused = mock.install(page(5), frame, run.attributes, &mut reserved);
    let refused = refused.unwrap_err();
    assert_eq!(refused.found(), Some(Entry::Busy));
    frames.release(refused.into_frame(), false);
    mock.unreserve(reserved);
    unmap(&mut mock, pages(4, 3), &mut out);
    assert_eq!(
        mock.access(1, page(5), Access::Read),
        Ok(run.first),
        "stale"
    );
    mock.retire(out, ASID);
    assert_eq!((frames.frames_in_use(), frames.flushes()), (0, 1));
    assert_eq!(mock.entry(page(5)), Entry::Empty);
    assert!(mock.access(1, page(5), Access::Read).is_err());
}

#[test]
fn a_frame_waits_for_its_flush_whatever_the_retired_says() {
    let frames = HostFrames::new(8);
    let mut mock = MockBackend::with_platform(frames.clone());
    for edits in [&[RW][..], &[RW, Permissions::USER]] {
        installed(&mock, 5, RW);
        assert!(mock.access(1, page(5), Access::Write).is_ok());
        if let &[_, hidden] = edits {
            // The translation is still cached, though the page is hidden by now.
            lost(&mut mock, |mock, out| {
                mock.protect(pages(5, 1), hidden, &mut Default::default(), out);
            });
            mock.retire(Retired::new(), ASID);
            assert!(mock.access(1, page(5), Access::Write).is_ok(), "stale");
            let mut out = Retired::new();
            unmap(&mut mock, pages(5, 1), &mut out);
            mock.retire(out, ASID);
        } else {
            lost(&mut mock, |mock, out| unmap(mock, pages(5, 1), out));
            mock.retire(Retired::new(), ASID);
        }
        assert_eq!(frames.frames_in_use(), 0);
        let vaddr = page(5);
        let found = mock.access(1, vaddr, Access::Write);
        assert_eq!(found, Err(Fault::NotMapped { vaddr }));
    }
}

/// A hidden page is in no TLB, unless the flush of what has hidden it is due.
#[test]
fn a_hidden_page_is_exchanged_with_the_flush_that_is_due() {
    let frames = HostFrames::new(8);
    let mut mock = MockBackend::with_platform(frames.clone());
    for is_due in [true, false] {
        let run = installed(&mock, 5, RW);
        assert!(mock.access(1, page(5), Access::Write).is_ok());
        let mut out = Retired::new();
        mock.protect(
            pages(5, 1),
            Permissions::USER,
            &mut Default::default(),
            &mut out,
        );
        if !is_due {
            mock.retire(out, ASID);
        }
        let Entry::Hidden(hidden) = mock.entry(page(5)) else {
            panic!("the page is not hidden");
        };
        let flushes = frames.flushes();
        let (frame, attributes) = (frames.alloc().unwrap(), run.attributes);
        let first = frame.addr();
        let old = mock.exchange(hidden, frame, attributes, ASID).unwrap();
        frames.release(old.unwrap().frame, false);
        assert_eq!(mock.access(1, page(5), Access::Write), Ok(first));
        assert_eq!(frames.flushes(), flushes + usize::from(is_due));
        let mut out = Retired::new();
        unmap(&mut mock, pages(5, 1), &mut out);
        mock.retire(out, ASID);
    }
}

/// The first page of the space and the last: no area holds all of it.
#[test]
fn an_unmap_across_both_ranges_notes_both() {
    let mut mock = MockBackend::with_platform(HostFrames::new(8));
    let last = usize::MAX / PAGE;
    for number in [0, last] {
        installed(&mock, number, RW);
        assert!(mock.access(1, page(number), Access::Read).is_ok());
    }
    let nearly_all = area(0, usize::MAX);
    let mut out = Retired::new();
    unmap(&mut mock, nearly_all, &mut out);
    mock.retire(out, ASID);
    for number in [0, last] {
        assert!(mock.access(1, page(number), Access::Read).is_err());
    }
    assert_eq!(mock.platform().frames_in_use(), 0);
}

#[test]
fn a_page_that_moves_takes_its_frame_and_its_use_along() {
    let frames = HostFrames::new(8);
    let mut mock = MockBackend::with_platform(frames.clone());
    let run = installed(&mock, 5, RW);
    assert!(mock.access(1, page(5), Access::Write).is_ok());
    let [from, to] = [pages(4, 3), pages(14, 3)];
    mock.edit(Edit::Shift { from, to }, ASID).unwrap();
    let moved = Run {
        area: pages(15, 1),
        ..run
    };
    assert_eq!(mock.entry(page(15)), Entry::Leaf(moved));
    assert!(mock.is_dirty(page(15)) && !mock.is_accessed(page(5)));
    assert!(mock.access(1, page(5), Access::Read).is_err());
    assert_eq!((frames.frames_in_use(), frames.flushes()), (1, 1));
    drop(mock);
    assert_eq!((frames.frames_in_use(), frames.flushes()), (0, 2));
}

#[test]
fn a_dropped_mock_gives_back_what_it_has_and_what_waits() {
    let frames = HostFrames::new(8);
    let mut mock = MockBackend::with_platform(frames.clone());
    for number in 4..8 {
        installed(&mock, number, RW);
    }
    lost(&mut mock, |mock, out| unmap(mock, pages(4, 2), out));
    drop(mock);
    assert_eq!((frames.frames_in_use(), frames.flushes()), (0, 1));
    drop(MockBackend::with_platform(frames.clone()));
    assert_eq!(frames.flushes(), 1, "nothing was there");
}

#[test]
fn what_is_used_is_recorded_page_by_page() {
    let frames = HostFrames::new(8);
    let mock = MockBackend::with_platform(frames);
    for number in 4..7 {
        installed(&mock, number, RW);
    }
    mock.touch(page(4), Access::Read).unwrap();
    mock.touch(page(5), Access::Write).unwrap();
    let used = |number| (mock.is_accessed(page(number)), mock.is_dirty(page(number)));
    let none = (false, false);
    assert_eq!(
        [4, 5, 6, 7].map(used),
        [(true, false), (true, true), none, none]
    );
    assert!(mock.access(0, page(6), Access::Execute).is_err());
    assert_eq!(used(6), none);
    assert!(mock.access(0, page(6), Access::Write).is_ok());
    assert_eq!(used(6), (true, true));
}

/// A page that moves takes along how it was used, whoever owns its frame.
#[test]
fn a_page_that_moves_stays_used() {
    let frames = HostFrames::new(8);
    let mut space: Space<Mock> = space_on(&frames);
    let physical = map(4 * PAGE, 0x8020_0000, PAGE, RW).with_payload(Object(0));
    space.map(physical).unwrap();
    space.add_memory_map(anonymous(5, 1, RW)).unwrap();
    space.prefault(pages(5, 1)).unwrap();
    for page in [4, 5] {
        assert!(space.backend().access(0, at(page), Access::Write).is_ok());
        let (old, new) = (pages(page, 1), pages(page + 8, 1));
        space.remap(old, new).unwrap();
        let is_dirty = [page, page + 8].map(|page| space.backend().is_dirty(at(page)));
        assert_eq!(is_dirty, [false, true]);
    }
}

#[test]
fn a_harvest_names_each_page_that_was_used_and_forgets_no_write() {
    let frames = HostFrames::new(8);
    let mut space: Space<Mock> = space_on(&frames);
    space.add_memory_map(anonymous(4, 4, RW)).unwrap();
    for (page, access) in [(4, Access::Read), (6, Access::Write)] {
        fault(&space, page, access).unwrap();
    }
    let harvest = |space: &mut Space<Mock>| {
        let mut used = Vec::new();
        let harvested = space.harvest(pages(0, 16), |_, page| used.push(page));
        harvested.unwrap();
        used
    };
    assert_eq!(harvest(&mut space), [pages(4, 1), pages(6, 1)]);
    assert_eq!(harvest(&mut space), []);
    assert_eq!(frames.flushes(), 1);
    assert!(space.backend().access(3, at(6), Access::Read).is_ok());
    assert_eq!(harvest(&mut space), [pages(6, 1)]);
    assert!(space.backend().is_dirty(at(6)) && !space.backend().is_accessed(at(6)));
}

#[test]
fn hooks_hear_what_is_done_and_when() {
    let platform = Watched::new(HostFrames::new(8));
    let mock = MockBackend::with_platform(platform.clone());
    let root = mock.root();
    let old = installed(&mock, 5, RX);
    let code = old.pmarea().unwrap();
    assert_eq!(
        platform.take(),
        [Call::MadeCode(code), Call::MadeValid(vec![pages(5, 1)])]
    );
    mock.touch(page(5), Access::Read).unwrap();
    assert_eq!(platform.take(), [Call::MadeValid(vec![pages(5, 1)])]);
    mock.touch(page(5), Access::Read).unwrap();
    assert_eq!(platform.take(), [], "it was marked");

    // The page is busy while its flush is under way, and neither frame is free.
    let frame = platform.alloc().unwrap();
    let mock = Rc::new(RefCell::new(Some(mock)));
    let busy = Rc::downgrade(&mock);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let see = seen.clone();
    let frames = platform.frames().clone();
    platform.on_flush(move || {
        let mock = busy.upgrade().unwrap();
        let mock = mock.borrow();
        let entry = mock.as_ref().unwrap().entry(page(5));
        see.borrow_mut().push((entry, frames.frames_in_use()));
    });
    let replaced = {
        let mock = mock.borrow();
        let mock = mock.as_ref().unwrap();
        mock.exchange(old, frame, Attributes::from(R), ASID)
    };
    let replaced = replaced.unwrap().unwrap();
    assert_eq!(replaced.frame.addr(), old.first);
    assert!(!replaced.dirty);
    platform.release(replaced.frame, false);
    assert_eq!(*seen.borrow(), [(Entry::Busy, 2)]);
    assert_eq!(
        platform.take(),
        [
            Call::Flush(root, Some(ASID), Some(vec![pages(5, 1)])),
            Call::MadeValid(vec![pages(5, 1)])
        ]
    );
    platform.on_flush(|| ());
    let mut mock = mock.take().unwrap();
    mock.edit(Edit::Protect(pages(5, 1), RX), ASID).unwrap();
    let Entry::Leaf(run) = mock.entry(page(5)) else {
        panic!("no leaf");
    };
    assert_eq!(
        platform.take(),
        [
            Call::MadeCode(run.pmarea().unwrap()),
            Call::Flush(root, Some(ASID), Some(vec![pages(5, 1)]))
        ]
    );
    mock.fence(page(5), ASID);
    assert_eq!(
        platform.take(),
        [Call::Fence(root, ASID, vec![pages(5, 1)])]
    );
    drop(mock);
    assert_eq!(platform.take(), [Call::Flush(root, None, None)]);
    assert_eq!(platform.frames().frames_in_use(), 0);
}

#[test]
fn a_child_tells_of_the_pages_that_are_valid_in_it() {
    let platform = Watched::new(HostFrames::new(8));
    let mock = || MockBackend::with_platform(platform.clone());
    let (mut parent, mut child, mut guarded) = (mock(), mock(), mock());
    installed(&parent, 5, RW);
    platform.take();
    parent.share_into(&mut child, pages(0, 16), RW).unwrap();
    assert_eq!(platform.take(), [Call::MadeValid(vec![pages(5, 1)])]);
    assert!(matches!(child.entry(page(5)), Entry::Leaf(_)));
    let none = Permissions::empty();
    parent.share_into(&mut guarded, pages(0, 16), none).unwrap();
    assert_eq!(platform.take(), []);
    assert!(matches!(guarded.entry(page(5)), Entry::Hidden(_)));
}

#[test]
fn frames_go_back_after_the_flush() {
    let platform = Watched::new(HostFrames::new(8));
    let mut mock = MockBackend::with_platform(platform.clone());
    installed(&mock, 5, RW);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let (see, frames) = (seen.clone(), platform.frames().clone());
    platform.on_flush(move || see.borrow_mut().push(frames.frames_in_use()));
    mock.edit(Edit::Unmap(pages(5, 1)), ASID).unwrap();
    installed(&mock, 5, RW);
    drop(mock);
    assert_eq!(*seen.borrow(), [1, 1]);
    assert_eq!(platform.frames().frames_in_use(), 0);
}

#[test]
fn a_flush_that_panics_loses_nothing() {
    let platform = Watched::new(HostFrames::new(8));
    let mut mock = MockBackend::with_platform(platform.clone());
    let old = installed(&mock, 5, RW);
    assert!(mock.access(1, page(5), Access::Write).is_ok());
    let frame = platform.alloc().unwrap();
    platform.on_flush(|| panic!("a flush that panics"));
    let caught = catch_unwind(AssertUnwindSafe(|| {
        drop(mock.exchange(old, frame, Attributes::from(R), ASID));
    }));
    assert!(caught.is_err());
    assert_eq!(mock.entry(page(5)), Entry::Leaf(old), "it is as it was");
    let caught = catch_unwind(AssertUnwindSafe(|| {
        mock.edit(Edit::Unmap(pages(5, 1)), ASID).unwrap();
    }));
    assert!(caught.is_err());
    assert_eq!(mock.entry(page(5)), Entry::Busy);
    assert_eq!(platform.frames().frames_in_use(), 2);
    platform.on_flush(|| ());
    platform.take();
    mock.retire(Retired::new(), ASID);
    assert_eq!(platform.take(), [Call::Flush(mock.root(), None, None)]);
    // The frame that was to be installed is leaked.
    assert_eq!(platform.frames().frames_in_use(), 1);
    assert!(mock.access(1, page(5), Access::Write).is_err());
}

/// Each method loses its race, once, and changes nothing.
#[test]
fn any_race_can_be_lost() {
    let frames = HostFrames::new(8);
    let mut space: Space<Mock> = space_on(&frames);
    space.add_memory_map(provided(4, 4, RW, false)).unwrap();
    space.add_memory_map(anonymous(8, 4, RW)).unwrap();

    space.backend().lose_race(1);
    let wanted = ticket(&space, 4, Access::Read);
    let refused = space.supply(wanted, frames.alloc().unwrap()).unwrap_err();
    assert_eq!(refused.found(), Some(Entry::Busy), "install");
    space.supply(wanted, refused.into_frame()).unwrap();

    let old = leaf(&space, 4);
    space.backend().lose_race(1);
    let attributes = Attributes::from(RW);
    let frame = frames.alloc().unwrap();
    let refused = space.backend().exchange(old, frame, attributes, ASID);
    let refused = refused.unwrap_err();
    assert_eq!((refused.found(), leaf(&space, 4)), (Some(Entry::Busy), old));
    frames.release(refused.into_frame(), false);

    for (n, spurious) in [(1, true), (2, false)] {
        space.backend().lose_race(n);
        // The 1st is `permit`, of the page that is reused; the 2nd, `touch`, is lost without harm.
        assert_eq!(is_spurious(&space, 4, Access::Write), spurious, "{n}");
    }
    assert_eq!(allowed(&space, 4), RW);
    space.backend().lose_race(1);
    let held = space.backend().hold(leaf(&space, 4)).err();
    assert_eq!(held, Some(Unheld::Changed(Entry::Busy)));
    write(&space, 4, 9);
    assert_eq!(read(&space, 4), 9);
    space.backend().lose_race(1);
    let touched = space.backend().touch(at(4), Access::Read);
    assert_eq!(touched, Err(Entry::Busy));
    space.backend().lose_race(1);
    space.backend().lose_race(0);
    assert_eq!(space.backend().touch(at(4), Access::Read), Ok(()));

    space.backend().fail_reservation(1);
    let refused = fault(&space, 8, Access::Write);
    assert_eq!(refused, Err(FaultError::OutOfFrames { needed: 1 }));
    let before = frames.frames_in_use();
    space.backend().lose_race(1);
    let answer = space.handle_fault(at(8), Access::Write, Privilege::User);
    assert!(matches!(answer, Ok(Answer::Spurious { .. })));
    assert_eq!(frames.frames_in_use(), before);
    drop(space);
    assert_eq!(frames.frames_in_use(), 0);
}

#[test]
fn a_frame_that_is_not_counted_is_held_and_not_replaced() {
    let frames = HostFrames::new(4);
    let mock = MockBackend::with_platform(Uncounted(frames.clone()));
    let old = installed(&mock, 5, R);
    let held = mock.hold(old).unwrap();
    let frame = mock.platform().alloc().unwrap();
    let refused = mock.exchange(old, frame, old.attributes, ASID).unwrap_err();
    let uncounted = MapError::Uncounted { addr: old.first };
    assert_eq!(refused.error(), Some(uncounted));
    mock.platform().release(refused.into_frame(), false);
    assert_eq!(held.addr(), old.first);
    drop(held);
    drop(mock);
    assert_eq!(frames.frames_in_use(), 0);
}

#[test]
fn a_frame_is_refused_where_it_could_not_go_back() {
    let [frames, others] = [(); 2].map(|()| HostFrames::new(4));
    let mock = MockBackend::with_platform(frames.clone());
    let old = installed(&mock, 5, R);
    let mut none = Default::default();
    let foreign = others.alloc().unwrap();
    let addr = foreign.addr();
    let refused = mock.install(page(6), foreign, old.attributes, &mut none);
    let refused = refused.unwrap_err();
    assert_eq!(refused.error(), Some(MapError::ForeignFrame { addr }));
    let refused = mock.exchange(old, refused.into_frame(), old.attributes, ASID);
    let refused = refused.unwrap_err();
    assert_eq!(refused.error(), Some(MapError::ForeignFrame { addr }));
    others.release(refused.into_frame(), false);

    let frame = frames.alloc().unwrap();
    let crooked = page(6).checked_add(8).unwrap();
    let refused = mock.install(crooked, frame, old.attributes, &mut none);
    let refused = refused.unwrap_err();
    assert!(matches!(refused.error(), Some(MapError::Misaligned { .. })));
    let refused = mock.install(page(6), refused.into_frame(), old.attributes, &mut none);
    let refused = refused.unwrap_err();
    assert_eq!(refused.error(), Some(MapError::OutOfFrames { needed: 1 }));
    let two = Run {
        area: pages(5, 2),
        ..old
    };
    let refused = mock.exchange(two, refused.into_frame(), old.attributes, ASID);
    let refused = refused.unwrap_err();
    assert_eq!(
        refused.error(),
        Some(MapError::NotMapped { hole: two.area })
    );
    frames.release(refused.into_frame(), false);
}

/// A page that is faulted in can be used at once, as its map allows: a store marks it, and faults no more.
#[test]
fn what_is_faulted_in_was_written_where_it_may_be() {
    let frames = HostFrames::new(8);
    let mut space: Space<Mock> = space_on(&frames);
    space.add_memory_map(anonymous(4, 1, RW)).unwrap();
    space.add_memory_map(anonymous(8, 1, R)).unwrap();
    for (page, is_written) in [(4, true), (8, false)] {
        space.prefault(pages(page, 1)).unwrap();
        assert_eq!(space.backend().is_dirty(at(page)), is_written);
    }
}
