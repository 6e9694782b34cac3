//! Where the lookup before was answered: most faults hit the area of the fault before.

use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU8, AtomicUsize};

use super::path::Path;
use crate::area::MemoryArea;

/// How many lookers-up remember each their own last hit.
const HINTS: usize = 4;

/// How many misses in a row are remembered after a hit.
const TRUST: u8 = 3;

/// How far apart the stacks of CPUs lie at least, as a power of two of bytes.
const STACK_BITS: u32 = 14;

/// The last hits. A hint is only ever a guess: whoever follows it checks that the map it finds there holds the address,
/// so edits need not care, and a mixture of two hints does no harm.
///
/// There are a few of them, each on a cache line of its own, and a lookup picks one by where its stack is: CPUs that
/// look up at once seldom share a line, without a lock, a CPU's number or `&mut`. It is a guess: two may share one, and
/// a deep call may change it.
pub(super) struct Hints([Hint; HINTS]);

/// What the last hit was: its bounds, and the way to it.
#[repr(align(64))]
pub(super) struct Hint {
    start: AtomicUsize,
    /// The size less one.
    span: AtomicUsize,
    path: AtomicUsize,
    /// How many misses in a row are still to be remembered. A hit gives it back in full; at 0, few misses are remembered:
    /// lookups that jump about would write the line each time, for nothing.
    trust: AtomicU8,
}

impl Hints {
    pub(super) const fn new() -> Self {
        Self([const { Hint::new() }; HINTS])
    }

    /// The hint for whoever runs on this stack.
    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "a remainder of the number of hints"
    )]
    pub(super) fn mine(&self) -> &Hint {
        let here = 0_u8;
        let stack = core::ptr::from_ref(&here).addr() >> STACK_BITS;
        // All bits count: stacks lie at multiples of anything from 16 KiB to 8 MiB.
        &self.0[(stack.wrapping_mul(0x9e37_79b9) >> 27) % HINTS]
    }
}

impl Hint {
    const fn new() -> Self {
        Self {
            start: AtomicUsize::new(0),
            span: AtomicUsize::new(0),
            path: AtomicUsize::new(0),
            trust: AtomicU8::new(0),
        }
    }

    /// The way to the last hit, if `addr` may be there as well.
    #[inline]
    pub(super) fn path(&self, addr: usize) -> Option<Path> {
        // One comparison: whether an address lies behind a start is anybody's guess, and a branch on it would guess.
        let offset = addr.wrapping_sub(self.start.load(Relaxed));
        let is_near = offset <= self.span.load(Relaxed);
        is_near.then(|| Path::from_bits(self.path.load(Relaxed)))
    }

    /// The hint was right.
    #[inline]
    pub(super) fn hit(&self) {
        if self.trust.load(Relaxed) != TRUST {
            self.trust.store(TRUST, Relaxed);
        }
    }

    /// The hint was wrong for `addr`. Answers whether to remember where that was found instead.
    #[inline]
    pub(super) fn miss(&self, addr: usize) -> bool {
        if let Some(trust) = self.trust.load(Relaxed).checked_sub(1) {
            self.trust.store(trust, Relaxed);
            return true;
        }
        // One in 64, as the address happens to be: what nobody writes cannot count. So a few addresses that are asked
        // for again and again may all be among the others, and are looked for each time.
        addr.wrapping_mul(0x9e37_79b9) & 0xfc00_0000 == 0
    }

    pub(super) fn set(&self, area: MemoryArea, path: Path) {
        self.start.store(area.start().get(), Relaxed);
        self.span.store(area.size() - 1, Relaxed);
        self.path.store(path.bits(), Relaxed);
    }
}
