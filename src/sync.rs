//! Atomics and a lock: those of `core` and `spin`, or loom's where that checks every way in which CPUs can meet.

#[cfg(not(loom))]
mod plain {
    pub(crate) use core::sync::atomic::{AtomicU64, Ordering, fence};
    pub(crate) use spin::Mutex;
}

#[cfg(loom)]
mod plain {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};

    /// loom's lock with the methods of spin's: nobody panics while holding it.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            match self.0.lock() {
                Ok(guard) => guard,
                Err(poisoned) => poisoned.into_inner(),
            }
        }
    }
}

pub(crate) use plain::{AtomicU64, Mutex, Ordering, fence};
