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
use workload::Workload;

const SIZES: [usize; 6] = [8, 64, 1024, 16_384, 262_144, 1_048_576];

fn lookups(criterion: &mut Criterion) {
    let groups = [
        ("lookup-uniform", Duty::Lookup(Workload::uniform)),
        ("lookup-chain", Duty::LookupChain(Workload::uniform)),
        ("lookup-local", Duty::Lookup(Workload::local)),
        ("lookup-local-chain", Duty::LookupChain(Workload::local)),
        ("lookup-miss", Duty::Lookup(Workload::missing)),
    ];
    bench_groups(criterion, SIZES, &groups);
}

criterion_group! { name = benches; config = settings(); targets = lookups }
criterion_main!(benches);
