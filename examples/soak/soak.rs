//! Runs and more runs, for as long as it is wanted.

use std::time::{Duration, Instant};

use kernel_vm::testing::Broken;

use crate::arguments::Arguments;
use crate::complain;
use crate::scope::Scope;
use crate::tally::Timed;

/// How often it is said how far it is.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The steps of a run.
pub(crate) const STEPS: u64 = 4096;

/// How many operations there are where nothing is said of it.
const OPERATIONS: u64 = 1_000_000;

/// What is still to be done in a scope.
struct Budget {
    operations: u64,
    end: Option<Instant>,
}

impl Budget {
    fn new(arguments: &Arguments) -> Self {
        let some = match (arguments.run, arguments.time) {
            (Some(_), _) => STEPS,
            (None, Some(_)) => u64::MAX,
            (None, None) => OPERATIONS,
        };
        Self {
            operations: arguments.operations.unwrap_or(some),
            end: arguments.time.map(|time| Instant::now() + time),
        }
    }

    /// The steps of the next run.
    fn next(&self, done: u64) -> Option<u64> {
        let in_time = self.end.is_none_or(|end| Instant::now() < end);
        let left = self.operations.saturating_sub(done).min(STEPS);
        (in_time && left > 0).then_some(left)
    }
}

/// Soaks a scope, and answers what was done.
///
/// # Errors
/// The number of the run that has found something, and what.
pub(crate) fn soak(scope: &Scope, arguments: &Arguments) -> Result<Timed, (u64, Broken)> {
    let (mut timed, budget) = (Timed::new(), Budget::new(arguments));
    let (mut run, mut told) = (arguments.run.unwrap_or(0), Instant::now());
    while let Some(steps) = budget.next(timed.tally.all()) {
        let verbs = scope.verbs(arguments.seed, run).steps(steps);
        let done = (scope.run)(verbs).map_err(|broken| (run, broken))?;
        timed.tally = timed.tally.and(&done);
        if told.elapsed() >= TELL_EVERY {
            complain(format_args!("{}: run {run}, {timed}", scope.name));
            told = Instant::now();
        }
        run += 1;
    }
    Ok(timed)
}
