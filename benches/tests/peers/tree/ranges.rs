//! The maps in ranges that somebody else's code keeps: `rangemap`.

use std::ops::Range;

use rangemap::RangeMap;

use super::edits::{Op, Oracle, RW, Space, run};
use crate::subject::PAGE;

/// Runs of pages with the same distance to their frames.
#[derive(Default)]
struct Ranges(RangeMap<usize, (i64, bool)>);

impl Ranges {
    /// The parts of runs that lie in `area`.
    fn inside(&self, area: Range<usize>) -> Vec<(Range<usize>, (i64, bool))> {
        let cut = |run: &Range<usize>| run.start.max(area.start)..run.end.min(area.end);
        self.0
            .overlapping(&area)
            .map(|(run, value)| (cut(run), *value))
            .collect()
    }
}

impl Oracle for Ranges {
    fn apply(&mut self, op: Op) {
        match op {
            Op::Replace {
                first,
                count,
                frame,
            } => {
                let value = (frame as i64 - first as i64, false);
                self.0.insert(first..first + count, value);
            }
            Op::Unmap { first, count } => self.0.remove(first..first + count),
            Op::Protect {
                first,
                count,
                write,
            } => {
                for (run, (distance, _)) in self.inside(first..first + count) {
                    self.0.insert(run, (distance, write));
                }
            }
            Op::Restrict { first, count } => {
                for (run, (distance, _)) in self.inside(first..first + count) {
                    self.0.insert(run, (distance, false));
                }
            }
            Op::Remap { old, new, count } if old != new => {
                let moved = self.inside(old..old + count);
                self.0.remove(old..old + count);
                self.0.remove(new..new + count);
                let by = new as i64 - old as i64;
                for (run, (distance, write)) in moved {
                    let run = run.start - old + new..run.end - old + new;
                    self.0.insert(run, (distance - by, write));
                }
            }
            Op::Remap { .. } => {}
        }
    }

    fn compare(&self, space: &Space) {
        let seen = space.memory_maps().map(|map| {
            let first = map.vmarea().start().get() / PAGE;
            let count = map.vmarea().size() / PAGE;
            let frame = map.pmarea().unwrap().start().get() / PAGE as u64;
            let value = (frame as i64 - first as i64, map.permissions() == RW);
            (first..first + count, value)
        });
        let expected = self.0.iter().map(|(run, value)| (run.clone(), *value));
        assert!(seen.eq(expected));
    }
}

#[test]
fn random_edits_agree_with_ranges_after_every_step() {
    for seed in 1..9 {
        run(seed, 600, 3_000, 1, &mut Ranges::default());
    }
}

#[test]
fn a_hundred_thousand_edits_among_thousands_of_maps_agree_with_ranges() {
    run(42, 12_000, 100_000, 500, &mut Ranges::default());
}
