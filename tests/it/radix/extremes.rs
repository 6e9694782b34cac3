//! The ends of what a format can say: the highest addresses, the largest leaves, and what is beyond.

use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::backend::{Edit, Entry, PageTableBackend};
use kernel_vm::{MapError, MemoryArea, PhysAddr, VirtAddr};

use super::shape::{ASID, GIB, MIB, READ, RW, Shape, ends, last, make, run, table, used, walk};
use crate::subject::{PAGE, area};

on_every_format! {
    no_leaf_is_larger_than_a_gigapage
    the_ranges_are_the_halves_to_the_byte
    the_first_and_the_last_pages_are_where_the_mmu_looks
    what_lies_between_the_halves_is_refused
    the_highest_frames_fill_the_bits_of_the_address
    an_address_of_more_bits_is_refused
}

fn no_leaf_is_larger_than_a_gigapage<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let top = (512 * GIB).min(F::LAST_LOW / 2 + 1);
    make(&mut table, Edit::Map(run(top, top as u64, top, RW)));
    let sizes = table.populated(area(top, top)).map(|run| run.area.size());
    assert_eq!(sizes.collect::<Vec<_>>(), vec![GIB; top / GIB]);
    assert_eq!(table.platform().in_use(), F::DEPTH - 2);
}

fn the_ranges_are_the_halves_to_the_byte<F: Shape>() {
    let table = table::<F>(AccessedDirty::Preset);
    let halves = [(0, F::LAST_LOW), (F::FIRST_HIGH, usize::MAX)];
    let halves = halves
        .map(|(start, end)| MemoryArea::new(VirtAddr::new(start), VirtAddr::new(end)).unwrap());
    let roots = 2 - usize::from(F::TWO_ROOTS);
    assert_eq!(table.ranges(), &halves[..roots]);
}

fn the_first_and_the_last_pages_are_where_the_mmu_looks<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    for (index, start) in ends::<F>().into_iter().enumerate() {
        let first = 0x1000 * (index as u64 + 1);
        make(&mut table, Edit::Map(run(start, first, PAGE, RW)));
        assert_eq!(last(&table, start) & !F::MEMORY, used::<F>(first, 0, RW));
        assert_eq!(walk(&table, start).len(), F::DEPTH);
        let addr = VirtAddr::new(start + 0xfff);
        assert_eq!(table.translate(addr), Some(PhysAddr::new(first + 0xfff)));
    }
    table.check_invariants().unwrap();
}

fn what_lies_between_the_halves_is_refused<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let low = F::LAST_LOW - 0xfff;
    for (start, size) in [
        (low, 2 * PAGE),
        (low + PAGE, PAGE),
        (F::FIRST_HIGH - PAGE, PAGE),
        (F::FIRST_HIGH - PAGE, 2 * PAGE),
    ] {
        let refused = Err(MapError::OutOfRange {
            area: area(start, size),
        });
        let edits = [
            Edit::Map(run(start, 0x1000, size, READ)),
            Edit::Unmap(area(start, size)),
            Edit::Protect(area(start, size), READ),
        ];
        assert_eq!(edits.map(|edit| table.edit(edit, ASID)), [refused; 3]);
    }
    for addr in [F::LAST_LOW + 1, F::FIRST_HIGH - 1] {
        assert_eq!(table.entry(VirtAddr::new(addr)), Entry::Empty);
        assert_eq!(table.translate(VirtAddr::new(addr)), None);
    }
}

fn the_highest_frames_fill_the_bits_of_the_address<F: Shape>() {
    for (level, size) in [PAGE, 2 * MIB, GIB].into_iter().enumerate() {
        let first = (1 << F::WIDTH) - size as u64;
        let mut table = table::<F>(AccessedDirty::Preset);
        make(&mut table, Edit::Map(run(size, first, size, RW)));
        let found = last(&table, size);
        assert_eq!(found & !F::MEMORY, used::<F>(first, level, RW), "{found:x}");
        let addr = VirtAddr::new(size);
        assert_eq!(table.translate(addr), Some(PhysAddr::new(first)));
    }
}

fn an_address_of_more_bits_is_refused<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    for (size, first) in [
        (PAGE, 1 << F::WIDTH),
        (2 * PAGE, (1 << F::WIDTH) - 0x1000),
        (2 * MIB, 1 << F::WIDTH),
        (PAGE, 1 << 63),
    ] {
        let run = run(size, first, size, READ);
        let area = run.pmarea().unwrap();
        assert_eq!(
            table.edit(Edit::Map(run), ASID),
            Err(MapError::PhysOutOfRange { area })
        );
    }
    assert_eq!(table.platform().in_use(), 1);
}
