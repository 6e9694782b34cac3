//! Page tables that break their contract are found, and the law is named.

mod mistake;
mod wrong;

use std::collections::BTreeSet;

use kernel_vm::testing;

use mistake::{MISTAKES, Mistake};
use wrong::Wrong;

/// The law that a page table with this mistake breaks.
fn law(mistake: Mistake) -> Result<(), &'static str> {
    let make = || Wrong::new(mistake);
    let fail = |wrong: &Wrong, n| wrong.table.fail_reservation(n);
    let checked = testing::page_table(make, Wrong::in_use);
    let checked = checked.and_then(|()| testing::reservations(make, Wrong::in_use, fail));
    checked.map_err(|broken| {
        println!("{mistake:?}: {broken}");
        broken.law()
    })
}

#[test]
fn a_page_table_without_a_mistake_breaks_no_law() {
    assert_eq!(law(Mistake::None), Ok(()));
}

#[test]
fn each_mistake_of_a_page_table_is_found_and_named() {
    let found = MISTAKES.map(|(mistake, _)| (mistake, law(mistake)));
    assert_eq!(
        found,
        MISTAKES.map(|(mistake, words)| (mistake, Err(words)))
    );
}

/// A mistake shows the first law that it breaks, in the order of the laws: each law has one of its own.
#[test]
fn each_law_of_page_tables_is_broken_by_a_mistake() {
    let broken: BTreeSet<_> = MISTAKES.iter().map(|&(_, words)| words).collect();
    let laws: BTreeSet<_> = testing::laws_of_page_tables().into_iter().collect();
    assert_eq!(broken, laws);
}
