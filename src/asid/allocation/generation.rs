//! The numbers that a generation has handed out, and the CPUs that have yet to flush for it.

use super::context::Context;
use crate::asid::number::Asid;

/// The numbers and the debts of one generation, under the allocator's lock.
pub(super) struct State<const CPUS: usize> {
    /// The next number that was not handed out in this generation.
    next: u16,
    /// Whether all numbers have been handed out or skipped as reserved.
    exhausted: bool,
    /// The context that each CPU ran when the generation began, and may still run: its number is not handed out. Once
    /// its space comes back to the lock, the number is renewed in this generation.
    pub(super) reserved: [Context; CPUS],
    /// The CPUs that have to flush at their next switch: those that have not switched since the generation began, or
    /// since a reset.
    pub(super) pending: [bool; CPUS],
}

impl<const CPUS: usize> State<CPUS> {
    pub(super) const NEW: Self = Self {
        next: 1,
        exhausted: false,
        reserved: [Context::NONE; CPUS],
        pending: [true; CPUS],
    };

    /// Makes all numbers but the reserved ones free, and every CPU one that has to flush.
    pub(super) const fn begin(&mut self) {
        self.next = 1;
        self.exhausted = false;
        self.pending = [true; CPUS];
    }

    /// Whether some CPU ran `old` when the generation began: then its context goes on as `new`. O(CPUs).
    ///
    /// Two CPUs that ran one space hold the same context, and both go on.
    pub(super) fn claim(&mut self, old: Context, new: Context) -> bool {
        let mut found = false;
        for reserved in self
            .reserved
            .iter_mut()
            .filter(|reserved| **reserved == old)
        {
            *reserved = new;
            found = true;
        }
        found
    }

    /// A number that no space has in this generation, or `None` when all are handed out. O(CPUs) for each number that
    /// is tried.
    pub(super) fn take(&mut self, highest: u16) -> Option<Asid> {
        while !self.exhausted {
            let asid = Asid::new(self.next);
            self.exhausted = self.next == highest;
            self.next = self.next.wrapping_add(1);
            if !self.reserved.iter().any(|reserved| reserved.asid() == asid) {
                return Some(asid);
            }
        }
        None
    }
}
