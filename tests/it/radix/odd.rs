//! One entry among others of its table that is not as they are.

use kernel_vm::backend::radix::{AccessedDirty, Radix};
use kernel_vm::backend::{Edit, Entry, PageTableBackend};
use kernel_vm::{Access, Permissions, VirtAddr};

use super::shape::{MIB, NONE, READ, RW, Shape, access, install, last, make, run, table};
use super::witness::Witness;
use crate::subject::{PAGE, area};

on_every_format! {
    protecting_changes_it_as_if_it_were_alone
    unmapping_it_leaves_the_others
}

/// Where it is: at the ends of a table, and wherever edits may cut it in groups.
const PLACES: [usize; 9] = [0, 1, 63, 64, 127, 128, 255, 256, 511];

#[derive(Clone, Copy, Debug)]
enum Odd {
    Empty,
    Hidden,
    ReadOnly,
    Owned,
    Used,
}

const KINDS: [Odd; 5] = [
    Odd::Empty,
    Odd::Hidden,
    Odd::ReadOnly,
    Odd::Owned,
    Odd::Used,
];

const EXECUTE: Permissions = READ.union(Permissions::EXECUTE);

const TABLE: usize = 4 * MIB;
const FRAMES: u64 = 0x8000_1000;

/// A full table of pages that allow reading and writing, but for the one at `place`.
fn furnished<F: Shape>(policy: AccessedDirty, odd: Odd, place: usize) -> Radix<F, Witness> {
    let mut table = table::<F>(policy);
    make(&mut table, Edit::Map(run(TABLE, FRAMES, 2 * MIB, RW)));
    let page = TABLE + place * PAGE;
    match odd {
        Odd::Empty => make(&mut table, Edit::Unmap(area(page, PAGE))),
        Odd::Hidden => make(&mut table, Edit::Protect(area(page, PAGE), NONE)),
        Odd::ReadOnly => make(&mut table, Edit::Protect(area(page, PAGE), READ)),
        Odd::Owned => {
            make(&mut table, Edit::Unmap(area(page, PAGE)));
            install(&table, page, RW);
        }
        Odd::Used => access(&table, page, Access::Read),
    }
    table
}

fn protecting_changes_it_as_if_it_were_alone<F: Shape>() {
    for (policy, odd) in F::POLICIES
        .iter()
        .flat_map(|&policy| KINDS.map(|odd| (policy, odd)))
    {
        for (place, wanted) in PLACES
            .into_iter()
            .flat_map(|at| [READ, EXECUTE, NONE].map(|to| (at, to)))
        {
            let mut table = furnished::<F>(policy, odd, place);
            let before: Vec<u64> = (0..512)
                .map(|page| last(&table, TABLE + page * PAGE))
                .collect();
            make(&mut table, Edit::Protect(area(TABLE, 2 * MIB), wanted));
            for (page, before) in before.into_iter().enumerate() {
                let addr = TABLE + page * PAGE;
                let entry = table.entry(VirtAddr::new(addr));
                let is_absent = page == place && matches!(odd, Odd::Empty);
                let allows = match entry {
                    Entry::Empty | Entry::Busy => None,
                    Entry::Leaf(run) | Entry::Hidden(run) => Some(run.attributes.permissions),
                };
                assert_eq!(
                    allows,
                    (!is_absent).then_some(wanted),
                    "{odd:?}, {place}, {page}"
                );
                // What permissions do not decide: the address, what was used, whose it is.
                let now = last(&table, addr);
                assert_eq!(
                    ((now ^ before) & !F::DECIDED, F::usage(now)),
                    (0, F::usage(before)),
                    "{odd:?}, {place}, {page}"
                );
            }
            table.check_invariants().unwrap();
        }
    }
}

fn unmapping_it_leaves_the_others<F: Shape>() {
    for odd in KINDS {
        for place in PLACES {
            let mut table = furnished::<F>(AccessedDirty::Preset, odd, place);
            let page = TABLE + place * PAGE;
            table.platform().take();
            make(&mut table, Edit::Unmap(area(page, PAGE)));
            let flushes = table.platform().flushes();
            let was_valid = !matches!(odd, Odd::Empty | Odd::Hidden);
            assert_eq!(flushes.len(), usize::from(was_valid), "{odd:?}, {place}");
            for other in (0..512).filter(|&other| other != place) {
                let addr = VirtAddr::new(TABLE + other * PAGE);
                assert!(table.translate(addr).is_some(), "{odd:?}, {place}, {other}");
            }
            assert_eq!(table.translate(VirtAddr::new(page)), None);
            table.check_invariants().unwrap();
        }
    }
}
