//! The flushes and fences that a kernel asks for: counted, and left out on demand.

use crate::backend::mock::countdown::Countdown;

/// A call of the kernel's to the machine, which a kernel with a mistake forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// [`Tlb::flush`](crate::Tlb::flush) of the machine, with all of its fences.
    Flush,
    /// [`Tlb::made_valid`](crate::Tlb::made_valid) of the machine, with all of its fences.
    MadeValid,
    /// One fence on one CPU, whoever asked for it.
    ///
    /// That is an `sfence.vma` on RISC-V, and on Arm a `TLBI`, which may be for all CPUs. On x86-64 it is an `invlpg`,
    /// an `invpcid`, or a write of CR4 that forgets everything; a write of CR3 is none.
    Fence,
    /// One barrier for walks and invalidations, which is Arm's `DSB`, whoever asked for it.
    Barrier,
}

/// How often a call was made, and which one to come is left out.
#[derive(Debug, Default)]
struct Counter {
    calls: usize,
    skip: Countdown,
}

/// A counter for each [`Call`].
#[derive(Debug, Default)]
pub(super) struct Calls {
    flushes: Counter,
    made_valid: Counter,
    fences: Counter,
    barriers: Counter,
}

impl Calls {
    /// Counts a call, and answers whether it is to be done.
    pub(super) fn note(&mut self, call: Call) -> bool {
        let counter = self.of_mut(call);
        counter.calls += 1;
        !counter.skip.strikes()
    }

    /// The number of such calls so far, those that were left out included.
    pub(super) const fn count(&self, call: Call) -> usize {
        match call {
            Call::Flush => self.flushes.calls,
            Call::MadeValid => self.made_valid.calls,
            Call::Fence => self.fences.calls,
            Call::Barrier => self.barriers.calls,
        }
    }

    /// Orders the `n`-th such call from now to be left out; 0 takes the order back.
    pub(super) fn skip(&mut self, call: Call, n: usize) {
        self.of_mut(call).skip.set(n);
    }

    const fn of_mut(&mut self, call: Call) -> &mut Counter {
        match call {
            Call::Flush => &mut self.flushes,
            Call::MadeValid => &mut self.made_valid,
            Call::Fence => &mut self.fences,
            Call::Barrier => &mut self.barriers,
        }
    }
}
