//! What a CPU asks at a context switch.

use core::fmt;

use super::allocator::{Active, AsidAllocator};
use super::context::Context;
use super::number::Asid;
use super::slot::AsidSlot;
use crate::sync::{Ordering, fence};

/// What a CPU needs to run a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a flush that is asked for must be made"]
pub struct Activation {
    /// What `satp` names.
    pub asid: Asid,
    /// Whether this CPU must forget everything, when `satp` is written.
    pub flush: bool,
}

/// One CPU's way to an [`AsidAllocator`]: to be kept by that CPU, and used by no other.
#[derive(Clone, Copy)]
pub struct AsidCpu<'a, const CPUS: usize> {
    pub(super) allocator: &'a AsidAllocator<CPUS>,
    pub(super) active: &'a Active,
    pub(super) number: usize,
}

impl<const CPUS: usize> AsidCpu<'_, CPUS> {
    /// Makes this CPU one that runs the space of `slot`: with which ASID, and whether it must flush. Ends with a full
    /// fence. O(1), and without a lock, unless the space has no number of this generation or the CPU has to flush;
    /// O(CPUs) under a lock then.
    ///
    /// To be called with interrupts off, and followed by the write of `satp`, as [`AsidAllocator`] says.
    pub fn switch(self, slot: &AsidSlot) -> Activation {
        let activation = if self.allocator.highest == 0 {
            Activation {
                asid: Asid::new(0),
                flush: true,
            }
        } else {
            self.fast(slot).unwrap_or_else(|| self.slow(slot))
        };
        fence(Ordering::SeqCst);
        activation
    }

    /// The way without a lock. A rollover that comes between takes the word away, and the exchange fails; one that
    /// comes after it finds what this CPU runs.
    fn fast(self, slot: &AsidSlot) -> Option<Activation> {
        let context = slot.load();
        let before = self.active.0.load(Ordering::Relaxed);
        if before == Context::NONE.bits() || context.generation() != self.allocator.generation() {
            return None;
        }
        let (relaxed, active) = (Ordering::Relaxed, &self.active.0);
        let exchanged = active.compare_exchange(before, context.bits(), relaxed, relaxed);
        exchanged.is_ok().then(|| Activation {
            asid: context.asid(),
            flush: false,
        })
    }

    fn slow(self, slot: &AsidSlot) -> Activation {
        let mut state = self.allocator.state.lock();
        let mut context = slot.load();
        if context.generation() != self.allocator.generation() {
            context = self.allocator.renew(&mut state, context);
            slot.store(context);
        }
        let pending = state.pending.get_mut(self.number);
        let flush = pending.is_some_and(core::mem::take);
        self.active.0.store(context.bits(), Ordering::Relaxed);
        Activation {
            asid: context.asid(),
            flush,
        }
    }
}

impl<const CPUS: usize> fmt::Debug for AsidCpu<'_, CPUS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsidCpu")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
