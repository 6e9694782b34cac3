//! How long a lookup takes, beside what a kernel would write instead.
//!
//! `lookup-uniform`: independent lookups of random mapped addresses. Functions: `kernel-vm`
//! (`VirtualMemoryManager::translate_vaddr`), `btreemap` (a `BTreeMap` from start to map, as careful hand-written code
//! asks it), `seed-scan` (a scan over an unsorted vector). The parameter is the number of maps.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench stops where it is wrong"
)]

mod workload;

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use kernel_vm::backend::mock::MockBackend;
use kernel_vm::{VirtAddr, VirtualMemoryManager};

use workload::{Workload, map_of};

const SIZES: [usize; 5] = [8, 64, 1024, 16_384, 262_144];

/// The longest vector that is worth scanning.
const MOST_SCANNED: usize = 16_384;

fn uniform(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lookup-uniform");
    for size in SIZES {
        let work = Workload::new(size);
        let mut space = VirtualMemoryManager::<MockBackend>::new(MockBackend::new());
        let maps = work.areas.iter().map(|&area| map_of(area));
        space
            .restore_memory_maps(maps)
            .expect("the workload's areas are disjoint");
        lookups(&mut group, "kernel-vm", &work, |addr| {
            space.translate_vaddr(addr).map(|found| found.get())
        });

        let tree: BTreeMap<usize, (usize, u64)> = work
            .areas
            .iter()
            .map(|area| {
                (
                    area.start().get(),
                    (
                        area.end().get(),
                        map_of(*area).pmarea().expect("physical").start().get(),
                    ),
                )
            })
            .collect();
        lookups(&mut group, "btreemap", &work, |addr| {
            let (&start, &(end, first)) = tree.range(..=addr.get()).next_back()?;
            (addr.get() <= end).then(|| first + (addr.get() - start) as u64)
        });

        if size <= MOST_SCANNED {
            let list: Vec<_> = work.areas.iter().map(|&area| map_of(area)).collect();
            lookups(&mut group, "seed-scan", &work, |addr| {
                list.iter()
                    .find_map(|map| map.translate(addr))
                    .map(|found| found.get())
            });
        }
    }
    group.finish();
}

fn lookups(
    group: &mut BenchmarkGroup<'_, WallTime>,
    function: &str,
    work: &Workload,
    lookup: impl Fn(VirtAddr) -> Option<u64>,
) {
    let mut queries = work.queries.iter().cycle();
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new(function, work.areas.len()), |bencher| {
        bencher.iter(|| queries.next().map(|&addr| lookup(black_box(addr))));
    });
}

fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_millis(1_000))
        .sample_size(30)
}

criterion_group! { name = benches; config = quick(); targets = uniform }
criterion_main!(benches);
