//! How many lookups a second one CPU does, and two that look up in one space at once: without a lock, and under locks.
//! Under those, also one CPU beside another that edits.
//!
//! Twice as many is what there is to reach. What counts is only the time in which no reader was kept from its CPU, so
//! the ratio means something on a machine that has other work, too. It takes seconds:
//!
//! ```sh
//! cargo bench --bench readers
//! ```
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench stops where it is wrong"
)]

mod random;
mod reading;
#[expect(dead_code, unused_imports, reason = "other benches ask for more")]
mod workload;

use std::sync::Mutex;
use std::time::Duration;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::lock::PerCpuRwLock;
use kernel_vm::{Flush, Permissions, Tlb};

use reading::{Bare, Knows, Look, Space, Turn, median};
use workload::{Entry, Workload};

const MAPS: usize = 1024;

/// How often one thread has its turn, and then two, on other stacks each time: a guess at the CPU depends on those.
const TURNS: usize = 16;

/// From one edit to the next: 50,000 a second.
const EDITS: Duration = Duration::from_micros(20);

const R: Permissions = Permissions::READ;

struct Guesses;

impl Tlb for Guesses {
    fn flush(&self, _flush: &Flush<'_>) {}
}

fn main() {
    let work = Workload::new(MAPS);
    println!(
        "million lookups a second among {MAPS} maps; medians of undisturbed milliseconds,\nNaN where other work on the machine left none"
    );
    println!(
        "                       1 thread  2 threads   ratio   (in the worst turn, in the best)"
    );
    compare("", &Bare(space(Knows, &work)), &work);
    compare(", by guess", &Bare(space(Guesses, &work)), &work);
    let lock = PerCpuRwLock::<_, 2>::new(space(Knows, &work));
    compare(", PerCpuRwLock", &lock, &work);
    let spin = spin::RwLock::<_>::new(space(Knows, &work));
    compare(", spin::RwLock", &spin, &work);
    println!("\n                          no edits      edits   ratio");
    let (idle, other) = (Bare(space(Knows, &work)), Mutex::new(space(Knows, &work)));
    let elsewhere = |edit: Edit<'_>| edit(&mut other.lock().expect("no edit panics"));
    let ours = |edit: Edit<'_>| edit(&mut lock.write());
    let theirs = |edit: Edit<'_>| edit(&mut spin.write());
    beside_edits("another space's", &idle, &work, Kind::Maps, elsewhere);
    beside_edits("PerCpuRwLock, held", &lock, &work, Kind::Nothing, ours);
    beside_edits(
        "PerCpuRwLock, protect",
        &lock,
        &work,
        Kind::Permissions,
        ours,
    );
    beside_edits("PerCpuRwLock", &lock, &work, Kind::Maps, ours);
    beside_edits("spin::RwLock, held", &spin, &work, Kind::Nothing, theirs);
    beside_edits("spin::RwLock", &spin, &work, Kind::Maps, theirs);
}

fn space<T: Tlb>(tlb: T, work: &Workload) -> Space<T> {
    let table = Sv39::new((HostFrames::new(8), tlb));
    let mut space = Space::new(table.expect("there are frames"));
    for entry in &work.entries {
        let added = space.add_memory_map(entry.map());
        added.expect("the areas are disjoint");
    }
    space
}

fn queries(work: &Workload) -> [(&'static str, &[usize]); 2] {
    [("uniform", work.uniform()), ("local", work.local())]
}

/// One reader, and two.
fn compare(who: &str, lock: &impl Look, work: &Workload) {
    for (name, queries) in queries(work) {
        let [one, two] = [1, 2].map(|readers| -> Vec<Vec<f64>> {
            let turn = |depth| Turn::of(readers, depth).rates(lock, queries, |_| ());
            let turns = (0..TURNS).map(turn);
            turns.filter(|rates| !rates.is_empty()).collect()
        });
        let one = median(one.concat());
        let mut ratios: Vec<f64> = two.iter().map(|two| median(two.clone()) / one).collect();
        ratios.sort_by(f64::total_cmp);
        let ends = ratios.first().zip(ratios.last());
        let (worst, best) = ends.unwrap_or((&f64::NAN, &f64::NAN));
        let two = median(two.concat());
        let ratio = two / one;
        let name = format!("{name}{who}");
        println!("{name:<22}{one:>9.1}{two:>11.1}{ratio:>8.2}   ({worst:.2}, {best:.2})");
    }
}

type Edit<'a> = &'a mut dyn FnMut(&mut Space);

/// What an edit does to a map, at each turn another.
#[derive(Clone, Copy)]
enum Kind {
    /// The lock is held, and no more.
    Nothing,
    /// Its permissions change, in place.
    Permissions,
    /// It is taken out, or put back: a slot of its leaf is freed, or taken.
    Maps,
}

impl Kind {
    fn edit(self, space: &mut Space, entry: &Entry, is_first: bool) {
        match (self, is_first) {
            (Self::Nothing, _) => {}
            (Self::Permissions, _) => {
                let permissions = if is_first { R } else { entry.permissions };
                let _ = space.protect(entry.area, permissions);
            }
            (Self::Maps, true) => space.unmap(entry.area).expect("a map can go"),
            // It is there if the editor was stopped between the two.
            (Self::Maps, false) => drop(space.add_memory_map(entry.map())),
        }
    }
}

/// One reader, and one beside a CPU that edits.
fn beside_edits(
    who: &str,
    lock: &impl Look,
    work: &Workload,
    kind: Kind,
    write: impl Fn(Edit<'_>) + Sync,
) {
    let entries = &work.entries;
    let edit = |nth: usize| {
        let entry = &entries[nth / 2 % entries.len()];
        write(&mut |space| kind.edit(space, entry, nth.is_multiple_of(2)));
    };
    for (name, queries) in queries(work) {
        // In turns, as the machine is not the same for long.
        let turn = |_| {
            let [none, some] = [None, Some(EDITS)].map(|edits| {
                let turn = Turn {
                    edits,
                    ..Turn::of(1, 0)
                };
                turn.rates(lock, queries, edit)
            });
            (!none.is_empty() && !some.is_empty()).then(|| [none, some].map(median))
        };
        let pairs: Vec<[f64; 2]> = (0..TURNS).filter_map(turn).collect();
        let ratio = median(pairs.iter().map(|[none, some]| some / none).collect());
        let [none, some] = [0, 1].map(|at| median(pairs.iter().map(|pair| pair[at]).collect()));
        let name = format!("{name}, {who}");
        println!("{name:<30}{none:>4.1}{some:>11.1}{ratio:>8.2}");
    }
}
