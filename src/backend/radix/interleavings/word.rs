//! A word that CPUs share, with every order of their accesses.
//!
//! loom asks whether an access could have come before an earlier one, and remembers the last alone: a CPU's own load
//! hides another CPU's load before it, and a store that follows is never tried before that. So each access here first
//! takes its turn, by a step that reads and writes a word of its own. Those come in every order, and order nothing
//! else.

use core::sync::atomic::Ordering;
use core::sync::atomic::Ordering::Relaxed;

use loom::sync::atomic::AtomicU64;

use crate::place::Place;

/// A word of loom's, and the turns of who reads or writes it.
#[derive(Debug)]
pub(super) struct Word {
    word: AtomicU64,
    turns: AtomicU64,
}

impl Word {
    pub(super) fn new(word: u64) -> Self {
        Self {
            word: AtomicU64::new(word),
            turns: AtomicU64::new(0),
        }
    }

    fn turn(&self) -> &AtomicU64 {
        self.turns.fetch_add(1, Relaxed);
        &self.word
    }
}

impl Place for Word {
    fn load(&self, order: Ordering) -> u64 {
        self.turn().load(order)
    }

    fn store(&self, word: u64, order: Ordering) {
        self.turn().store(word, order);
    }

    fn swap(&self, word: u64, order: Ordering) -> u64 {
        self.turn().swap(word, order)
    }

    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.turn().compare_exchange(current, new, success, failure)
    }

    fn fetch_and(&self, bits: u64, order: Ordering) -> u64 {
        self.turn().fetch_and(bits, order)
    }

    fn fetch_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        update: impl FnMut(u64) -> Option<u64>,
    ) -> Result<u64, u64> {
        self.turn().fetch_update(set, fetch, update)
    }
}
