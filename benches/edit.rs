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

mod clock;
mod groups;
#[expect(dead_code, reason = "other benches ask for more")]
mod peers;
mod random;
mod settings;
mod workload;

use criterion::{Criterion, criterion_group, criterion_main};

use groups::bench_groups;
use peers::Duty;
use settings::settings;

const SIZES: [usize; 5] = [8, 64, 1024, 16_384, 262_144];

fn edits(criterion: &mut Criterion) {
    let groups = [
        ("edit-remove-insert", Duty::RemoveInsert),
        ("edit-unmap-middle", Duty::UnmapMiddle),
        ("edit-protect-middle", Duty::ProtectMiddle),
        ("gap-first", Duty::GapFirst),
        ("gap-worst", Duty::GapWorst),
    ];
    bench_groups(criterion, SIZES, &groups);
}

criterion_group! { name = benches; config = settings(); targets = edits }
criterion_main!(benches);
