//! Groups of duties, each for all stores at all sizes.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion};

use crate::peers::{Duty, Lazy, Store, Stores, Visitor};

pub(crate) fn bench_groups<const SIZES: usize>(
    criterion: &mut Criterion,
    sizes: [usize; SIZES],
    groups: &[(&str, Duty)],
) {
    let all = sizes.map(Stores::new);
    for &(name, duty) in groups {
        let group = criterion.benchmark_group(name);
        let mut bench = Bench { group, duty };
        for stores in &all {
            stores.visit(&mut bench);
        }
        bench.group.finish();
    }
}

struct Bench<'a> {
    group: BenchmarkGroup<'a, WallTime>,
    duty: Duty,
}

impl Visitor for Bench<'_> {
    fn visit<S: Store>(&mut self, stores: &Stores, store: &Lazy<S>) {
        if stores.size > S::MOST {
            return;
        }
        let (mut next, duty) = (0, self.duty);
        let id = BenchmarkId::new(S::NAME, stores.size);
        self.group.bench_function(id, |bencher| {
            let mut store = store.get(stores).borrow_mut();
            bencher.iter_custom(|count| duty.time(&mut *store, stores.work(), &mut next, count));
        });
    }
}
