//! The share of time for which other CPUs are shut out of a space, while one maps, touches and unmaps pages in it.
//!
//! Whoever holds the lock for writing shuts them out. With `unmap` he does so while every CPU forgets; `unmap_deferred`
//! leaves that to `settle`, under the lock of a reader. The flush takes 5 µs here, as a shootdown of a few CPUs does.
//! It takes seconds:
//!
//! ```sh
//! cargo bench --bench shut_out
//! ```
#![expect(clippy::expect_used, reason = "a bench stops where it is wrong")]

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{
    FRAME_SIZE, Flush, MemoryArea, Permissions, Settled, Tlb, VirtAddr, VirtualMemoryManager,
    VirtualMemoryMap,
};
use spin::RwLock;

type Space = VirtualMemoryManager<Sv39<(HostFrames, Shootdown)>>;

/// How long other CPUs take to acknowledge.
const FLUSH: Duration = Duration::from_micros(5);

/// How many pages a program maps, touches and unmaps each time.
const PAGES: [usize; 3] = [1, 16, 256];

const ROUNDS: usize = 5_000;

struct Shootdown;

impl Tlb for Shootdown {
    fn flush(&self, _flush: &Flush<'_>) {
        let begin = Instant::now();
        while begin.elapsed() < FLUSH {
            spin_loop();
        }
    }
}

/// How an area is unmapped. Answers how long others were shut out.
type Unmap = fn(&RwLock<Space>, MemoryArea) -> Duration;

fn at_once(space: &RwLock<Space>, area: MemoryArea) -> Duration {
    let mut alone = space.write();
    let begin = Instant::now();
    alone.unmap(area).expect("no leaf is split");
    begin.elapsed()
}

fn deferred(space: &RwLock<Space>, area: MemoryArea) -> Duration {
    let mut alone = space.write();
    let begin = Instant::now();
    alone.unmap_deferred(area).expect("no leaf is split");
    let shut_out = begin.elapsed();
    assert_eq!(alone.downgrade().settle(), Settled::Done);
    shut_out
}

/// The middle one of the times for which others are shut out by the map, by the unmap, and of a whole round.
fn medians(pages: usize, unmap: Unmap) -> [Duration; 3] {
    let platform = (HostFrames::new(pages + 8), Shootdown);
    let space = RwLock::new(Space::new(Sv39::new(platform).expect("a frame")));
    let start = VirtAddr::new(1 << 30);
    let area = MemoryArea::from_start_size(start, pages * FRAME_SIZE).expect("far from the top");
    let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let map = VirtualMemoryMap::anonymous(area, rw).expect("pages");
        space.write().add_memory_map(map).expect("nothing is there");
        let mapped = begin.elapsed();
        space.read().prefault(area).expect("enough frames");
        let unmapped = unmap(&space, area);
        let all = begin.elapsed();
        let round = times.iter_mut().zip([mapped, unmapped, all]);
        round.for_each(|(times, time)| times.push(time));
    }
    times.map(|mut times| {
        times.sort_unstable();
        times.get(ROUNDS / 2).copied().unwrap_or_default()
    })
}

fn main() {
    println!("medians of {ROUNDS} rounds: map, touch every page, unmap; the flush takes {FLUSH:?}");
    println!("pages                    shut out by map   by unmap     of a round     share");
    for pages in PAGES {
        let unmaps: [(&str, Unmap); 2] = [("unmap", at_once), ("deferred, settle", deferred)];
        for (name, unmap) in unmaps {
            let [mapped, unmapped, all] = medians(pages, unmap);
            let share = (mapped + unmapped).as_secs_f64() / all.as_secs_f64();
            println!(
                "{pages:>5}   {name:<16} {mapped:>15.2?} {unmapped:>10.2?} {all:>14.2?}   {:>5.1} %",
                100.0 * share
            );
        }
    }
}
