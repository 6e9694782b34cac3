//! Rounds that take turns.

use std::time::{Duration, Instant};

use super::pair::{Pair, Side};

/// For how long a pair is compared, unless the rounds are too few or enough.
const TIME: Duration = Duration::from_millis(400);
const FEWEST: usize = 15;
const ENOUGH: usize = 1_001;

/// A long round is many short turns, one after the other: the machine's other work makes some of them long, but not the
/// median.
const TURN: Duration = Duration::from_micros(100);

/// One side's part in a round.
struct Part {
    turns: usize,
    /// How many times the duty is done in a turn.
    count: u64,
}

/// The nanoseconds of this crate for each part of a duty, those of the other, and the ratio: medians.
pub(super) fn time(pair: &mut Pair<'_>) -> [f64; 3] {
    let Pair { sides, round, .. } = pair;
    let parts = sides.each_mut().map(|side| Part::new(side, *round));
    let begin = Instant::now();
    let mut rounds = Vec::new();
    while rounds.len() < FEWEST || rounds.len() < ENOUGH && begin.elapsed() < TIME {
        // Who was first is second then: what one leaves to the other is the same for both.
        let first = rounds.len() % 2;
        let mut times = [0.0; 2];
        for index in [first, 1 - first] {
            times[index] = parts[index].time(&mut sides[index]) / pair.parts;
        }
        rounds.push(times);
    }
    let of = |value: fn(&[f64; 2]) -> f64| median(rounds.iter().map(value).collect());
    [
        of(|[ours, _]| *ours),
        of(|[_, other]| *other),
        of(|[ours, other]| ours / other),
    ]
}

impl Part {
    /// So many that a round takes this long.
    fn new(side: &mut Side<'_>, round: Duration) -> Self {
        let mut count = 1;
        let time = loop {
            // The shortest, as the machine may have other work.
            let time = side(3, count).into_iter().min().expect("three");
            if time >= TURN / 2 {
                break time;
            }
            count *= 2;
        };
        let each = time.as_secs_f64() / count as f64;
        let count = (TURN.as_secs_f64() / each).round().max(1.0);
        let turns = round.as_secs_f64() / (each * count);
        Self {
            turns: turns.round().max(1.0) as usize,
            count: count as u64,
        }
    }

    /// The nanoseconds of one duty.
    fn time(&self, side: &mut Side<'_>) -> f64 {
        let turns = side(self.turns, self.count).into_iter();
        let turns = turns.map(|turn| turn.as_secs_f64()).collect();
        1e9 * median(turns) / self.count as f64
    }
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    f64::midpoint(values[middle], values[(values.len() - 1) / 2])
}
