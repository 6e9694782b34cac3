//! This crate's page tables beside the best that a kernel's author could write for each duty alone.

use std::time::Duration;

use super::Filter;
use super::pair::{LONG, Pair, SHORT, Side};
use crate::pages::words::Words;
use crate::pages::{
    Aarch64Words, Bound, Duty, Frames, KernelVm, KernelVmAarch64, KernelVmX86_64, Owner, PageTable,
    PageTableMultiarch, Sv39Words, Svadu, Verb, Work, X86_64Words, prove, prove_owner, time_owned,
};

const MIB: [usize; 2] = [64, 1024];

/// From how many MiB on short rounds of look-ups would measure cold caches.
const LARGE: usize = 1024;

/// One call for all pages finds nothing in a cache but what it brings; its rounds only must be of more than one.
const CALLS: Duration = Duration::from_millis(1);

const PAGES_A_MIB: f64 = 256.0;

/// The duties, and how many times Callgrind watches each.
const GROUPS: [(&str, Duty, u64); 7] = [
    ("pages-map", Duty::Area(Verb::Map), 2),
    ("pages-protect", Duty::Area(Verb::Protect), 2),
    ("pages-unmap", Duty::Area(Verb::Unmap), 2),
    ("pages-map-huge", Duty::Area(Verb::MapHuge), 2),
    ("pages-query", Duty::Query, 20_000),
    ("pages-query-chain", Duty::QueryChain, 20_000),
    ("pages-one", Duty::One, 20_000),
];

const OWNED: &str = "pages-unmap-owned";

pub(super) fn for_each(filter: &Filter, with: &mut impl FnMut(Pair<'_>)) {
    let works = MIB.map(Work::new);
    for work in &works {
        compare::<KernelVm, Sv39Words>("", work, filter, with);
        compare::<KernelVmX86_64, X86_64Words>("/kernel-vm-x86_64", work, filter, with);
        compare::<KernelVmAarch64, Aarch64Words>("/kernel-vm-aarch64", work, filter, with);
    }
    let [_, large] = &works;
    compare::<Svadu, Sv39Words>("/kernel-vm-svadu", large, filter, with);
    compare::<PageTableMultiarch, Sv39Words>("/page_table_multiarch", large, filter, with);
}

fn compare<T: Owner, W: Words>(
    who: &str,
    work: &Work,
    filter: &Filter,
    with: &mut impl FnMut(Pair<'_>),
) {
    for (group, duty, watched) in GROUPS {
        let name = format!("{group}/{}{who}", work.mib);
        if filter.takes(&name) {
            with(Pair {
                name,
                round: round(duty, work),
                parts: parts(duty, work),
                watched,
                within: within(duty, work),
                sides: [side::<T>(duty, work), side::<Bound<W>>(duty, work)],
                apart: None,
            });
        }
    }
    let name = format!("{OWNED}/{}{who}", work.mib);
    if filter.takes(&name) {
        with(Pair {
            name,
            round: SHORT,
            parts: work.mib as f64 * PAGES_A_MIB,
            watched: 1,
            within: 1.0,
            sides: [owner::<T>(work), owner::<Bound<W>>(work)],
            apart: None,
        });
    }
}

fn round(duty: Duty, work: &Work) -> Duration {
    match duty {
        _ if work.mib < LARGE => SHORT,
        Duty::Area(_) => CALLS,
        _ => LONG,
    }
}

/// How many leaves a call is for.
fn parts(duty: Duty, work: &Work) -> f64 {
    match duty {
        Duty::Area(Verb::MapHuge) => work.mib as f64 / 2.0,
        Duty::Area(_) => work.mib as f64 * PAGES_A_MIB,
        _ => 1.0,
    }
}

fn within(duty: Duty, work: &Work) -> f64 {
    match duty {
        Duty::Area(Verb::MapHuge) => work.large.len() as f64,
        _ => 1.0,
    }
}

/// Each round has a new page table, and both sides have theirs in the same frames: none is lucky in where it lies.
fn side<T: PageTable>(duty: Duty, work: &Work) -> Side<'_> {
    prove::<T>(work);
    let mut next = 0;
    Box::new(move |turns, count| {
        let mut table = duty.prepare::<T>(work);
        let turn = |_| duty.time(&mut table, work, &mut next, count);
        (0..turns).map(turn).collect()
    })
}

/// As [`side`].
fn owner<T: Owner>(work: &Work) -> Side<'_> {
    prove_owner::<T>(work);
    Box::new(move |turns, count| {
        Frames.sort();
        let mut table = T::new();
        let turn = |_| time_owned(&mut table, work, count);
        (0..turns).map(turn).collect()
    })
}
