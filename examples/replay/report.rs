//! The answer, one line a trace.

use std::fmt;
use std::time::{Duration, Instant};

use kernel_vm::testing::{Broken, Checked, Replay, Trace};

use super::figures::Figures;

/// Replays `trace` as a process that touches every page at once. Answers how long its calls took, too, without what
/// came before the first.
///
/// # Errors
/// A call that is refused.
pub(crate) fn replay<B: Figures>(
    trace: &Trace,
    backend: B,
) -> Result<(Replay<'_, B>, Duration), Broken> {
    let mut replay = Replay::new(trace, backend)?;
    replay.populate_all()?;
    let start = Instant::now();
    replay.run(|space, area| Ok(space.populate(area)?))?;
    Ok((replay, start.elapsed()))
}

/// What a trace that replays well has to tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    calls: usize,
    maps: usize,
    pub(crate) checked: Checked,
    table_frames: Option<usize>,
    flushes: usize,
    time: Duration,
}

impl Report {
    /// Checks `replay` against its trace.
    ///
    /// # Errors
    /// The first thing that is not as it should be.
    pub(crate) fn of<B: Figures>(
        replay: &Replay<'_, B>,
        trace: &Trace,
        time: Duration,
    ) -> Result<Self, Broken> {
        let checked = replay.check()?;
        let backend = replay.space.backend();
        Ok(Self {
            calls: trace.len(),
            maps: replay.space.memory_maps().count(),
            checked,
            table_frames: backend.table_frames(),
            flushes: backend.flushes(),
            time,
        })
    }

    fn nanoseconds_a_call(&self) -> u128 {
        let calls = self.calls as u128;
        self.time.as_nanos().checked_div(calls).unwrap_or(0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames = self
            .table_frames
            .map_or("-".into(), |frames| frames.to_string());
        write!(
            f,
            "{:>5} calls, {:>4} maps, {:>7} pages ({:>6} read back), {frames:>4} table frames, \
             {:>4} flushes, {:>5} ns/call",
            self.calls,
            self.maps,
            self.checked.compared,
            self.checked.read_back,
            self.flushes,
            self.nanoseconds_a_call(),
        )
    }
}
