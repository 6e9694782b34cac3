//! What page tables are asked to do again and again.

use std::hint::black_box;
use std::slice;
use std::time::Duration;

use ::kernel_vm::Permissions;

use super::{Frames, Owner, PageTable, Pages, Work, prove, prove_owner};
use crate::clock::clock;

#[derive(Clone, Copy)]
pub(crate) enum Duty {
    /// One call for many pages.
    Area(Verb),
    Query,
    QueryChain,
    One,
}

#[derive(Clone, Copy)]
pub(crate) enum Verb {
    Map,
    MapAgain,
    Protect,
    Unmap,
    MapHuge,
}

impl Duty {
    /// A page table that was seen to do all duties, as this one finds it.
    pub(crate) fn ready<T: PageTable>(self, work: &Work) -> T {
        prove::<T>(work);
        self.prepare(work)
    }

    /// A page table as this duty finds it, in the lowest frames that are free.
    pub(crate) fn prepare<T: PageTable>(self, work: &Work) -> T {
        Frames.sort();
        let mut table = T::new();
        if !matches!(self, Self::Area(_)) {
            table.map(&work.small);
        }
        table
    }

    /// How long it takes to do it `count` times, from the `next` address on. The loops are ours, so that nothing but
    /// the duty is in them.
    pub(crate) fn time<T: PageTable>(
        self,
        table: &mut T,
        work: &Work,
        next: &mut usize,
        count: u64,
    ) -> Duration {
        match self {
            Self::Area(verb) => (0..count).map(|_| verb.time(table, work)).sum(),
            Self::Query => independent(table, work.queries(), next, count),
            Self::QueryChain => chain(table, work.queries(), next, count),
            Self::One => one(table, work, next, count),
        }
    }
}

impl Verb {
    /// One call, in a page table where nothing is before and after.
    fn time<T: PageTable>(self, table: &mut T, work: &Work) -> Duration {
        let pages = &work.small;
        match self {
            Self::Map => fresh::<T>(slice::from_ref(pages)),
            Self::MapHuge => fresh::<T>(&work.large),
            Self::MapAgain => {
                let ((), time) = clock(|| table.map(black_box(pages)));
                table.unmap(pages);
                time
            }
            Self::Protect => {
                table.map(pages);
                let read = Permissions::READ;
                let ((), time) = clock(|| table.protect(black_box(pages), black_box(read)));
                table.unmap(pages);
                time
            }
            Self::Unmap => {
                table.map(pages);
                clock(|| table.unmap(black_box(pages))).1
            }
        }
    }
}

/// A page table that was seen to give frames back.
pub(crate) fn new_owner<T: Owner>(work: &Work) -> T {
    prove_owner::<T>(work);
    Frames.sort();
    T::new()
}

/// How long it takes to give the frames of all small pages back, `count` times.
pub(crate) fn time_owned<T: Owner>(table: &mut T, work: &Work, count: u64) -> Duration {
    let pages = &work.small;
    let round = |_| {
        table.install(pages);
        clock(|| table.unmap_owned(black_box(pages))).1
    };
    (0..count).map(round).sum()
}

/// One call of those that map `areas` in a new page table.
fn fresh<T: PageTable>(areas: &[Pages]) -> Duration {
    let mut table = T::new();
    let ((), time) = clock(|| areas.iter().for_each(|pages| table.map(black_box(pages))));
    time / areas.len() as u32
}

fn independent<T: PageTable>(
    table: &T,
    queries: &[usize],
    next: &mut usize,
    count: u64,
) -> Duration {
    let (mask, first) = (queries.len() - 1, *next);
    let (behind, time) = clock(move || {
        let mut at = first;
        for _ in 0..count {
            black_box(table.query(queries[at & mask]));
            at += 1;
        }
        at
    });
    *next = behind;
    time
}

/// As [`independent`], but which address is next follows from the answer: physical addresses have no top bit, and only
/// we know that, and that it is the top bit that is asked for.
fn chain<T: PageTable>(table: &T, queries: &[usize], next: &mut usize, count: u64) -> Duration {
    let (mask, first) = (queries.len() - 1, *next);
    let top = black_box(u64::BITS - 1);
    let (behind, time) = clock(move || {
        let mut at = first;
        for _ in 0..count {
            let answer = table.query(queries[at & mask]).unwrap_or(u64::MAX);
            at += 1 + usize::from(answer >> top != 0);
        }
        at
    });
    *next = black_box(behind);
    time
}

/// `count` times the page of an address out and in again.
fn one<T: PageTable>(table: &mut T, work: &Work, next: &mut usize, count: u64) -> Duration {
    let (pages, queries) = (work.small, work.queries());
    let (mask, first) = (queries.len() - 1, *next);
    let (behind, time) = clock(move || {
        let mut at = first;
        for _ in 0..count {
            let page = pages.leaf_at(queries[at & mask]);
            table.unmap_one(&page);
            table.map_one(&page);
            at += 1;
        }
        at
    });
    *next = behind;
    time
}
