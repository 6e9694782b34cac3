//! Every sequence of so many verbs, each in the state that the verbs before it have left.
//!
//! Two sequences that end in the same state are one from there on, so each state is compared once, and left by every
//! verb once. Same means the same in every word, of the subject and of its model: see [`Scope::digest`]. A verb that
//! changed no word, refused or not, leaves the subject to be used for the next; after any other, the state is made
//! again from an empty subject.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// What has gone wrong.
pub(super) type Wrong = String;

/// A subject, and the model beside it.
pub(super) trait Scope {
    type Verb: Copy + fmt::Debug;

    /// Every verb with every argument.
    fn verbs() -> Vec<Self::Verb>;

    /// Does a verb, and answers its name and what became of it.
    ///
    /// # Errors
    /// The answer is not the model's.
    fn act(&mut self, verb: Self::Verb) -> Result<Outcome, Wrong>;

    /// Compares all there is.
    ///
    /// # Errors
    /// The first difference.
    fn check(&mut self) -> Result<(), Wrong>;

    /// A part of the state's that says whether what is to be tried has come to pass, and its name.
    fn shape(&self) -> Outcome;

    /// Tells `words` of all that later answers rest on.
    fn digest(&self, words: &mut Vec<u64>);

    /// The end of a subject.
    ///
    /// # Errors
    /// Something is left of it.
    fn finish(self) -> Result<(), Wrong>;
}

/// A verb's name, and its answer.
pub(super) type Outcome = (&'static str, &'static str);

/// A state by the numbers of the verbs that lead to it, the first few of which are used.
#[derive(Clone, Copy)]
struct Path {
    verbs: [u16; MOST],
    len: u8,
}

/// More verbs than any scope has time for.
const MOST: usize = 11;

impl Path {
    fn with(mut self, verb: usize) -> Self {
        self.verbs[usize::from(self.len)] = u16::try_from(verb).unwrap();
        self.len += 1;
        self
    }

    fn verbs<V: Copy>(&self, all: &[V]) -> Vec<V> {
        let numbers = self.verbs[..usize::from(self.len)].iter();
        numbers.map(|&verb| all[usize::from(verb)]).collect()
    }
}

impl Figures {
    /// Whether each of these outcomes and shapes has come to pass: what does not is not tried.
    pub(super) fn has_seen(&self, names: &[Outcome]) -> bool {
        let has = |name| self.outcomes.contains_key(name) || self.shapes.contains_key(name);
        names.iter().all(has)
    }
}

/// What was done.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) depth: usize,
    verbs: usize,
    /// How many states there are, and how many of them were left by every verb.
    pub(super) states: usize,
    pub(super) left: usize,
    /// How many verbs were done, and their answers compared.
    pub(super) done: u64,
    pub(super) outcomes: BTreeMap<Outcome, u64>,
    /// What states look like, of those that some verb has led to.
    pub(super) shapes: BTreeMap<Outcome, u64>,
    took: Duration,
}

/// A sequence that goes wrong, and how. None is shorter.
pub(super) struct Found {
    pub(super) verbs: Vec<String>,
    pub(super) wrong: Wrong,
}

/// Does every sequence of `depth` verbs, from each subject that `make` answers.
///
/// # Errors
/// A shortest one that goes wrong.
pub(super) fn explore<S: Scope>(make: impl Fn() -> S, depth: usize) -> Result<Figures, Found> {
    let (all, started, cpu_before) = (S::verbs(), Instant::now(), cpu());
    let mut figures = Figures {
        depth,
        verbs: all.len(),
        states: 0,
        left: 0,
        done: 0,
        outcomes: BTreeMap::new(),
        shapes: BTreeMap::new(),
        took: Duration::ZERO,
    };
    let mut seen = HashSet::new();
    let empty = Path {
        verbs: [0; MOST],
        len: 0,
    };
    let first = caught(|| rebuild(&make, &[])).map_err(|wrong| found(&empty, &all, wrong))?;
    seen.insert(key(&first));
    caught(|| first.finish()).map_err(|wrong| found(&empty, &all, wrong))?;
    let mut level = Vec::from([empty]);
    for left in (0..depth).rev() {
        figures.left += level.len();
        let mut next = Vec::new();
        for path in level {
            leave(&make, &path, &all, &mut seen, &mut figures, |path| {
                if left > 0 {
                    next.push(path);
                }
            })?;
        }
        level = next;
    }
    figures.states = seen.len();
    let on_cpu = cpu().zip(cpu_before).map(|(now, then)| now - then);
    figures.took = on_cpu.unwrap_or_else(|| started.elapsed());
    Ok(figures)
}

/// How long this thread has had a CPU, where the system says so.
fn cpu() -> Option<Duration> {
    let line = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = line.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

/// Does every verb in the state behind `path`, and hands on the states that nobody has come to yet.
fn leave<S: Scope>(
    make: &impl Fn() -> S,
    path: &Path,
    all: &[S::Verb],
    seen: &mut HashSet<u128>,
    figures: &mut Figures,
    mut reach: impl FnMut(Path),
) -> Result<(), Found> {
    let steps = path.verbs(all);
    let mut ready: Option<(S, u128)> = None;
    for (number, &verb) in all.iter().enumerate() {
        let outcome = caught(|| {
            let (mut subject, before) = match ready.take() {
                Some(ready) => ready,
                None => {
                    let subject = rebuild(make, &steps)?;
                    let key = key(&subject);
                    (subject, key)
                }
            };
            let outcome = subject.act(verb)?;
            let after = key(&subject);
            if after == before {
                ready = Some((subject, before));
                return Ok(outcome);
            }
            if seen.insert(after) {
                subject.check()?;
                *figures.shapes.entry(subject.shape()).or_default() += 1;
                reach(path.with(number));
            }
            subject.finish()?;
            Ok(outcome)
        });
        let outcome = outcome.map_err(|wrong| found(&path.with(number), all, wrong))?;
        figures.done += 1;
        *figures.outcomes.entry(outcome).or_default() += 1;
    }
    match ready {
        Some((subject, _)) => caught(|| subject.finish()).map_err(|wrong| found(path, all, wrong)),
        None => Ok(()),
    }
}

/// The state behind `steps`, looked at once, as whoever came there has looked at it.
fn rebuild<S: Scope>(make: &impl Fn() -> S, steps: &[S::Verb]) -> Result<S, Wrong> {
    let mut subject = make();
    for &verb in steps {
        subject.act(verb)?;
    }
    subject.check()?;
    Ok(subject)
}

/// A state as a number: two states have the same one by a chance of 2^-100, were there a million of them.
fn key<S: Scope>(subject: &S) -> u128 {
    let mut words = Vec::with_capacity(128);
    subject.digest(&mut words);
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        words.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(1) << 64 | half(2)
}

fn found<V: Copy + fmt::Debug>(path: &Path, all: &[V], wrong: Wrong) -> Found {
    let verbs = path.verbs(all);
    let verbs = verbs.iter().map(|verb| alloc::format!("{verb:?}"));
    Found {
        verbs: verbs.collect(),
        wrong,
    }
}

/// A panic is as wrong as an answer.
fn caught<R>(run: impl FnOnce() -> Result<R, Wrong>) -> Result<R, Wrong> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(text.unwrap_or("a panic without a text").to_string())
    })
}

/// An error, unless the two are equal.
pub(super) fn same<T: PartialEq + fmt::Debug>(
    what: impl fmt::Debug,
    got: T,
    want: T,
) -> Result<(), Wrong> {
    if got == want {
        Ok(())
    } else {
        Err(alloc::format!("{what:?} is {got:?}, should be {want:?}"))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sequences = (self.verbs as f64).powi(i32::try_from(self.depth).unwrap());
        writeln!(
            f,
            "every sequence of {} of {} verbs, {sequences:.3e} of them: {} states, {} of them left by every verb, {} verbs \
             done, {} outcomes, {:.1} CPU seconds",
            self.depth,
            self.verbs,
            self.states,
            self.left,
            self.done,
            self.outcomes.len(),
            self.took.as_secs_f64(),
        )?;
        for ((verb, answer), count) in self.outcomes.iter().chain(&self.shapes) {
            writeln!(f, "  {verb:<18} {answer:<18} {count:>12}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, behind {:#?}", self.wrong, self.verbs)
    }
}
