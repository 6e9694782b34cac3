//! The audit finds what it says it looks for: each promise is broken once, in the words themselves.

use kernel_vm::backend::radix::{AccessedDirty, Radix};
use kernel_vm::backend::{Edit, PageTableBackend};
use kernel_vm::{MemoryArea, PhysAddr, Retired, Violation, VirtAddr};

use super::shape::{
    GIB, MIB, RW, Shape, change_word, far, install, make, places, run, table, word,
};
use super::witness::Witness;
use crate::subject::PAGE;

on_every_format! {
    an_empty_table_is_found
    a_word_that_reads_as_empty_and_is_not_0_is_found
    a_large_leaf_is_aligned_to_its_size
    a_large_leaf_owns_no_frame
    the_way_to_an_owned_page_says_so_in_each_table
    a_word_that_waits_is_found_where_no_flush_is_owed
    an_entry_of_the_root_that_was_not_noted_is_found
}

/// Where there is a table of pages, with an owned one.
const OWNED: usize = 2 * MIB;
/// Where there is a large leaf.
const LARGE: usize = 4 * MIB;

fn furnished<F: Shape>() -> Radix<F, Witness> {
    let mut table = table::<F>(AccessedDirty::Preset);
    make(&mut table, Edit::Map(run(LARGE, 0x8020_0000, 2 * MIB, RW)));
    install(&table, OWNED, RW);
    table.check_invariants().unwrap();
    table
}

/// What the audit says while the word at `at` is changed so.
fn changed<F: Shape>(
    table: &Radix<F, Witness>,
    at: PhysAddr,
    change: impl Fn(u64) -> u64,
) -> Result<(), Violation> {
    let before = word(table.platform(), at);
    assert_ne!(change(before), before);
    change_word(table.platform(), at, change);
    let found = table.check_invariants();
    change_word(table.platform(), at, |_| before);
    table.check_invariants().unwrap();
    found
}

/// The audit's answer where the word for `addr` is wrong.
fn at(addr: usize) -> Result<(), Violation> {
    Err(Violation::Word {
        addr: VirtAddr::new(addr),
    })
}

/// The word at the end of the way to `addr`, and the one that leads to its table.
fn ends<F: Shape>(table: &Radix<F, Witness>, addr: usize) -> (PhysAddr, PhysAddr) {
    match places(table, addr)[..] {
        [.., above, last] => (last, above),
        _ => panic!("no way to {addr:#x}"),
    }
}

fn an_empty_table_is_found<F: Shape>() {
    let table = furnished::<F>();
    let (page, _) = ends(&table, OWNED);
    assert_eq!(changed(&table, page, |_| 0), at(OWNED));
}

fn a_word_that_reads_as_empty_and_is_not_0_is_found<F: Shape>() {
    let table = furnished::<F>();
    let (page, _) = ends(&table, OWNED + PAGE);
    assert_eq!(changed(&table, page, |_| 1 << 20), at(OWNED + PAGE));
}

fn a_large_leaf_is_aligned_to_its_size<F: Shape>() {
    let table = furnished::<F>();
    let (large, _) = ends(&table, LARGE);
    let astray = F::fresh(0x8020_0000, 0, RW) ^ F::fresh(0x8030_0000, 0, RW);
    assert_eq!(changed(&table, large, |leaf| leaf ^ astray), at(LARGE));
}

fn a_large_leaf_owns_no_frame<F: Shape>() {
    let table = furnished::<F>();
    let (large, above) = ends(&table, LARGE);
    // The way to it says so, too: nothing else is wrong.
    change_word(table.platform(), above, |pointer| pointer | F::OWN);
    assert_eq!(changed(&table, large, |leaf| leaf | F::OWN), at(LARGE));
}

fn the_way_to_an_owned_page_says_so_in_each_table<F: Shape>() {
    let table = furnished::<F>();
    let places = places(&table, OWNED);
    for (&place, level) in places.iter().zip((1..F::DEPTH).rev()) {
        let first = OWNED & !((PAGE << (9 * level)) - 1);
        let unmarked = changed(&table, place, |pointer| pointer & !F::OWN);
        assert_eq!(unmarked, at(first), "level {level}");
    }
}

fn a_word_that_waits_is_found_where_no_flush_is_owed<F: Shape>() {
    let mut other = furnished::<F>();
    let owned = MemoryArea::from_start_size(VirtAddr::new(OWNED), 2 * MIB).unwrap();
    let (page, above) = ends(&other, OWNED);
    let mut out = Retired::new();
    let mut reserved = other.reserve([Edit::Unmap(owned)].into_iter()).unwrap();
    other.unmap(owned, &mut reserved, &mut out);
    other.unreserve(reserved);
    other.check_invariants().unwrap();
    let waits = [page, above].map(|at| word(other.platform(), at));

    let table = furnished::<F>();
    let (page, above) = ends(&table, OWNED);
    assert_eq!(changed(&table, page, |_| waits[0]), at(OWNED));
    assert_eq!(changed(&table, above, |_| waits[1]), at(OWNED));
}

fn an_entry_of_the_root_that_was_not_noted_is_found<F: Shape>() {
    let table = furnished::<F>();
    let [near, away] = [OWNED, far::<F>()].map(|addr| places(&table, addr)[0]);
    let pointer = word(table.platform(), near);
    let first = far::<F>() & !((GIB << (9 * (F::DEPTH - 3))) - 1);
    assert_eq!(changed(&table, away, |_| pointer), at(first));
}
