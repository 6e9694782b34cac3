//! Replacing the frame of a page: the old one comes back after one flush.

use std::cell::Cell;
use std::rc::Rc;

use kernel_vm::backend::Paging;
use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::radix::{AccessedDirty, Radix, Reserved};
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{
    Access, Frame, FrameAllocator, MapError, Permissions, PhysAddr, Retired, VirtAddr,
};

use super::shape::{
    ASID, MIB, NONE, READ, RW, Shape, access, allowing, install, last, make, places, policy, run,
    table,
};
use super::witness::{Event, Witness};
use crate::faults::hooks::Watched;
use crate::subject::{PAGE, area};

on_every_format! {
    an_exchange_flushes_once_and_then_hands_the_old_frame_back
    physical_memory_that_is_exchanged_is_not_handed_back
    hidden_pages_are_exchanged_without_a_flush
    what_changed_meanwhile_is_not_exchanged
    bits_that_the_mmu_has_set_meanwhile_are_no_change
    what_no_page_can_be_is_refused
    exchanged_code_is_announced_before_it_can_run
    who_settles_beside_an_exchange_leaves_its_page_alone
}

fn frame(table: &Radix<impl Shape, Witness>) -> Frame {
    table.platform().alloc().unwrap()
}

fn leaf(table: &Radix<impl Shape, Witness>, page: usize) -> Run {
    match table.entry(VirtAddr::new(page)) {
        Entry::Leaf(run) | Entry::Hidden(run) => run,
        Entry::Empty | Entry::Busy => panic!("nothing is at {page:#x}"),
    }
}

fn an_exchange_flushes_once_and_then_hands_the_old_frame_back<F: Shape>() {
    for &policy in F::POLICIES {
        let mut table = table::<F>(policy);
        let old = install(&table, PAGE, READ);
        let platform = table.platform().clone();
        platform.watch(places(&table, PAGE).pop().unwrap());
        platform.take();
        let new = frame(&table);
        let at = new.addr();
        let was = leaf(&table, PAGE);
        let back = table.exchange(was, new, allowing(RW), ASID).unwrap();
        assert_eq!(back.as_ref().map(|back| back.frame.addr()), Some(old));
        let events = platform.take_watched();
        let [(Event::Flush(told), busy), (Event::Valid(_), seen)] = &events[..] else {
            panic!("{events:?}")
        };
        assert!(
            busy & 1 == 0 && *busy != 0,
            "the old word was broken by then"
        );
        assert_eq!(told.ranges.as_deref(), Some(&[area(PAGE, PAGE)][..]));
        assert_eq!(
            (told.asid, told.tables, told.is_global),
            (Some(ASID), false, false)
        );
        assert_eq!(*seen, last(&table, PAGE), "the new word was there by then");
        assert_eq!(leaf(&table, PAGE), run(PAGE, at.get(), PAGE, RW));
        back.into_iter()
            .for_each(|back| platform.release(back.frame, false));
        make(&mut table, Edit::Unmap(area(PAGE, PAGE)));
        assert_eq!(platform.in_use(), 1, "the new frame was the table's own");
    }
}

fn physical_memory_that_is_exchanged_is_not_handed_back<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    make(&mut table, Edit::Map(run(PAGE, 0x1000, PAGE, READ)));
    table.platform().take();
    let new = frame(&table);
    let back = table.exchange(leaf(&table, PAGE), new, allowing(RW), ASID);
    assert_eq!(back, Ok(None));
    assert_eq!(table.platform().flushes().len(), 1);
    table.check_invariants().unwrap();
    make(&mut table, Edit::Unmap(area(PAGE, PAGE)));
    assert_eq!(table.platform().in_use(), 1);
}

fn hidden_pages_are_exchanged_without_a_flush<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let old = install(&table, PAGE, NONE);
    table.platform().take();
    let back = table.exchange(leaf(&table, PAGE), frame(&table), allowing(RW), ASID);
    let back = back.unwrap().unwrap();
    assert_eq!(back.frame.addr(), old);
    assert!(matches!(table.platform().take()[..], [Event::Valid(_)]));
    let again = table.exchange(leaf(&table, PAGE), back.frame, allowing(NONE), ASID);
    let again = again.unwrap().unwrap();
    assert_eq!(
        table.platform().flushes().len(),
        1,
        "what was valid is hidden"
    );
    let last = table.exchange(leaf(&table, PAGE), again.frame, allowing(NONE), ASID);
    assert_eq!(table.platform().take(), [], "neither was valid");
    table
        .platform()
        .release(last.unwrap().unwrap().frame, false);
    make(&mut table, Edit::Unmap(area(PAGE, PAGE)));
    assert_eq!(table.platform().in_use(), 1);
}

fn what_changed_meanwhile_is_not_exchanged<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    install(&table, PAGE, RW);
    make(&mut table, Edit::Map(run(2 * MIB, 0x20_0000, 2 * MIB, RW)));
    let is = leaf(&table, PAGE);
    let word = last(&table, PAGE);
    let megapage = leaf(&table, 2 * MIB);
    let stale = [
        (
            Run {
                first: PhysAddr::new(0x1000),
                ..is
            },
            Entry::Leaf(is),
        ),
        (
            Run {
                attributes: allowing(READ),
                ..is
            },
            Entry::Leaf(is),
        ),
        (run(2 * PAGE, is.first.get(), PAGE, RW), Entry::Empty),
        (run(64 * MIB, is.first.get(), PAGE, RW), Entry::Empty),
        (
            megapage.intersection(area(2 * MIB, PAGE)).unwrap(),
            Entry::Leaf(megapage),
        ),
    ];
    let before = table.platform().in_use();
    table.platform().take();
    for (old, found) in stale {
        let new = frame(&table);
        let at = new.addr();
        let lost = table.exchange(old, new, allowing(RW), ASID).unwrap_err();
        assert_eq!((lost.found(), lost.error()), (Some(found), None));
        let frame = lost.into_frame();
        assert_eq!(frame.addr(), at);
        table.platform().frames.release(frame, false);
    }
    assert_eq!(table.platform().take(), []);
    assert_eq!(
        (table.platform().in_use(), last(&table, PAGE)),
        (before, word)
    );
    table.check_invariants().unwrap();
}

fn bits_that_the_mmu_has_set_meanwhile_are_no_change<F: Shape>() {
    let table = table::<F>(AccessedDirty::Hardware);
    let old = install(&table, PAGE, RW);
    let was = leaf(&table, PAGE);
    access(&table, PAGE, Access::Write);
    let back = table.exchange(was, frame(&table), allowing(RW), ASID);
    let back = back.unwrap().unwrap();
    assert_eq!((back.frame.addr(), back.dirty), (old, true));
    assert_eq!(
        F::usage(last(&table, PAGE)),
        (false, false),
        "nobody has used the new one"
    );
    table.platform().release(back.frame, back.dirty);
}

fn what_no_page_can_be_is_refused<F: Shape>() {
    let table = table::<F>(AccessedDirty::Preset);
    install(&table, PAGE, RW);
    let is = leaf(&table, PAGE);
    let wide = run(PAGE, is.first.get(), 2 * PAGE, RW);
    let odd = run(PAGE + 8, is.first.get(), PAGE, RW);
    let hole = run(F::LAST_LOW + 1, is.first.get(), PAGE, RW);
    let write = Permissions::WRITE;
    let cases = [
        (wide, RW, MapError::NotMapped { hole: wide.area }),
        (
            odd,
            RW,
            MapError::Misaligned {
                addr: odd.area.start(),
                align: PAGE,
            },
        ),
        (hole, RW, MapError::OutOfRange { area: hole.area }),
        (is, write, MapError::WriteWithoutRead { permissions: write }),
    ];
    for (old, permissions, error) in cases {
        let new = frame(&table);
        let at = new.addr();
        let lost = table
            .exchange(old, new, allowing(permissions), ASID)
            .unwrap_err();
        assert_eq!((lost.error(), lost.found()), (Some(error), None));
        let frame = lost.into_frame();
        assert_eq!(frame.addr(), at);
        table.platform().release(frame, false);
    }
    assert_eq!(leaf(&table, PAGE), is);
}

fn exchanged_code_is_announced_before_it_can_run<F: Shape>() {
    let table = table::<F>(AccessedDirty::Preset);
    install(&table, PAGE, READ);
    let platform = table.platform().clone();
    platform.watch(places(&table, PAGE).pop().unwrap());
    platform.take();
    let before = last(&table, PAGE);
    let code = READ | Permissions::EXECUTE;
    let back = table.exchange(leaf(&table, PAGE), frame(&table), allowing(code), ASID);
    let events = platform.take_watched();
    assert!(
        matches!(
            &events[..],
            [(Event::Code(_), then), (Event::Flush(_), _), (Event::Valid(_), _)] if *then == before
        ),
        "{events:?}"
    );
    platform.release(back.unwrap().unwrap().frame, false);
}

/// The page lies between two that wait, and in the middle of its exchange it looks as they do.
fn who_settles_beside_an_exchange_leaves_its_page_alone<F: Shape>() {
    let (first, between, last) = (PAGE, 2 * PAGE, 3 * PAGE);
    let platform = Watched::new(HostFrames::new(16));
    let features = policy(AccessedDirty::Preset);
    let mut table = Radix::<F, _>::with_features(platform.clone(), features).unwrap();
    install(&table, first, RW);
    install(&table, last, RW);
    // Their table stays.
    install(&table, 4 * PAGE, RW);
    let mut told = Retired::new();
    let all = area(first, last + PAGE - first);
    table.unmap(all, &mut Reserved::default(), &mut told);
    let at = install(&table, between, RW);
    let before = platform.frames().frames_in_use();

    let table = Rc::new(table);
    let (others, has_settled) = (Rc::downgrade(&table), Rc::new(Cell::new(false)));
    let settled = has_settled.clone();
    platform.on_flush(move || {
        if !settled.replace(true) {
            let table = others.upgrade().unwrap();
            assert_eq!(table.entry(VirtAddr::new(between)), Entry::Busy);
            table.settle(&told, ASID);
        }
    });
    let new = platform.alloc().unwrap();
    let (old, next) = (run(between, at.get(), PAGE, RW), new.addr());
    let back = table.exchange(old, new, allowing(RW), ASID);
    platform.on_flush(|| ());
    assert!(has_settled.get(), "in the middle of the exchange");
    let back = back.unwrap().unwrap().frame;
    assert_eq!(back.addr(), at);
    platform.release(back, false);
    let found = table.entry(VirtAddr::new(between));
    assert_eq!(found, Entry::Leaf(run(between, next.get(), PAGE, RW)));
    assert_eq!(platform.frames().frames_in_use(), before - 2);
    table.check_invariants().unwrap();
}
