//! A value that the first CPU makes while it is alone, for all to read without a lock.

use core::cell::OnceCell;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::{Acquire, Release};

pub struct Once<T> {
    is_set: AtomicBool,
    value: OnceCell<T>,
}

// SAFETY: `set` writes the value while no other CPU runs, as its caller promises; `get` reads it only behind that.
unsafe impl<T: Send + Sync> Sync for Once<T> {}

impl<T> Once<T> {
    pub const fn new() -> Self {
        Self {
            is_set: AtomicBool::new(false),
            value: OnceCell::new(),
        }
    }

    /// Gives it its value, if it has none.
    ///
    /// # Safety
    /// No other CPU runs yet.
    pub unsafe fn set(&self, value: T) {
        let _ = self.value.set(value);
        self.is_set.store(true, Release);
    }

    /// The value, once it is there.
    pub fn get(&self) -> Option<&T> {
        let is_set = self.is_set.load(Acquire);
        is_set.then(|| self.value.get()).flatten()
    }
}
