//! How long edits and look-ups of page tables take, beside what a kernel's author would pick instead.
//!
//! The function is the page table (`kernel-vm`: `Sv39`, by its public calls), the parameter how many MiB are mapped.
//! `kernel-vm-svadu` is the same where the MMU writes entries, too; it stands where that makes a difference. `bound` is
//! no peer but the best that a kernel's author could write for the duty alone: words in plain memory, one walk a leaf
//! table, then one loop. Only the verb is timed, not what undoes it.
//!
//! - `pages-map`: one call maps memory in a row with leaves of 4 KiB, in a new page table.
//! - `pages-map-again`: the same after an unmap, in whatever tables that left.
//! - `pages-protect`, `pages-unmap`: one call for all of it.
//! - `pages-unmap-owned`: the same, where each page has a frame of its own that goes back to the allocator. No peer gives
//!   frames back: the loop around the two that say which frame a page had does.
//! - `pages-map-huge`: as `pages-map`, with leaves of 2 MiB.
//! - `pages-query`: random mapped addresses, which do not depend on each other, so that a CPU overlaps look-ups.
//! - `pages-query-chain`: each address depends on the answer before.
//! - `pages-one`: one random page out and in again.
#![expect(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench stops where it is wrong, and its addresses fit"
)]

mod pages;
#[path = "workload/random.rs"]
mod random;
#[path = "workload/settings.rs"]
mod settings;

use std::hint::black_box;
use std::slice;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use kernel_vm::Permissions;

use pages::{
    Aarch64Paging, Bound, Frames, KernelVm, Owner, PageTable, PageTableGeneric, PageTableMultiarch,
    Pages, Svadu, Work, X86_64, prove, prove_owner,
};
use settings::settings;

const MIB: [usize; 2] = [64, 1024];

#[derive(Clone, Copy)]
enum Duty {
    /// One call for many pages.
    Area(Verb),
    Query,
    QueryChain,
    One,
}

#[derive(Clone, Copy)]
enum Verb {
    Map,
    MapAgain,
    Protect,
    Unmap,
    MapHuge,
}

fn page_tables(criterion: &mut Criterion) {
    let works = MIB.map(Work::new);
    let groups = [
        ("pages-map", Duty::Area(Verb::Map)),
        ("pages-map-again", Duty::Area(Verb::MapAgain)),
        ("pages-protect", Duty::Area(Verb::Protect)),
        ("pages-unmap", Duty::Area(Verb::Unmap)),
        ("pages-map-huge", Duty::Area(Verb::MapHuge)),
        ("pages-query", Duty::Query),
        ("pages-query-chain", Duty::QueryChain),
        ("pages-one", Duty::One),
    ];
    for (name, duty) in groups {
        let mut group = criterion.benchmark_group(name);
        for work in &works {
            duty.bench::<KernelVm>(&mut group, work);
            if let Duty::Area(Verb::Protect) = duty {
                duty.bench::<Svadu>(&mut group, work);
            }
            duty.bench::<PageTableMultiarch>(&mut group, work);
            duty.bench::<PageTableGeneric>(&mut group, work);
            duty.bench::<X86_64>(&mut group, work);
            duty.bench::<Aarch64Paging>(&mut group, work);
            duty.bench::<Bound>(&mut group, work);
        }
        group.finish();
    }
    let mut group = criterion.benchmark_group("pages-unmap-owned");
    for work in &works {
        owned::<KernelVm>(&mut group, work);
        owned::<Svadu>(&mut group, work);
        owned::<PageTableMultiarch>(&mut group, work);
        owned::<X86_64>(&mut group, work);
        owned::<Bound>(&mut group, work);
    }
    group.finish();
}

fn owned<T: Owner>(group: &mut BenchmarkGroup<'_, WallTime>, work: &Work) {
    let mut ready = None;
    let pages = &work.small;
    group.bench_function(BenchmarkId::new(T::NAME, work.mib), |bencher| {
        let table = ready.get_or_insert_with(|| {
            prove_owner::<T>(work);
            Frames.sort();
            T::new()
        });
        let mut round = || {
            table.install(pages);
            clock(|| table.unmap_owned(black_box(pages)))
        };
        bencher.iter_custom(|count| (0..count).map(|_| round()).sum());
    });
}

impl Duty {
    fn bench<T: PageTable>(self, group: &mut BenchmarkGroup<'_, WallTime>, work: &Work) {
        let mut ready = None;
        let id = BenchmarkId::new(T::NAME, work.mib);
        group.bench_function(id, |bencher| {
            let (table, next) = ready.get_or_insert_with(|| (self.ready::<T>(work), 0));
            bencher.iter_custom(|count| self.time(table, work, next, count));
        });
    }

    /// A page table that was seen to do all duties, as this one finds it.
    fn ready<T: PageTable>(self, work: &Work) -> T {
        prove::<T>(work);
        Frames.sort();
        let mut table = T::new();
        if !matches!(self, Self::Area(_)) {
            table.map(&work.small);
        }
        table
    }

    fn time<T: PageTable>(
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
                let time = clock(|| table.map(black_box(pages)));
                table.unmap(pages);
                time
            }
            Self::Protect => {
                table.map(pages);
                let time = clock(|| table.protect(black_box(pages), black_box(Permissions::READ)));
                table.unmap(pages);
                time
            }
            Self::Unmap => {
                table.map(pages);
                clock(|| table.unmap(black_box(pages)))
            }
        }
    }
}

fn clock(verb: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    verb();
    begin.elapsed()
}

/// One call of those that map `areas` in a new page table.
fn fresh<T: PageTable>(areas: &[Pages]) -> Duration {
    let mut table = T::new();
    let time = clock(|| areas.iter().for_each(|pages| table.map(black_box(pages))));
    time / areas.len() as u32
}

/// `count` look-ups, from the `next` address on. The loop is ours, so that nothing but the look-up is in it; and a
/// function, as the others are, so that it has all registers.
#[inline(never)]
fn independent<T: PageTable>(
    table: &T,
    queries: &[usize],
    next: &mut usize,
    count: u64,
) -> Duration {
    let mask = queries.len() - 1;
    let mut at = *next;
    let time = clock(|| {
        for _ in 0..count {
            black_box(table.query(queries[at & mask]));
            at += 1;
        }
    });
    *next = at;
    time
}

/// As [`independent`], but which address is next follows from the answer: physical addresses have no top bit, and only
/// we know that, and that it is the top bit that is asked for.
#[inline(never)]
fn chain<T: PageTable>(table: &T, queries: &[usize], next: &mut usize, count: u64) -> Duration {
    let mask = queries.len() - 1;
    let top = black_box(u64::BITS - 1);
    let mut at = *next;
    let time = clock(|| {
        for _ in 0..count {
            let answer = table.query(queries[at & mask]).unwrap_or(u64::MAX);
            at += 1 + usize::from(answer >> top != 0);
        }
    });
    *next = black_box(at);
    time
}

/// `count` times the page of an address out and in again.
#[inline(never)]
fn one<T: PageTable>(table: &mut T, work: &Work, next: &mut usize, count: u64) -> Duration {
    let (pages, queries) = (&work.small, work.queries());
    let mask = queries.len() - 1;
    let mut at = *next;
    let time = clock(|| {
        for _ in 0..count {
            let page = pages.leaf_at(queries[at & mask]);
            table.unmap_one(&page);
            table.map_one(&page);
            at += 1;
        }
    });
    *next = at;
    time
}

criterion_group! { name = benches; config = settings(); targets = page_tables }
criterion_main!(benches);
