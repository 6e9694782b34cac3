//! Readers that look up for as long as a try is, on a machine that has other work: what lies in undisturbed windows of
//! time counts.

mod locks;

use std::cell::Cell;
use std::hint::{black_box, spin_loop};
use std::thread;
use std::time::{Duration, Instant};

use kernel_vm::VirtAddr;

pub(crate) use locks::{Bare, Knows, Look, Space};

/// How long a try is, and how many a turn has at most.
const TRY: Duration = Duration::from_millis(50);
const TRIES: usize = 20;

/// How many undisturbed windows a turn wants.
const ENOUGH: usize = 10;

/// How long all readers must have been undisturbed for their lookups to count.
const WINDOW: Duration = Duration::from_millis(1);

/// How many lookups a reader does from one look at the clock to the next.
const LOOKUPS: usize = 1_000;

thread_local! {
    /// The number of this reader.
    pub(crate) static CPU: Cell<usize> = const { Cell::new(0) };
}

/// Who reads at once, and how often an edit comes meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) readers: usize,
    /// How many kernel stacks further down the second reader's stack goes.
    pub(crate) depth: usize,
    pub(crate) edits: Option<Duration>,
}

impl Turn {
    pub(crate) const fn of(readers: usize, depth: usize) -> Self {
        Self {
            readers,
            depth,
            edits: None,
        }
    }

    /// Million lookups a second, of all readers together, in windows that were undisturbed. `edit` is done by one CPU
    /// more, if edits come.
    pub(crate) fn rates(
        self,
        lock: &impl Look,
        queries: &[usize],
        edit: impl Fn(usize) + Sync,
    ) -> Vec<f64> {
        let mut rates = Vec::new();
        for _ in 0..TRIES {
            if rates.len() < ENOUGH {
                rates.append(&mut self.attempt(lock, queries, &edit));
            }
        }
        rates
    }

    fn attempt(
        self,
        lock: &impl Look,
        queries: &[usize],
        edit: &(impl Fn(usize) + Sync),
    ) -> Vec<f64> {
        let begin = Instant::now();
        let (readers, edits) = thread::scope(|scope| {
            let reader = |reader: usize| {
                let first = reader * queries.len() / self.readers;
                let run = move || {
                    CPU.set(reader);
                    Reader::run(lock, queries, first, begin)
                };
                scope.spawn(move || on_stack(reader * self.depth, run))
            };
            let readers: Vec<_> = (0..self.readers).map(reader).collect();
            let editor = self
                .edits
                .map(|every| scope.spawn(move || editor(every, begin, edit)));
            let edits = editor.map(|editor| editor.join().expect("no edit panics"));
            let readers = readers.into_iter().map(|reader| reader.join());
            let readers: Result<Vec<Reader>, _> = readers.collect();
            (readers.expect("no lookup panics"), edits)
        });
        let windows = (0..).map(|nth| WINDOW * nth);
        let windows = windows.take_while(|from| *from + WINDOW <= TRY);
        let rate = |from: Duration| {
            if let Some((every, edits)) = self.edits.zip(edits.as_deref()) {
                is_edited(from, every, edits).then_some(())?;
            }
            let blocks = readers.iter().map(|reader| reader.undisturbed(from));
            let blocks: Option<usize> = blocks.sum();
            Some((blocks? * LOOKUPS) as f64 / 1e6 / WINDOW.as_secs_f64())
        };
        windows.filter_map(rate).collect()
    }
}

/// Does an edit so often. Answers when each was done.
fn editor(every: Duration, begin: Instant, edit: &impl Fn(usize)) -> Vec<Duration> {
    let mut ends = Vec::new();
    let mut next = begin.elapsed();
    while next < TRY {
        while begin.elapsed() < next {
            spin_loop();
        }
        edit(ends.len());
        ends.push(begin.elapsed());
        // One that was late makes none up.
        next = (next + every).max(begin.elapsed());
    }
    ends
}

/// Whether nineteen in twenty of the edits were done that the window should have.
fn is_edited(from: Duration, every: Duration, edits: &[Duration]) -> bool {
    let upto = |end: Duration| edits.partition_point(|edit| *edit < end);
    let due = WINDOW.as_nanos() / every.as_nanos();
    20 * (upto(from + WINDOW) - upto(from)) as u128 >= 19 * due
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
    fn run(lock: &impl Look, queries: &[usize], mut next: usize, begin: Instant) -> Self {
        let (mask, cpu) = (queries.len() - 1, CPU.get());
        let mut ends = vec![begin.elapsed()];
        while *ends.last().expect("one") < TRY {
            for at in next..next + LOOKUPS {
                black_box(lock.translate(cpu, VirtAddr::new(queries[at & mask])));
            }
            next += LOOKUPS;
            ends.push(begin.elapsed());
        }
        let mut blocks: Vec<Duration> = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
        blocks.sort();
        // None, if the reader was kept from its CPU all the while.
        let middle = blocks.get(blocks.len() / 2);
        let longest = 4 * middle.copied().unwrap_or_default();
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

/// NaN where nothing was undisturbed.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
