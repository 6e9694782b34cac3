//! How long page faults take, and the whole life of a small space, beside what a kernel's author would write by hand.
//!
//! The function is `kernel-vm` or `by-hand`. `by-hand` keeps its areas in a `BTreeMap`, edits the same walker page by
//! page, and looks for no race. Its small space has a walker of its own, and a list of all frames that it has taken.
//! The parameter is how many maps there are, each of 32 pages, or for `process` how many pages.
//!
//! - `fault-first-touch`: the first access to a page of anonymous memory, which is cleared.
//! - `fault-cow`: the first write to a page whose frame others have, too; it is copied.
//! - `fault-spurious`: a fault where the page table allows the access.
//! - `fault-around`: a fault in physical memory, for which 16 pages are mapped.
//! - `process`: a space of 16 pages in 5 tables is built, unmapped and dropped.
//! - `fork`: a process of so many pages, all resident and writable, forks. By hand that is one loop over all entries.
//! - `process-fork`: a process of 16 pages forks; the child writes one of them and exits.
//!
//! Tables are there already, and addresses jump. The time has what clearing or copying a page takes.
#![expect(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench stops where it is wrong, and its addresses fit"
)]

mod clock;
#[expect(dead_code, unused_imports, reason = "other benches ask for more")]
mod pages;
mod random;
mod settings;
#[expect(dead_code, reason = "other benches ask for more")]
mod spaces;

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use kernel_vm::Counted;

use pages::Frames;
use settings::settings;
use spaces::{
    ByHand, Duty, Family, Forks, KernelVm, Layout, Managed, ManagedForks, PAGES, Plain, PlainForks,
    Process, Source, Space, time_processes,
};

const MAPS: [usize; 2] = [64, 1024];

fn faults(criterion: &mut Criterion) {
    let layouts = MAPS.map(Layout::new);
    let groups = [
        ("fault-first-touch", Duty::FirstTouch),
        ("fault-cow", Duty::Cow),
        ("fault-spurious", Duty::Spurious),
        ("fault-around", Duty::Around),
    ];
    for (name, duty) in groups {
        let mut group = criterion.benchmark_group(name);
        for layout in &layouts {
            if duty == Duty::Cow {
                both::<&'static Counted<Frames>>(duty, &mut group, layout);
            } else {
                both::<Frames>(duty, &mut group, layout);
            }
        }
        group.finish();
    }
    let mut group = criterion.benchmark_group("process");
    process::<Managed>(&mut group);
    process::<Plain>(&mut group);
    group.finish();
    let mut group = criterion.benchmark_group("fork");
    for pages in [16, 1024, 65_536] {
        fork::<ManagedForks>(&mut group, pages, Family::time_forks);
        fork::<PlainForks>(&mut group, pages, Family::time_forks);
    }
    group.finish();
    let mut group = criterion.benchmark_group("process-fork");
    fork::<ManagedForks>(&mut group, PAGES, Family::time_lives);
    fork::<PlainForks>(&mut group, PAGES, Family::time_lives);
    group.finish();
}

fn both<P: Source>(duty: Duty, group: &mut BenchmarkGroup<'_, WallTime>, layout: &Layout) {
    bench::<KernelVm<P>>(duty, group, layout);
    bench::<ByHand<P>>(duty, group, layout);
}

fn bench<S: Space>(duty: Duty, group: &mut BenchmarkGroup<'_, WallTime>, layout: &Layout) {
    let mut ready = None;
    let id = BenchmarkId::new(S::NAME, layout.maps.len());
    group.bench_function(id, |bencher| {
        let space = ready.get_or_insert_with(|| duty.space::<S>(layout));
        bencher.iter_custom(|count| duty.time(space, layout, count));
    });
}

fn process<S: Process>(group: &mut BenchmarkGroup<'_, WallTime>) {
    group.bench_function(BenchmarkId::new(S::NAME, PAGES), |bencher| {
        bencher.iter_custom(time_processes::<S>);
    });
}

fn fork<S: Forks>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    pages: usize,
    time: impl Fn(&mut Family<S>, u64) -> Duration,
) {
    let mut ready = None;
    group.bench_function(BenchmarkId::new(S::NAME, pages), |bencher| {
        let family = ready.get_or_insert_with(|| Family::new(pages));
        bencher.iter_custom(|count| time(family, count));
    });
}

criterion_group! { name = benches; config = settings(); targets = faults }
criterion_main!(benches);
