//! What has been done, and in which time.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

use kernel_vm::testing::Tally;

/// What has been done so far, and since when.
#[derive(Clone, Debug)]
pub(crate) struct Timed {
    pub(crate) tally: Tally,
    since: Instant,
    cpu_before: Option<Duration>,
}

/// How long this thread has had a CPU, where the system says so.
fn cpu() -> Option<Duration> {
    let line = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = line.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

impl Timed {
    pub(crate) fn new() -> Self {
        Self {
            tally: Tally::default(),
            since: Instant::now(),
            cpu_before: cpu(),
        }
    }

    /// How many verbs were accepted.
    fn accepted(&self) -> u64 {
        self.tally.verbs().map(|(_, _, good)| good).sum()
    }

    /// Whether three verbs in five were accepted: what is refused changes nothing, and so proves little. Of fewer than
    /// a thousand, chance decides.
    pub(crate) fn is_enough_accepted(&self) -> bool {
        let all = self.tally.all();
        all < 1000 || 5 * self.accepted() >= 3 * all
    }

    /// Seconds on a CPU; by the clock where the system does not say.
    fn seconds(&self) -> f64 {
        let on_cpu = cpu().zip(self.cpu_before).map(|(now, then)| now - then);
        on_cpu.unwrap_or_else(|| self.since.elapsed()).as_secs_f64()
    }
}

/// `part` of `all`, as a percentage.
fn share(part: u64, all: u64) -> f64 {
    100.0 * part as f64 / all.max(1) as f64
}

impl fmt::Display for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, seconds) = (self.tally.all(), self.seconds());
        write!(
            f,
            "{all} operations in {seconds:.1} CPU seconds, {:.0} a second, {:.1} % accepted, up to {} maps",
            all as f64 / seconds.max(1e-9),
            share(self.accepted(), all),
            self.tally.most_maps()
        )?;
        if f.alternate() {
            for (name, count, good) in self.tally.verbs() {
                let (of_all, good) = (share(count, all), share(good, count));
                write!(f, "\n  {name:<16} {of_all:>5.1} %, {good:>5.1} % accepted")?;
            }
        }
        Ok(())
    }
}
