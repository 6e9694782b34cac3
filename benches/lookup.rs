//! How long a lookup takes, beside what a kernel's author would pick instead.
//!
//! The function is the store (`kernel-vm`: `VirtualMemoryManager::translate_vaddr`), the parameter the number of maps.
//!
//! - `lookup-uniform`: random mapped addresses, which do not depend on each other, so that a CPU overlaps lookups.
//! - `lookup-chain`: each address depends on the answer before.
//! - `lookup-local`, `lookup-local-chain`: the same two, with 9 in 10 addresses in the map of the address before.
//! - `lookup-miss`: random addresses between maps.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench stops where it is wrong"
)]

mod peers;
mod workload;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};

use peers::{Lazy, Store, Stores, Visitor};
use workload::{Workload, settings};

const SIZES: [usize; 6] = [8, 64, 1024, 16_384, 262_144, 1_048_576];

fn lookups(criterion: &mut Criterion) {
    let all = SIZES.map(Stores::new);
    let groups: [(&str, Queries, bool); 5] = [
        ("lookup-uniform", Workload::uniform, false),
        ("lookup-chain", Workload::uniform, true),
        ("lookup-local", Workload::local, false),
        ("lookup-local-chain", Workload::local, true),
        ("lookup-miss", Workload::missing, false),
    ];
    for (name, queries, chained) in groups {
        let mut lookups = Lookups {
            group: criterion.benchmark_group(name),
            queries,
            chained,
        };
        for stores in &all {
            stores.visit(&mut lookups);
        }
        lookups.group.finish();
    }
}

/// Which addresses are asked for; a power of two of them.
type Queries = fn(&Workload) -> &[usize];

struct Lookups<'a> {
    group: BenchmarkGroup<'a, WallTime>,
    queries: Queries,
    chained: bool,
}

impl Visitor for Lookups<'_> {
    fn visit<S: Store>(&mut self, stores: &Stores, store: &Lazy<S>) {
        if stores.size > S::MOST {
            return;
        }
        let mut next = 0;
        let id = BenchmarkId::new(S::NAME, stores.size);
        self.group.bench_function(id, |bencher| {
            let store = store.get(stores).borrow();
            let queries = (self.queries)(stores.work());
            bencher.iter_custom(|count| {
                if self.chained {
                    chain(&*store, queries, &mut next, count)
                } else {
                    independent(&*store, queries, &mut next, count)
                }
            });
        });
    }
}

/// `count` lookups, from the `next` query on. The loop is ours, so that nothing but the lookup is in it.
fn independent<S: Store>(store: &S, queries: &[usize], next: &mut usize, count: u64) -> Duration {
    let mask = queries.len() - 1;
    let mut at = *next;
    let begin = Instant::now();
    for _ in 0..count {
        black_box(store.lookup(queries[at & mask]));
        at += 1;
    }
    let elapsed = begin.elapsed();
    *next = at;
    elapsed
}

/// As [`independent`], but which query is next follows from the answer: physical addresses have no top bit, and only
/// we know that.
fn chain<S: Store>(store: &S, queries: &[usize], next: &mut usize, count: u64) -> Duration {
    let mask = queries.len() - 1;
    let mut at = *next;
    let begin = Instant::now();
    for _ in 0..count {
        let answer = store.lookup(queries[at & mask]).unwrap_or(u64::MAX);
        at += 1 + usize::from(answer >> 63 != 0);
    }
    let elapsed = begin.elapsed();
    *next = black_box(at);
    elapsed
}

criterion_group! { name = benches; config = settings(); targets = lookups }
criterion_main!(benches);
