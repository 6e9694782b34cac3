//! Two functions that do the same.

use std::time::Duration;

/// Takes so many turns, does its duty so many times in each, and answers how long each turn took.
pub(super) type Side<'a> = Box<dyn FnMut(usize, u64) -> Vec<Duration> + 'a>;

pub(super) struct Pair<'a> {
    /// The duty, and the size.
    pub(super) name: String,
    /// About how long a round is.
    pub(super) round: Duration,
    /// How many parts each duty has, such as leaves: times are told for each.
    pub(super) parts: f64,
    /// How many times Callgrind watches the duty.
    pub(super) watched: u64,
    /// How many duties are done for each that is timed: time is divided where the duty is short, instructions are not.
    pub(super) within: f64,
    /// This crate, or who else is measured, and the other.
    pub(super) sides: [Side<'a>; 2],
    /// What is no part of the comparison, and both do alike: its instructions are taken off.
    pub(super) apart: Option<Side<'a>>,
}

pub(super) const SHORT: Duration = Duration::from_micros(100);
pub(super) const LONG: Duration = Duration::from_millis(10);
