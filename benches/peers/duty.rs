//! What stores are asked to do again and again.

use std::hint::black_box;
use std::time::Duration;

use ::kernel_vm::{MapError, Permissions};

use super::Store;
use crate::clock::clock;
use crate::workload::{PAGE, WORST_GAP, Wide, Workload};

/// Which addresses are asked for; a power of two of them.
pub(crate) type Queries = fn(&Workload) -> &[usize];

/// Each leaves the areas as they were.
#[derive(Clone, Copy)]
pub(crate) enum Duty {
    /// Addresses that do not depend on each other.
    Lookup(Queries),
    /// Each address depends on the answer before.
    LookupChain(Queries),
    RemoveInsert,
    UnmapMiddle,
    ProtectMiddle,
    GapFirst,
    GapWorst,
}

impl Duty {
    /// How long it takes to do it `count` times, from the `next` address or area on. The loops are ours, so that
    /// nothing but the duty is in them.
    pub(crate) fn time<S: Store>(
        self,
        store: &mut S,
        work: &Workload,
        next: &mut usize,
        count: u64,
    ) -> Duration {
        match self {
            Self::Lookup(queries) => independent(store, queries(work), next, count),
            Self::LookupChain(queries) => chain(store, queries(work), next, count),
            Self::RemoveInsert => edit(work, next, count, |area| store.remove_insert(&area.whole)),
            Self::UnmapMiddle => edit(work, next, count, |area| {
                store.unmap_middle(&area.whole, &area.page)
            }),
            Self::ProtectMiddle => edit(work, next, count, |area| {
                store.protect_middle(&area.whole, &area.page, Permissions::READ)
            }),
            Self::GapFirst => gap(store, work, PAGE, count),
            Self::GapWorst => gap(store, work, WORST_GAP, count),
        }
    }
}

fn independent<S: Store>(store: &S, queries: &[usize], next: &mut usize, count: u64) -> Duration {
    let (mask, first) = (queries.len() - 1, *next);
    let (behind, time) = clock(move || {
        let mut at = first;
        for _ in 0..count {
            black_box(store.lookup(queries[at & mask]));
            at += 1;
        }
        at
    });
    *next = behind;
    time
}

/// As [`independent`], but which query is next follows from the answer: physical addresses have no top bit, and only
/// we know that.
fn chain<S: Store>(store: &S, queries: &[usize], next: &mut usize, count: u64) -> Duration {
    let (mask, first) = (queries.len() - 1, *next);
    let (behind, time) = clock(move || {
        let mut at = first;
        for _ in 0..count {
            let answer = store.lookup(queries[at & mask]).unwrap_or(u64::MAX);
            at += 1 + usize::from(answer >> 63 != 0);
        }
        at
    });
    *next = black_box(behind);
    time
}

fn edit(
    work: &Workload,
    next: &mut usize,
    count: u64,
    mut edit: impl FnMut(&Wide) -> Result<(), MapError>,
) -> Duration {
    let (areas, first) = (work.wide(), *next);
    let mask = areas.len() - 1;
    let (behind, time) = clock(move || {
        let mut at = first;
        for _ in 0..count {
            edit(&areas[at & mask]).expect("no edit conflicts");
            at += 1;
        }
        at
    });
    *next = behind;
    time
}

fn gap<S: Store>(store: &S, work: &Workload, bytes: usize, count: u64) -> Duration {
    let window = work.window;
    let ((), time) = clock(move || {
        for _ in 0..count {
            black_box(store.find_gap(black_box(bytes), window));
        }
    });
    time
}
