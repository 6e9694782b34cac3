//! What has happened.

/// What has happened in a run: one in which hardly anything did proves little.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Events {
    /// Children that were made.
    pub forks: usize,
    /// Processes that have gone before the end.
    pub exits: usize,
    /// Maps that were made, changed, moved or taken away.
    pub changes: usize,
    /// Accesses of programs, and of the kernel for them, that were done as they should.
    pub accesses: usize,
    /// Accesses that were refused as they should.
    pub refused: usize,
    /// Faults that were resolved.
    pub faults: usize,
    /// Whatever was not done, since there was no memory.
    pub without_memory: usize,
}

impl Events {
    /// Those of two runs together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            forks: self.forks + other.forks,
            exits: self.exits + other.exits,
            changes: self.changes + other.changes,
            accesses: self.accesses + other.accesses,
            refused: self.refused + other.refused,
            faults: self.faults + other.faults,
            without_memory: self.without_memory + other.without_memory,
        }
    }
}
