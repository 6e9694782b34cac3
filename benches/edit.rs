//! How long edits and searches for room take, beside what a kernel's author would pick instead.
//!
//! The function is the store, the parameter the number of maps. One iteration leaves the maps as they were.
//!
//! - `edit-remove-insert`: a random map goes and comes back (`unmap`, `add_memory_map`).
//! - `edit-unmap-middle`: a page in the middle of a random map goes and comes back (the same verbs), and the map is one
//!   again.
//! - `edit-protect-middle`: such a page becomes read-only and writable again (`protect` twice), and the map is one
//!   again.
//! - `gap-first`, `gap-worst`: room that the first gap has, and room that only the last has (`find_free_area`).
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
use kernel_vm::{MapError, Permissions};

use peers::{Lazy, Store, Stores, Visitor};
use workload::{PAGE, WORST_GAP, Wide, settings};

const SIZES: [usize; 5] = [8, 64, 1024, 16_384, 262_144];

#[derive(Clone, Copy)]
enum Duty {
    RemoveInsert,
    UnmapMiddle,
    ProtectMiddle,
    Gap(usize),
}

fn edits(criterion: &mut Criterion) {
    let all = SIZES.map(Stores::new);
    let groups = [
        ("edit-remove-insert", Duty::RemoveInsert),
        ("edit-unmap-middle", Duty::UnmapMiddle),
        ("edit-protect-middle", Duty::ProtectMiddle),
        ("gap-first", Duty::Gap(PAGE)),
        ("gap-worst", Duty::Gap(WORST_GAP)),
    ];
    for (name, duty) in groups {
        let mut edits = Edits {
            group: criterion.benchmark_group(name),
            duty,
        };
        for stores in &all {
            stores.visit(&mut edits);
        }
        edits.group.finish();
    }
}

struct Edits<'a> {
    group: BenchmarkGroup<'a, WallTime>,
    duty: Duty,
}

impl Visitor for Edits<'_> {
    fn visit<S: Store>(&mut self, stores: &Stores, store: &Lazy<S>) {
        if stores.size > S::MOST {
            return;
        }
        let mut next = 0;
        let id = BenchmarkId::new(S::NAME, stores.size);
        self.group.bench_function(id, |bencher| {
            let mut store = store.get(stores).borrow_mut();
            let store = &mut *store;
            let (areas, window) = (stores.work().wide(), stores.work().window);
            bencher.iter_custom(|count| match self.duty {
                Duty::RemoveInsert => edit(areas, &mut next, count, |area| {
                    store.remove_insert(&area.whole)
                }),
                Duty::UnmapMiddle => edit(areas, &mut next, count, |area| {
                    store.unmap_middle(&area.whole, &area.page)
                }),
                Duty::ProtectMiddle => edit(areas, &mut next, count, |area| {
                    store.protect_middle(&area.whole, &area.page, Permissions::READ)
                }),
                Duty::Gap(bytes) => {
                    let begin = Instant::now();
                    for _ in 0..count {
                        black_box(store.find_gap(black_box(bytes), window));
                    }
                    begin.elapsed()
                }
            });
        });
    }
}

/// `count` edits, from the `next` area on. The loop is ours, so that nothing but the edit is in it.
fn edit(
    areas: &[Wide],
    next: &mut usize,
    count: u64,
    mut edit: impl FnMut(&Wide) -> Result<(), MapError>,
) -> Duration {
    let mask = areas.len() - 1;
    let mut at = *next;
    let begin = Instant::now();
    for _ in 0..count {
        edit(&areas[at & mask]).expect("no edit conflicts");
        at += 1;
    }
    let elapsed = begin.elapsed();
    *next = at;
    elapsed
}

criterion_group! { name = benches; config = settings(); targets = edits }
criterion_main!(benches);
