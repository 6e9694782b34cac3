//! A context switch, as the CPU that makes it asks for it.

use core::fmt;

use super::allocator::AsidAllocator;
use super::context::Context;
use super::slot::AsidSlot;
use crate::asid::number::Asid;
use crate::sync::{Line, Ordering, fence};

/// The ASID with which a CPU runs a space, and whether that CPU must flush first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a flush that is asked for must be made"]
pub struct Activation {
    /// The number that is written to the root's register (`satp`, `CR3`, `TTBR0_EL1`).
    pub asid: Asid,
    /// Whether this CPU must forget everything, on either side of that write: the architecture says on which.
    pub flush: bool,
}

/// One CPU's way to an [`AsidAllocator`]: to be kept by that CPU, and used by no other.
#[derive(Clone, Copy)]
pub struct AsidCpu<'a, const CPUS: usize> {
    allocator: &'a AsidAllocator<CPUS>,
    /// The word of this CPU in the allocator.
    active: &'a Line,
    number: usize,
}

impl<const CPUS: usize> AsidAllocator<CPUS> {
    /// The way in for the CPU with this number, from 0 on; `None` for one of `CPUS` or more. O(1).
    #[must_use]
    pub fn cpu(&self, number: usize) -> Option<AsidCpu<'_, CPUS>> {
        let active = self.active.get(number)?;
        Some(AsidCpu {
            allocator: self,
            active,
            number,
        })
    }
}

impl<const CPUS: usize> AsidCpu<'_, CPUS> {
    /// Makes this CPU one that runs the space of `slot`: with which ASID, and whether it must flush.
    ///
    /// Ends with a full fence. O(1) and without a lock, unless the space has no number of this generation or the CPU
    /// has to flush; O(CPUs) under a lock then.
    ///
    /// To be called with interrupts off, and followed by the write of the root's register, as [`AsidAllocator`] says.
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

    /// Makes this CPU one that runs no space, and whose TLB may hold anything: its next switch asks for a flush.
    ///
    /// For a CPU that was off, before its first switch; or for one that goes off, behind its last.
    ///
    /// From the call to the next switch, the register of this CPU names no root of a slot: a rollover in between does
    /// not keep the number of the space that it ran. Translations of that space that the CPU still has do no harm,
    /// since the flush comes before any space is run. A CPU that slept and goes on in the space that it ran calls this
    /// and then [`switch`](Self::switch), as if it came from elsewhere.
    ///
    /// To be called on that CPU with interrupts off, or on another while that one is off. O(1), under a lock.
    pub fn reset(self) {
        let mut state = self.allocator.state.lock();
        if let Some(pending) = state.pending.get_mut(self.number) {
            *pending = true;
        }
        // The context that is reserved for this CPU stays until the next rollover: in this generation, a space may have
        // its number.
        self.active.0.store(Context::IDLE.bits(), Ordering::Relaxed);
    }

    /// The switch without a lock, or `None` where only the lock will do.
    ///
    /// A rollover that comes between the loads and the exchange empties the word, and the exchange fails. One that
    /// comes after the exchange finds the context in the word, and reserves it.
    fn fast(self, slot: &AsidSlot) -> Option<Activation> {
        let context = slot.load();
        let before = self.active.0.load(Ordering::Relaxed);
        let has_switched = Context::from_bits(before).generation() != 0;
        if !has_switched || context.generation() != self.allocator.generation() {
            return None;
        }
        let (relaxed, active) = (Ordering::Relaxed, &self.active.0);
        let exchanged = active.compare_exchange(before, context.bits(), relaxed, relaxed);
        exchanged.is_ok().then(|| Activation {
            asid: context.asid(),
            flush: false,
        })
    }

    /// The switch under the lock: for a space without a number of this generation, and for a CPU that has to flush.
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
