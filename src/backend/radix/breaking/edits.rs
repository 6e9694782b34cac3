//! The edits, and what is special to the format.

use super::Arm;
use super::platform::{Platform, Told};
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::{Attributes, MemoryType};
use crate::backend::Paging;
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::backend::radix::{AccessedDirty, Features, Format, Radix};
use crate::backend::run::{Entry, Run};
use crate::error::MapError;
use crate::flush::Retired;
use crate::frame::FrameAllocator;
use crate::permissions::Permissions;

type Table = Radix<Arm, Platform>;

pub(super) const PAGE: usize = 0x1000;
pub(super) const LARGE: usize = 0x20_0000;
pub(super) const ASID: Asid = Asid::new(3);
pub(super) const READ: Permissions = Permissions::READ;
const RW: Permissions = READ.union(Permissions::WRITE);

fn table() -> Table {
    Table::new(Platform::new(64)).unwrap()
}

pub(super) fn area(start: usize, size: usize) -> MemoryArea {
    MemoryArea::from_start_size(VirtAddr::new(start), size).unwrap()
}

pub(super) fn attributes(permissions: Permissions) -> Attributes {
    Attributes {
        permissions,
        memory_type: MemoryType::Normal,
    }
}

pub(super) fn run(start: usize, first: u64, size: usize) -> Run {
    Run {
        area: area(start, size),
        first: PhysAddr::new(first),
        attributes: attributes(RW),
    }
}

/// Where the word is at which the way to `addr` ends.
fn place(table: &Table, addr: usize) -> PhysAddr {
    let mut at = table.root();
    for level in (0..4).rev() {
        let index = (addr >> (12 + 9 * level)) % 512;
        let place = at.checked_add(8 * index).unwrap();
        let word = table.platform().word(place);
        if !Arm::is_table(word, level) {
            return place;
        }
        at = Arm::child(word);
    }
    unreachable!("pages are no tables")
}

fn last(table: &Table, addr: usize) -> u64 {
    table.platform().word(place(table, addr))
}

#[test]
fn a_large_leaf_is_broken_and_flushed_before_a_table_takes_its_place() {
    for policy in [AccessedDirty::Preset, AccessedDirty::Hardware] {
        let features = Features::new().with_accessed_dirty(policy);
        let mut table = Table::with_features(Platform::new(64), features).unwrap();
        table
            .edit(Edit::Map(run(LARGE, 0x4000_0000, LARGE)), ASID)
            .unwrap();
        let at = place(&table, LARGE);
        table.platform().watch(at);
        table
            .edit(Edit::Unmap(area(LARGE + PAGE, PAGE)), ASID)
            .unwrap();
        let told = table.platform().take();
        let [
            (Told::Flush, broken),
            (Told::Valid, made),
            (Told::Flush, after),
        ] = told[..]
        else {
            panic!("{told:?}")
        };
        assert_eq!(broken & Arm::VALID, 0, "{policy:?}");
        assert!(Arm::is_table(made, 1) && made == after, "{policy:?}");
        let entry = table.entry(VirtAddr::new(LARGE));
        assert_eq!(entry, Entry::Leaf(run(LARGE, 0x4000_0000, PAGE)));
        assert_eq!(table.entry(VirtAddr::new(LARGE + PAGE)), Entry::Empty);
        table.check_invariants().unwrap();
    }
}

/// No CPU can have it: nothing of it was valid, and nothing is owed.
#[test]
fn a_hidden_large_leaf_is_split_without_a_flush() {
    let mut table = table();
    let hidden = Run {
        attributes: attributes(Permissions::empty()),
        ..run(LARGE, 0x4000_0000, LARGE)
    };
    table.edit(Edit::Map(hidden), ASID).unwrap();
    table.platform().take();
    table
        .edit(Edit::Unmap(area(LARGE + PAGE, PAGE)), ASID)
        .unwrap();
    let told = table.platform().take();
    let is_flush = |told: &(Told, u64)| told.0 == Told::Flush;
    assert!(!told.iter().any(is_flush), "{told:?}");
    table.check_invariants().unwrap();
}

#[test]
fn a_page_is_broken_and_flushed_before_another_frame_takes_its_place() {
    let mut table = table();
    table
        .edit(Edit::Map(run(PAGE, 0x8000_0000, PAGE)), ASID)
        .unwrap();
    let at = place(&table, PAGE);
    table.platform().watch(at);
    let frame = table.platform().alloc().unwrap();
    let first = frame.addr();
    let old = run(PAGE, 0x8000_0000, PAGE);
    let replaced = table.exchange(old, frame, attributes(READ), ASID);
    assert_eq!(replaced, Ok(None));
    let told = table.platform().take();
    let [(Told::Flush, broken), (Told::Valid, made)] = told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(broken & Arm::VALID, 0);
    assert_eq!(Arm::addr(made), first);
    table.edit(Edit::Unmap(area(PAGE, PAGE)), ASID).unwrap();
    assert_eq!(table.platform().frames.frames_in_use(), 1, "the root");
}

#[test]
fn nothing_is_mapped_where_something_was_before_that_is_flushed() {
    // A page beside another, one that is alone in its table, and a large leaf.
    for (size, beside) in [(PAGE, true), (PAGE, false), (LARGE, false)] {
        let mut table = table();
        let (old, new) = (64 * LARGE, 4 * LARGE);
        let at = |page| area(page, size);
        for run in [run(old, 0x4000_0000, size), run(new, 0x8000_0000, size)] {
            table.edit(Edit::Map(run), ASID).unwrap();
        }
        if beside {
            let page = run(new + PAGE, 0xc000_0000, PAGE);
            table.edit(Edit::Map(page), ASID).unwrap();
        }
        let place = place(&table, new);
        table.platform().watch(place);
        let shift = Edit::Shift {
            from: at(old),
            to: at(new),
        };
        let edits = [Edit::Unmap(at(new)), shift, Edit::Unmap(at(old))];
        let mut reserved = table.reserve(edits.into_iter()).unwrap();
        let mut out = Retired::new();
        table.unmap(at(new), &mut reserved, &mut out);
        assert!(out.entries(), "its entry waits");
        assert_eq!(table.platform().word(place) & Arm::VALID, 0);
        assert_ne!(table.platform().word(place), 0);
        if size == PAGE && !beside {
            // Its table goes.
            table.platform().watch(table.root());
        }
        table.retire(core::mem::take(&mut out), ASID);
        assert_eq!(table.platform().take()[0].0, Told::Flush);
        table.shift(at(old), at(new), &mut reserved, &mut out);
        table.unmap(at(old), &mut reserved, &mut out);
        table.unreserve(reserved);
        table.retire(out, ASID);
        let moved = Entry::Leaf(run(new, 0x4000_0000, size));
        assert_eq!(table.entry(VirtAddr::new(new)), moved);
        assert_eq!(table.entry(VirtAddr::new(old)), Entry::Empty);
        table.check_invariants().unwrap();
        let all = area(0, 1 << 40);
        table.edit(Edit::Unmap(all), ASID).unwrap();
        assert_eq!(table.platform().frames.frames_in_use(), 1, "the root");
    }
}

/// A CPU may still have what a leaf was before it was hidden.
#[test]
fn nothing_is_mapped_where_a_leaf_was_hidden_before_that_is_flushed() {
    for size in [PAGE, LARGE] {
        let mut table = table();
        let beside = area(size + 8 * LARGE, size);
        for run in [
            run(size, 0x4000_0000, size),
            run(beside.start().get(), 0x6000_0000, size),
        ] {
            table.edit(Edit::Map(run), ASID).unwrap();
        }
        let new = run(size, 0x8000_0000, size);
        let hide = Edit::Protect(new.area, Permissions::empty());
        let edits = [hide, Edit::Unmap(new.area), Edit::Map(new)];
        let mut reserved = table.reserve(edits.into_iter()).unwrap();
        let mut out = Retired::new();
        table.protect(new.area, Permissions::empty(), &mut reserved, &mut out);
        table.unmap(new.area, &mut reserved, &mut out);
        assert!(out.entries(), "its entry waits");
        table.map_exclusive(new, &mut reserved);
        assert_eq!(table.entry(new.area.start()), Entry::Busy);
        table.retire(out, ASID);
        table.map_exclusive(new, &mut reserved);
        assert_eq!(table.entry(new.area.start()), Entry::Leaf(new));
        table.unreserve(reserved);
        table.check_invariants().unwrap();
    }
}

/// A CPU may still have what was at the place that was moved from.
#[test]
fn nothing_is_mapped_where_a_leaf_was_moved_from_before_that_is_flushed() {
    for policy in [AccessedDirty::Preset, AccessedDirty::Hardware] {
        for is_owned in [false, true] {
            let features = Features::new().with_accessed_dirty(policy);
            let mut table = Table::with_features(Platform::new(64), features).unwrap();
            let (from, to) = (area(PAGE, PAGE), area(64 * LARGE, PAGE));
            if is_owned {
                let frame = table.platform().alloc().unwrap();
                let edit = Edit::Map(run(PAGE, frame.addr().get(), PAGE));
                let mut reserved = table.reserve([edit].into_iter()).unwrap();
                let installed = table.install(from.start(), frame, attributes(RW), &mut reserved);
                installed.unwrap();
                table.unreserve(reserved);
            } else {
                let page = run(PAGE, 0x4000_0000, PAGE);
                table.edit(Edit::Map(page), ASID).unwrap();
            }
            let new = run(PAGE, 0x8000_0000, PAGE);
            let edits = [Edit::Shift { from, to }, Edit::Unmap(from), Edit::Map(new)];
            let mut reserved = table.reserve(edits.into_iter()).unwrap();
            let mut out = Retired::new();
            table.shift(from, to, &mut reserved, &mut out);
            table.unmap(from, &mut reserved, &mut out);
            assert!(out.entries(), "{policy:?} {is_owned}");
            table.map_exclusive(new, &mut reserved);
            assert_eq!(table.entry(from.start()), Entry::Busy);
            table.retire(out, ASID);
            table.map_exclusive(new, &mut reserved);
            assert_eq!(table.entry(from.start()), Entry::Leaf(new));
            assert!(matches!(table.entry(to.start()), Entry::Leaf(_)));
            table.unreserve(reserved);
            table.check_invariants().unwrap();
            let all = area(0, 1 << 40);
            table.edit(Edit::Unmap(all), ASID).unwrap();
            assert_eq!(table.platform().frames.frames_in_use(), 1, "the root");
        }
    }
}

#[test]
fn who_meets_a_broken_page_looks_again() {
    let mut table = table();
    table
        .edit(Edit::Map(run(PAGE, 0x8000_0000, PAGE)), ASID)
        .unwrap();
    let word = table.find_page(VirtAddr::new(PAGE)).unwrap();
    let leaf = word.load(core::sync::atomic::Ordering::Relaxed);
    // As another CPU leaves it until its flush is acknowledged.
    let busy = crate::backend::radix::entry::retired::retired_leaf::<Arm>(leaf);
    word.store(busy, core::sync::atomic::Ordering::Relaxed);
    let page = VirtAddr::new(PAGE);
    assert_eq!(
        (table.entry(page), table.translate(page)),
        (Entry::Busy, None)
    );
    let mut none = Default::default();
    let frame = table.platform().alloc().unwrap();
    let lost = table
        .install(page, frame, attributes(RW), &mut none)
        .unwrap_err();
    assert_eq!(lost.found(), Some(Entry::Busy));
    let old = run(PAGE, 0x8000_0000, PAGE);
    let lost = table
        .exchange(old, lost.into_frame(), attributes(RW), ASID)
        .unwrap_err();
    assert_eq!(lost.found(), Some(Entry::Busy));
    table.platform().release(lost.into_frame(), false);
    table
        .find_page(page)
        .unwrap()
        .store(leaf, core::sync::atomic::Ordering::Relaxed);
    table.check_invariants().unwrap();
}

#[test]
fn each_half_has_a_root_of_its_own() {
    let [lower, upper] = *Arm::RANGES;
    let mut user = table();
    assert_eq!(user.ranges(), [lower]);
    let high = area(upper.start().get() + LARGE, LARGE);
    let refused = user.edit(Edit::Unmap(high), ASID);
    assert_eq!(refused, Err(MapError::OutOfRange { area: high }));
    let features = Features::default();
    let mut kernel = Table::kernel(Platform::new(64), features, high).unwrap();
    let mapped = Run {
        area: high,
        ..run(0, 0x4000_0000, LARGE)
    };
    kernel.edit(Edit::Map(mapped), ASID).unwrap();
    assert_eq!(kernel.entry(high.start()), Entry::Leaf(mapped));
    assert_eq!(last(&kernel, high.start().get()) & Arm::LOCAL, 0);
    // The same slots of the other root are other addresses.
    user = Table::with_kernel(Platform::new(64), &kernel).unwrap();
    assert_eq!(user.ranges(), [lower]);
    assert_eq!(last(&user, LARGE), 0);
}

#[test]
fn a_page_table_of_one_half_prints_its_own_entries_once() {
    let mut user = table();
    user.edit(Edit::Map(run(0, 0x8000_0000, LARGE)), ASID)
        .unwrap();
    let text = alloc::format!("{user}");
    assert_eq!(text.lines().count(), 4, "{text}");
    let leaf = "      0x0..=0x1fffff -> 0x80000000 rw-- normal, 1 leaf of 2 MiB";
    assert_eq!(text.lines().last(), Some(leaf));
    let high = area(usize::MAX - (LARGE - 1), LARGE);
    let mut kernel = Table::kernel(Platform::new(64), Features::default(), high).unwrap();
    let mapped = run(high.start().get(), 0x8000_0000, LARGE);
    kernel.edit(Edit::Map(mapped), ASID).unwrap();
    let text = alloc::format!("{kernel}");
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.ends_with("1 leaf of 2 MiB, global"), "{text}");
}
