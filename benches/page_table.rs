//! How long edits and look-ups of page tables take, beside what a kernel's author would pick instead.
//!
//! The function is the page table (`kernel-vm`: `Sv39`, by its public calls), the parameter how many MiB are mapped.
//! `kernel-vm-svadu` is the same where the MMU writes entries, too; it stands where that makes a difference.
//! `kernel-vm-x86_64` and `kernel-vm-aarch64` are `X86_64` and `Aarch64`, each with a `bound` of its own. `bound` is
//! no peer but the best that a kernel's author could write for the duty alone: words in plain memory, one walk a leaf
//! table, then one loop. Only the verb is timed, not what undoes it.
//!
//! - `pages-map`: one call maps memory in a row with leaves of 4 KiB, in a new page table.
//! - `pages-map-again`: the same after an unmap, in whatever tables that left.
//! - `pages-protect`, `pages-unmap`: one call for all of it.
//! - `pages-unmap-owned`: the same, where each page has a frame of its own that goes back to the allocator. No peer
//!   gives frames back: the loop around the two that say which frame a page had does.
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

mod clock;
#[expect(dead_code, reason = "other benches ask for more")]
mod pages;
mod random;
mod settings;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};

use pages::{
    Aarch64Paging, Aarch64Words, Bound, Duty, KernelVm, KernelVmAarch64, KernelVmX86_64, Owner,
    PageTable, PageTableGeneric, PageTableMultiarch, Sv39Words, Svadu, Verb, Work, X86_64,
    X86_64Words, new_owner, time_owned,
};
use settings::settings;

const MIB: [usize; 2] = [64, 1024];

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
            bench::<KernelVm>(duty, &mut group, work);
            if let Duty::Area(Verb::Protect) = duty {
                bench::<Svadu>(duty, &mut group, work);
            }
            bench::<PageTableMultiarch>(duty, &mut group, work);
            bench::<PageTableGeneric>(duty, &mut group, work);
            bench::<X86_64>(duty, &mut group, work);
            bench::<Aarch64Paging>(duty, &mut group, work);
            bench::<Bound<Sv39Words>>(duty, &mut group, work);
            bench::<KernelVmX86_64>(duty, &mut group, work);
            bench::<Bound<X86_64Words>>(duty, &mut group, work);
            bench::<KernelVmAarch64>(duty, &mut group, work);
            bench::<Bound<Aarch64Words>>(duty, &mut group, work);
        }
        group.finish();
    }
    let mut group = criterion.benchmark_group("pages-unmap-owned");
    for work in &works {
        owned::<KernelVm>(&mut group, work);
        owned::<Svadu>(&mut group, work);
        owned::<PageTableMultiarch>(&mut group, work);
        owned::<X86_64>(&mut group, work);
        owned::<Bound<Sv39Words>>(&mut group, work);
        owned::<KernelVmX86_64>(&mut group, work);
        owned::<Bound<X86_64Words>>(&mut group, work);
        owned::<KernelVmAarch64>(&mut group, work);
        owned::<Bound<Aarch64Words>>(&mut group, work);
    }
    group.finish();
}

fn owned<T: Owner>(group: &mut BenchmarkGroup<'_, WallTime>, work: &Work) {
    let mut ready = None;
    group.bench_function(BenchmarkId::new(T::NAME, work.mib), |bencher| {
        let table = ready.get_or_insert_with(|| new_owner::<T>(work));
        bencher.iter_custom(|count| time_owned(table, work, count));
    });
}

fn bench<T: PageTable>(duty: Duty, group: &mut BenchmarkGroup<'_, WallTime>, work: &Work) {
    let mut ready = None;
    let id = BenchmarkId::new(T::NAME, work.mib);
    group.bench_function(id, |bencher| {
        let (table, next) = ready.get_or_insert_with(|| (duty.ready::<T>(work), 0));
        bencher.iter_custom(|count| duty.time(table, work, next, count));
    });
}

criterion_group! { name = benches; config = settings(); targets = page_tables }
criterion_main!(benches);
