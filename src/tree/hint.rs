//! The paths to the last answers: most page faults hit the area of the fault before.

use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU8, AtomicUsize};

use super::path::Path;
use crate::area::MemoryArea;

/// How many pairs of hints a space has. A pair takes two cache lines side by side, which CPUs fetch together.
///
/// These are half a KiB in every space, beside the three frames of its smallest page table. With fewer, more CPUs of a
/// large machine share a hint; with more, many small processes pay for what few large ones need.
const PAIRS: usize = 4;

/// How many hints there are, so that as many CPUs can remember a hit each.
const HINTS: usize = 2 * PAIRS;

/// How many misses in a row are remembered after a hit.
const TRUST: u8 = 3;

/// The last hits. A hint is only ever a guess: whoever follows it checks that the map it finds there holds the address,
/// so edits need not care, and a mixture of two hints does no harm.
///
/// There are a few of them, each on a cache line of its own, and a lookup takes that of the CPU it runs on. So CPUs
/// that look up at once seldom write to one line, without a lock or `&mut`. Where the number of a CPU is a guess, or
/// there are more CPUs than hints, two CPUs may share one: that costs time and nothing else.
#[repr(align(128))]
pub(crate) struct Hints([Hint; HINTS]);

/// One hint: the bounds of a map as they were when a lookup found it, and the path to it.
#[repr(align(64))]
pub(crate) struct Hint {
    /// The first byte of the map.
    start: AtomicUsize,
    /// The size of the map in bytes, less one.
    span: AtomicUsize,
    /// The bits of the [`Path`].
    path: AtomicUsize,
    /// How many misses in a row may still set the hint anew. A hit restores all of them. At 0, few misses set it:
    /// lookups that jump about would write the line each time, for nothing.
    trust: AtomicU8,
}

impl Hints {
    /// Hints that no lookup has set. They cover the byte at address 0, and lead to the first map.
    pub(crate) const fn new() -> Self {
        Self([const { Hint::new() }; HINTS])
    }

    /// The hint of the CPU with this number. CPUs share a pair only from the fifth on, and a hint from the ninth on: a
    /// line that is fetched because its neighbour was costs lookups up to a tenth, a hint that two CPUs write costs
    /// half.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "less than the number of hints")]
    pub(crate) const fn of(&self, cpu: usize) -> &Hint {
        &self.0[cpu % PAIRS * 2 + cpu / PAIRS % 2]
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

    /// The path of the hint, if `addr` lies within the bounds that the map had then.
    #[inline]
    pub(super) fn path(&self, addr: usize) -> Option<Path> {
        // One comparison: whether an address lies behind a start is anybody's guess, and a branch on it would guess.
        let offset = addr.wrapping_sub(self.start.load(Relaxed));
        let is_near = offset <= self.span.load(Relaxed);
        is_near.then(|| Path::from_bits(self.path.load(Relaxed)))
    }

    /// Tells the hint that it was right. It is written only if that changes it, so hits share the line.
    #[inline]
    pub(super) fn hit(&self) {
        if self.trust.load(Relaxed) != TRUST {
            self.trust.store(TRUST, Relaxed);
        }
    }

    /// Tells the hint that it was wrong for `addr`. Answers whether the caller sets it to the path of `addr` instead.
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

    /// Sets the hint to the map at `area` and the path to it. The three stores are not one: a mixture is only a bad
    /// guess.
    pub(super) fn set(&self, area: MemoryArea, path: Path) {
        self.start.store(area.start().get(), Relaxed);
        self.span.store(area.size() - 1, Relaxed);
        self.path.store(path.bits(), Relaxed);
    }
}
