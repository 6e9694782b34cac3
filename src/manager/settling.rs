//! Who settles the deferred verbs of a space: one CPU at a time has the claim.
//!
//! ```text
//!             deferred verb             claim                  done
//!  ┌─────────┐ ──────────► ┌─────────┐ ──────► ┌─────────┐ ──────────► ┌─────────┐
//!  │ nothing │             │ waiting │         │ claimed │             │ settled │
//!  └─────────┘             └─────────┘ ◄────── └─────────┘             └─────────┘
//!       ▲                       │       a panic                             │
//!       └───────────────────────┴───────────────────────────────────────────┘
//!                       a verb that settles first
//! ```
//!
//! A claim is made and ends under `&self`; all other steps are under `&mut self`, when there is no claim.
//!
//! The claim spares flushes, and memory is safe without it. `populate` and `prefault` want tables that wait, and cannot
//! ask again: beside a claim they settle, too. That each frame goes back once is the page table's own doing, by a
//! compare-and-swap for each word.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::place::Place;

const NOTHING: u64 = 0;
const WAITING: u64 = 1;
const CLAIMED: u64 = 2;
const SETTLED: u64 = 3;

/// What has become of the deferred verbs of a space, as [`settle`] answers it.
///
/// [`settle`]: crate::VirtualMemoryManager::settle
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "while another CPU settles, entries wait still"]
pub enum Settled {
    /// Nothing waits any more: every CPU has forgotten, and frames and tables have gone back.
    Done,
    /// Another CPU is settling. Whoever needs it done asks again.
    Busy,
}

/// Where the settling of a space is. The word is any [`Place`], so that loom checks what is shipped.
pub(super) struct Settling<W = AtomicU64>(W);

/// The right to settle. Unless it ends by [`done`](Self::done), everything waits as before.
pub(super) struct Claim<'a, W: Place>(&'a W);

impl Settling {
    /// Nothing waits.
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(NOTHING))
    }
}

#[cfg(all(test, loom))]
impl<W: Place> Settling<W> {
    /// Nothing waits: this word, which is 0, will say so.
    pub(super) fn over(word: W) -> Self {
        Self(word)
    }
}

impl<W: Place> Settling<W> {
    /// Whether a flush is due that has not returned yet. O(1).
    #[inline]
    pub(super) fn is_due(&self) -> bool {
        matches!(self.0.load(Acquire), WAITING | CLAIMED)
    }

    /// Whether there is anything to be settled, or to be forgotten. O(1).
    #[inline]
    pub(super) fn is_any(&self) -> bool {
        self.0.load(Relaxed) != NOTHING
    }

    /// Notes that something waits.
    pub(super) fn wait(&mut self) {
        self.0.store(WAITING, Relaxed);
    }

    /// Notes that nothing waits.
    pub(super) fn clear(&mut self) {
        self.0.store(NOTHING, Relaxed);
    }

    /// Claims the settling. O(1).
    ///
    /// # Errors
    /// What there is to say without: nothing waits, or another CPU has the claim.
    pub(super) fn claim(&self) -> Result<Claim<'_, W>, Settled> {
        match self.0.compare_exchange(WAITING, CLAIMED, Acquire, Acquire) {
            Ok(_) => Ok(Claim(&self.0)),
            Err(CLAIMED) => Err(Settled::Busy),
            Err(_) => Err(Settled::Done),
        }
    }
}

impl<W: Place> Claim<'_, W> {
    /// Ends the claim: all is settled. Release: whoever finds it so finds every CPU flushed.
    pub(super) fn done(self) {
        self.0.store(SETTLED, Release);
        core::mem::forget(self);
    }
}

impl<W: Place> Drop for Claim<'_, W> {
    fn drop(&mut self) {
        self.0.store(WAITING, Release);
    }
}
