//! A flush that panics while a leaf is broken.

extern crate std;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::Arm;
use super::edits::{ASID, LARGE, PAGE, READ, area, attributes, run};
use super::platform::Platform;
use crate::addr::VirtAddr;
use crate::backend::Paging;
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::backend::radix::Radix;
use crate::backend::run::Entry;
use crate::flush::Retired;
use crate::frame::FrameAllocator;

/// Lets the `n`-th call of the TLB's hooks panic in `verb`; whether it did.
fn strikes(platform: &Platform, n: usize, verb: impl FnOnce()) -> bool {
    platform.strike(n);
    let left = catch_unwind(AssertUnwindSafe(verb));
    platform.strike(0);
    match left {
        Ok(()) => false,
        Err(payload) if payload.is::<super::platform::Struck>() => true,
        Err(payload) => resume_unwind(payload),
    }
}

#[test]
fn a_page_is_put_back_when_its_exchange_is_left_by_a_panic() {
    for n in 1.. {
        let platform = Platform::new(64);
        let mut table = Radix::<Arm, _>::new(&platform).unwrap();
        let old = run(PAGE, 0x8000_0000, PAGE);
        table.edit(Edit::Map(old), ASID).unwrap();
        let frame = platform.alloc().unwrap();
        let new = frame.addr();
        let is_struck = strikes(&platform, n, || {
            let _ = table.exchange(old, frame, attributes(READ), ASID);
        });
        let entry = table.entry(VirtAddr::new(PAGE));
        let is_old = entry == Entry::Leaf(old);
        let is_new = matches!(entry, Entry::Leaf(run) if run.first == new);
        assert!(if n == 1 { is_old } else { is_new }, "{n}: {entry:?}");
        table.check_invariants().unwrap();
        // Nobody waits for ever: it can be exchanged, and unmapped.
        table.edit(Edit::Unmap(area(PAGE, PAGE)), ASID).unwrap();
        table.check_invariants().unwrap();
        let leaked = usize::from(n == 1 && is_struck);
        assert_eq!(platform.frames.frames_in_use(), 1 + leaked, "{n}");
        if !is_struck {
            break;
        }
    }
}

#[test]
fn edits_that_are_left_by_a_panic_while_a_leaf_is_broken_are_made_up_for() {
    let part = area(LARGE + PAGE, PAGE);
    let moved = area(LARGE + 8 * PAGE, 4 * PAGE);
    let target = area(64 * LARGE, 4 * PAGE);
    let edits = [
        Edit::Unmap(part),
        Edit::Protect(part, READ),
        Edit::Unmap(area(PAGE, PAGE)),
        Edit::Unmap(area(0, 4 * LARGE)),
        Edit::Shift {
            from: moved,
            to: target,
        },
    ];
    for edit in edits {
        for n in 1.. {
            let platform = Platform::new(64);
            let mut table = Radix::<Arm, _>::new(&platform).unwrap();
            for run in [
                run(LARGE, 0x4000_0000, LARGE),
                run(PAGE, 0x1000, PAGE),
                run(9 * PAGE, 0x1000, PAGE),
            ] {
                table.edit(Edit::Map(run), ASID).unwrap();
            }
            let is_struck = strikes(&platform, n, || table.edit(edit, ASID).unwrap());
            table.check_invariants().unwrap();
            table.retire(Retired::new(), ASID);
            table.check_invariants().unwrap();
            for page in [PAGE, LARGE, LARGE + PAGE, LARGE + 9 * PAGE] {
                let entry = table.entry(VirtAddr::new(page));
                assert_ne!(entry, Entry::Busy, "{edit:?} {n} {page:#x}");
            }
            let again = run(LARGE, 0x4000_0000, LARGE);
            table.edit(Edit::Unmap(area(0, 128 * LARGE)), ASID).unwrap();
            table.edit(Edit::Map(again), ASID).unwrap();
            table.edit(Edit::Unmap(again.area), ASID).unwrap();
            table.check_invariants().unwrap();
            if !is_struck {
                assert_eq!(platform.frames.frames_in_use(), 1);
                break;
            }
        }
    }
}
