//! What has been done.

use super::op::Op;

/// The verbs of a run, and how many of them were accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    verbs: [(u64, u64); Op::VERBS.len()],
    maps: usize,
}

impl Tally {
    pub(super) fn count(&mut self, op: Op, is_accepted: bool) {
        let (all, good) = &mut self.verbs[op.verb()];
        *all += 1;
        *good += u64::from(is_accepted);
    }

    pub(super) fn maps(&mut self, maps: usize) {
        self.maps = self.maps.max(maps);
    }

    /// Each verb: its name, how many there were, and how many of them were accepted.
    pub fn verbs(&self) -> impl Iterator<Item = (&'static str, u64, u64)> {
        let counts = Op::VERBS.into_iter().zip(self.verbs);
        counts.map(|(name, (all, good))| (name, all, good))
    }

    /// How many verbs there were.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.verbs.iter().map(|&(all, _)| all).sum()
    }

    /// The most maps that the space had when all was compared.
    #[must_use]
    pub fn most_maps(&self) -> usize {
        self.maps
    }

    /// Those of two runs together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for ((all, good), (more, more_good)) in self.verbs.iter_mut().zip(other.verbs) {
            *all += more;
            *good += more_good;
        }
        self.maps = self.maps.max(other.maps);
        self
    }
}
