//! What the kernel asks of the machine, counted, and not done on demand.

use crate::backend::mock::countdown::Countdown;

/// Something that a kernel may forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// [`Tlb::flush`](crate::Tlb::flush) of the machine, with all of its fences.
    Flush,
    /// [`Tlb::made_valid`](crate::Tlb::made_valid) of the machine, with all of its fences.
    MadeValid,
    /// One `sfence.vma` on one CPU, whoever asked for it.
    Fence,
}

#[derive(Debug, Default)]
struct Counter {
    calls: usize,
    skip: Countdown,
}

/// A counter for each call.
#[derive(Debug, Default)]
pub(super) struct Calls {
    flushes: Counter,
    made_valid: Counter,
    fences: Counter,
}

impl Calls {
    /// Counts a call; whether it is to be done.
    pub(super) fn note(&mut self, call: Call) -> bool {
        let counter = self.of_mut(call);
        counter.calls += 1;
        !counter.skip.strikes()
    }

    pub(super) const fn count(&self, call: Call) -> usize {
        match call {
            Call::Flush => self.flushes.calls,
            Call::MadeValid => self.made_valid.calls,
            Call::Fence => self.fences.calls,
        }
    }

    pub(super) fn skip(&mut self, call: Call, n: usize) {
        self.of_mut(call).skip.set(n);
    }

    const fn of_mut(&mut self, call: Call) -> &mut Counter {
        match call {
            Call::Flush => &mut self.flushes,
            Call::MadeValid => &mut self.made_valid,
            Call::Fence => &mut self.fences,
        }
    }
}
