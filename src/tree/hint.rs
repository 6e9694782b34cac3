//! Where the lookup before was answered: most faults hit the area of the fault before.

use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicUsize};

use crate::area::MemoryArea;

/// How many lookers-up remember each their own last hit.
const SLOTS: usize = 4;

/// How far apart the stacks of CPUs lie at least, as a power of two of bytes.
const STACK_BITS: u32 = 14;

/// The last hits. A hint is only ever a guess: whoever follows it checks that the map it finds there holds the address,
/// so edits need not care, and a mixture of two hints does no harm.
///
/// There are a few of them, each on a cache line of its own, and a lookup picks one by where its stack is: CPUs that
/// look up at once seldom share a line, without a lock, a CPU's number or `&mut`. It is a guess: two may share one, and
/// a deep call may change it.
pub(super) struct Hints([Hint; SLOTS]);

/// What the last hit was: its bounds, and the way to it.
#[repr(align(64))]
pub(super) struct Hint {
    start: AtomicUsize,
    /// The size less one.
    span: AtomicUsize,
    path: AtomicUsize,
    /// Whether hints have been right of late. While they are not, few misses are remembered: lookups that jump about
    /// would write the line each time, for nothing.
    is_hot: AtomicBool,
}

/// The positions on the way down to a map, the root's in the lowest bits.
#[derive(Clone, Copy, Default)]
pub(super) struct Path {
    bits: usize,
    shift: u32,
}

/// How many bits a position takes: enough for any node.
const STEP: u32 = 6;

impl Hints {
    pub(super) const fn new() -> Self {
        Self([const { Hint::new() }; SLOTS])
    }

    /// The hint for whoever runs on this stack.
    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "a remainder of the number of slots"
    )]
    pub(super) fn mine(&self) -> &Hint {
        let here = 0_u8;
        let stack = core::ptr::from_ref(&here).addr() >> STACK_BITS;
        // All bits count: stacks lie at multiples of anything from 16 KiB to 8 MiB.
        &self.0[(stack.wrapping_mul(0x9e37_79b9) >> 27) % SLOTS]
    }
}

impl Hint {
    const fn new() -> Self {
        Self {
            start: AtomicUsize::new(0),
            span: AtomicUsize::new(0),
            path: AtomicUsize::new(0),
            is_hot: AtomicBool::new(false),
        }
    }

    /// The way to the last hit, if `addr` may be there as well.
    #[inline]
    pub(super) fn path(&self, addr: usize) -> Option<Path> {
        // One comparison: whether an address lies behind a start is anybody's guess, and a branch on it would guess.
        let offset = addr.wrapping_sub(self.start.load(Relaxed));
        let is_near = offset <= self.span.load(Relaxed);
        is_near.then(|| Path {
            bits: self.path.load(Relaxed),
            shift: 0,
        })
    }

    /// The hint was right.
    #[inline]
    pub(super) fn hit(&self) {
        if !self.is_hot.load(Relaxed) {
            self.is_hot.store(true, Relaxed);
        }
    }

    /// The hint was wrong for `addr`. Answers whether to remember where that was found instead.
    #[inline]
    pub(super) fn miss(&self, addr: usize) -> bool {
        if self.is_hot.load(Relaxed) {
            self.is_hot.store(false, Relaxed);
            return true;
        }
        // One in 64, as the address happens to be: what nobody writes cannot count. So a few addresses that are asked
        // for again and again may all be among the others, and are looked for each time.
        addr.wrapping_mul(0x9e37_79b9) & 0xfc00_0000 == 0
    }

    pub(super) fn set(&self, area: MemoryArea, path: Path) {
        self.start.store(area.start().get(), Relaxed);
        self.span.store(area.size() - 1, Relaxed);
        self.path.store(path.bits, Relaxed);
    }
}

impl Path {
    /// Goes on by a step to the position `at`. Beyond the last bit, steps are forgotten.
    pub(super) fn push(&mut self, at: usize) {
        self.bits |= at.checked_shl(self.shift).unwrap_or(0);
        self.shift += STEP;
    }

    /// The next step.
    #[inline]
    pub(super) fn step(&mut self) -> usize {
        let at = self.bits & ((1 << STEP) - 1);
        self.bits >>= STEP;
        at
    }
}
