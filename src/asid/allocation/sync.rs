//! Atomics and a lock: those of `core` and `spin`, or loom's where that checks every way in which CPUs can meet.
//!
//! No other file of the ASIDs tells loom's build from others. loom makes its atomics at run time, so whoever makes
//! atomics is a `const fn` in other builds only: [`const_fn`] writes such a function once for both.

pub(super) use plain::{AtomicU64, Mutex, Ordering, const_fn, fence, lines};

/// A word on a cache line of its own, so that CPUs which write neighbours do not wait for each other.
#[repr(align(64))]
pub(super) struct Line(pub(super) AtomicU64);

#[cfg(not(loom))]
mod plain {
    pub(crate) use core::sync::atomic::{AtomicU64, Ordering, fence};
    pub(crate) use spin::Mutex;

    use super::Line;

    /// `N` words that hold 0.
    pub(crate) const fn lines<const N: usize>() -> [Line; N] {
        [const { Line(AtomicU64::new(0)) }; N]
    }

    /// The function as it stands, made `const`.
    macro_rules! const_fn {
        ($(#[$attribute:meta])* $visibility:vis fn $($rest:tt)*) => {
            $(#[$attribute])* $visibility const fn $($rest)*
        };
    }
    pub(crate) use const_fn;
}

#[cfg(loom)]
mod plain {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};

    use super::Line;

    /// `N` words that hold 0.
    pub(crate) fn lines<const N: usize>() -> [Line; N] {
        core::array::from_fn(|_| Line(AtomicU64::new(0)))
    }

    /// The function as it stands.
    macro_rules! const_fn {
        ($($function:tt)*) => { $($function)* };
    }
    pub(crate) use const_fn;

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
