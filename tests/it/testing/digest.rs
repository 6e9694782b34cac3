//! What a suite asks of its subject, as one number: a change of that is to be meant.

use std::cell::Cell;
use std::fmt::Arguments;
use std::rc::Rc;

/// All calls so far, as one number. Clones share it.
#[derive(Clone)]
pub(super) struct Digest(Rc<Cell<u64>>);

impl Digest {
    pub(super) fn new() -> Self {
        Self(Rc::new(Cell::new(0xcbf2_9ce4_8422_2325)))
    }

    /// Adds a call (FNV-1a).
    pub(super) fn add(&self, call: Arguments<'_>) {
        let fold = |sum: u64, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        let sum = format!("{call};").bytes().fold(self.0.get(), fold);
        self.0.set(sum);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.get()
    }
}
