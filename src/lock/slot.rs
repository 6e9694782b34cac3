//! The readers of one CPU, on cache lines that no other CPU's readers touch.
//!
//! A slot has two words. `arrivals` counts the readers that have come, and has the writer's phase in its other half:
//! odd from the announcement of a writer to its withdrawal. `departures` counts the readers that have gone.
//!
//! Readers and the writer meet in `arrivals` alone, each by one atomic step, so one of them comes first:
//! - A reader that comes before the announcement is in. The announcement answers how many have come, and the writer
//!   waits until as many have gone: those who come later cannot go, so nobody else is counted.
//! - A reader that comes behind the announcement sees an odd phase, and waits until the phase is another. By then it is
//!   in: the next writer, if it has announced itself already, has found it among those that came before.
//!
//! So a writer waits for the readers before it, and a reader for one writer. Nothing is stored here and then looked for
//! elsewhere, which is why no order needs to be [`SeqCst`](Ordering::SeqCst).

use crate::sync::{AtomicUsize, Ordering, const_fn};

/// One reader, as both words count them: in their upper halves, where an overflow is lost.
const READER: usize = 1 << (usize::BITS / 2);

/// The bits of the phase.
const PHASE: usize = READER - 1;

/// Odd phases are a writer's.
const IS_WRITER: usize = 1;

/// With how many readers a slot is full, in the upper half, so that their number never comes round: a quarter of what
/// it can count. It takes guards that are leaked to get there.
const FULL: isize = isize::MAX / 2;

/// Two cache lines, which CPUs fetch together.
#[repr(align(128))]
pub(super) struct Slot {
    arrivals: AtomicUsize,
    departures: AtomicUsize,
    /// The readers who came before the writer that is here, as `departures` counts them. It is the writer's own.
    earlier: AtomicUsize,
}

impl Slot {
    const_fn! {
        pub(super) fn new() -> Self {
            Self {
                arrivals: AtomicUsize::new(0),
                departures: AtomicUsize::new(0),
                earlier: AtomicUsize::new(0),
            }
        }
    }

    /// The slot of the CPU with this number.
    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "a remainder of the number of slots, of which a lock has one at least"
    )]
    pub(super) fn of(slots: &[Self], cpu: usize) -> &Self {
        &slots[cpu % slots.len()]
    }

    /// Lets a reader in, which calls `relax` for as long as it has to wait.
    #[inline]
    pub(super) fn read(&self, relax: &impl Fn()) -> Entered<'_> {
        // Acquire: what the writers before have written was there before their withdrawal, which this reads from, or
        // from steps of others that followed it.
        let arrivals = self.arrivals.fetch_add(READER, Ordering::Acquire);
        let arrival = Arrival {
            slot: self,
            phase: arrivals & PHASE,
        };
        if arrival.phase & IS_WRITER != 0 || self.is_full(arrivals) {
            arrival.wait(relax);
        }
        arrival.enter()
    }

    /// Lets a reader in if it need not wait.
    #[inline]
    pub(super) fn try_read(&self) -> Option<Entered<'_>> {
        let enter = |arrivals| {
            let is_open = arrivals & IS_WRITER == 0 && !self.is_full(arrivals);
            is_open.then(|| arrivals.wrapping_add(READER))
        };
        // Acquire: as for a reader that may wait.
        let entered = self
            .arrivals
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, enter);
        entered.ok().map(|_| Entered(self))
    }

    /// Whether so many arrivals are too many, less those that have departed. Who has come and gone since then makes it
    /// a smaller number, even a negative one, and is not in.
    #[inline]
    fn is_full(&self, arrivals: usize) -> bool {
        let inside = arrivals.wrapping_sub(self.departures.load(Ordering::Relaxed));
        inside as isize >= FULL
    }

    /// Lets no more readers in, for the only writer.
    pub(super) fn announce(&self) {
        let arrivals = self.next_phase(Ordering::Relaxed);
        self.earlier.store(arrivals & !PHASE, Ordering::Relaxed);
    }

    /// Whether all readers have gone that came before the writer announced itself.
    pub(super) fn is_left(&self) -> bool {
        // Acquire: what they have read comes before what the writer is about to write.
        let departures = self.departures.load(Ordering::Acquire);
        departures == self.earlier.load(Ordering::Relaxed)
    }

    /// Whether there was neither a reader nor a writer a moment ago.
    pub(super) fn is_empty(&self) -> bool {
        let departures = self.departures.load(Ordering::Acquire);
        let arrivals = self.arrivals.load(Ordering::Relaxed);
        arrivals & IS_WRITER == 0 && arrivals & !PHASE == departures
    }

    /// Lets readers in again, for the writer.
    pub(super) fn withdraw(&self) {
        // Release: readers see all that the writer has written.
        self.next_phase(Ordering::Release);
    }

    /// Makes the writer that is here a reader, which is in: others come in when it withdraws.
    pub(super) fn join(&self) -> Entered<'_> {
        // No order: it has written what it reads. The next writer finds it among the earlier readers, as it comes
        // later.
        self.arrivals.fetch_add(READER, Ordering::Relaxed);
        Entered(self)
    }

    /// The phase after this one, for the only writer. Answers the arrivals until now.
    fn next_phase(&self, order: Ordering) -> usize {
        // Nobody else changes the phase.
        let phase = self.arrivals.load(Ordering::Relaxed) & PHASE;
        let changed = (phase ^ phase.wrapping_add(1)) & PHASE;
        self.arrivals.fetch_xor(changed, order)
    }

    /// Whether a reader that has come in `phase` still has to wait: for the writer of that phase, or until the slot is
    /// less full.
    fn keeps_out(&self, phase: usize) -> bool {
        // Acquire: as for a reader that need not wait.
        let arrivals = self.arrivals.load(Ordering::Acquire);
        let is_written = phase & IS_WRITER != 0 && arrivals & PHASE == phase;
        is_written || self.is_full(arrivals.wrapping_sub(READER))
    }

    fn leave(&self) {
        // Release: what the reader has read comes before what the next writer writes.
        self.departures.fetch_add(READER, Ordering::Release);
    }

    /// Takes an arrival in `phase` back, whose writer is still there; answers whether it is.
    fn take_back(&self, phase: usize) -> bool {
        // No order: the reader has read nothing. The writer of the phase has not counted it, and there is no other.
        let without =
            |arrivals: usize| (arrivals & PHASE == phase).then(|| arrivals.wrapping_sub(READER));
        let taken = self
            .arrivals
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, without);
        taken.is_ok()
    }
}

/// A reader that is in, until it is dropped.
pub(super) struct Entered<'a>(&'a Slot);

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// A reader that may have to wait. Dropped, which is when `relax` unwinds, it goes without having been in.
struct Arrival<'a> {
    slot: &'a Slot,
    phase: usize,
}

impl<'a> Arrival<'a> {
    #[cold]
    fn wait(&self, relax: &impl Fn()) {
        while self.slot.keeps_out(self.phase) {
            relax();
        }
    }

    #[inline]
    fn enter(self) -> Entered<'a> {
        let slot = self.slot;
        core::mem::forget(self);
        Entered(slot)
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        let is_out = self.phase & IS_WRITER != 0 && self.slot.take_back(self.phase);
        if !is_out {
            self.slot.leave();
        }
    }
}
