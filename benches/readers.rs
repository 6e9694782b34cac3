//! How many lookups a second one CPU does, and two that look up in one space at once, which has no lock.
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
#[expect(dead_code, unused_imports, reason = "other benches ask for more")]
mod workload;

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::{VirtAddr, VirtualMemoryManager};

use workload::Workload;

type Space = VirtualMemoryManager<NoPageTable>;

const MAPS: usize = 1024;

/// How often one thread has its turn, and then two, on other stacks each time: a lookup's hint depends on those.
const TURNS: usize = 16;

/// How long a try is, and how many a turn has at most.
const TRY: Duration = Duration::from_millis(50);
const TRIES: usize = 20;

/// How many undisturbed windows a turn wants.
const ENOUGH: usize = 10;

/// How long all readers must have been undisturbed for their lookups to count.
const WINDOW: Duration = Duration::from_millis(1);

/// How many lookups a reader does from one look at the clock to the next.
const LOOKUPS: usize = 1_000;

fn main() {
    let work = Workload::new(MAPS);
    let mut space = Space::new(NoPageTable::new());
    for entry in &work.entries {
        let added = space.add_memory_map(entry.map());
        added.expect("the areas are disjoint");
    }
    println!("million lookups a second among {MAPS} maps; medians of undisturbed milliseconds");
    println!("           1 thread  2 threads   ratio   (in the worst turn, in the best)");
    for (name, queries) in [("uniform", work.uniform()), ("local", work.local())] {
        let [one, two] = [1, 2].map(|threads| -> Vec<Vec<f64>> {
            let turns = (0..TURNS).map(|depth| turn(&space, queries, threads, depth));
            turns.filter(|rates| !rates.is_empty()).collect()
        });
        let one = median(one.concat());
        let mut ratios: Vec<f64> = two.iter().map(|two| median(two.clone()) / one).collect();
        ratios.sort_by(f64::total_cmp);
        let ends = ratios.first().zip(ratios.last());
        let (worst, best) = ends.expect("two CPUs that were free at once");
        let two = median(two.concat());
        let ratio = two / one;
        println!("{name:>8}{one:>11.1}{two:>11.1}{ratio:>8.2}   ({worst:.2}, {best:.2})");
    }
}

/// Million lookups a second, of all threads together, in windows that were undisturbed. The second thread's stack goes
/// `depth` kernel stacks further down.
fn turn(space: &Space, queries: &[usize], threads: usize, depth: usize) -> Vec<f64> {
    let mut rates = Vec::new();
    for _ in 0..TRIES {
        if rates.len() < ENOUGH {
            rates.append(&mut attempt(space, queries, threads, depth));
        }
    }
    rates
}

fn attempt(space: &Space, queries: &[usize], threads: usize, depth: usize) -> Vec<f64> {
    let begin = Instant::now();
    let readers = thread::scope(|scope| {
        let reader = |reader: usize| {
            let first = reader * queries.len() / threads;
            let run = move || Reader::run(space, queries, first, begin);
            scope.spawn(move || on_stack(reader * depth, run))
        };
        let readers: Vec<_> = (0..threads).map(reader).collect();
        let readers = readers.into_iter().map(|reader| reader.join());
        let readers: Result<Vec<Reader>, _> = readers.collect();
        readers.expect("no lookup panics")
    });
    let windows = (0..).map(|nth| WINDOW * nth);
    let windows = windows.take_while(|from| *from + WINDOW <= TRY);
    let rate = |from: Duration| {
        let blocks = readers.iter().map(|reader| reader.undisturbed(from));
        let blocks: Option<usize> = blocks.sum();
        Some((blocks? * LOOKUPS) as f64 / 1e6 / WINDOW.as_secs_f64())
    };
    windows.filter_map(rate).collect()
}

/// What `run` answers, so many kernel stacks further down.
fn on_stack<R>(depth: usize, run: impl FnOnce() -> R) -> R {
    if depth == 0 {
        return run();
    }
    let stack = black_box([0_u8; 16 << 10]);
    let answer = on_stack(depth - 1, run);
    black_box(stack);
    answer
}

/// When a reader was done with each of its blocks of lookups.
struct Reader {
    ends: Vec<Duration>,
    /// A block that takes longer was disturbed.
    longest: Duration,
}

impl Reader {
    /// Looks up from the `next` query on for as long as the turn is.
    fn run(space: &Space, queries: &[usize], mut next: usize, begin: Instant) -> Self {
        let mask = queries.len() - 1;
        let mut ends = vec![begin.elapsed()];
        while *ends.last().expect("one") < TRY {
            for at in next..next + LOOKUPS {
                let found = space.translate_vaddr(VirtAddr::new(queries[at & mask]));
                assert!(black_box(found).is_some(), "all queries are mapped");
            }
            next += LOOKUPS;
            ends.push(begin.elapsed());
        }
        let mut blocks: Vec<Duration> = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
        blocks.sort();
        let longest = 4 * blocks[blocks.len() / 2];
        Self { ends, longest }
    }

    /// How many blocks ended in the window, unless something disturbed one that lies there.
    fn undisturbed(&self, from: Duration) -> Option<usize> {
        let first = self.ends.partition_point(|end| *end < from);
        let behind = self.ends.partition_point(|end| *end < from + WINDOW);
        let ends = self.ends.get(first.checked_sub(1)?..=behind)?;
        let mut blocks = ends.windows(2).map(|pair| pair[1] - pair[0]);
        blocks
            .all(|block| block <= self.longest)
            .then_some(behind - first)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
