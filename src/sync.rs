//! Atomics and a lock: those of `core` and `spin`, or loom's where that checks every way in which CPUs can meet.
//!
//! ASIDs and [`lock`](crate::lock) take theirs from here, and do not tell loom's build from others. loom makes its
//! atomics at run time, so whoever makes atomics is a `const fn` in other builds only: [`const_fn`] writes such a
//! function once for both, and [`each`] an array of what it makes.

#[cfg(target_has_atomic = "64")]
pub(crate) use plain::{AtomicU64, Mutex, fence, lines};
pub(crate) use plain::{AtomicUsize, Ordering, const_fn, each, spin_loop};

/// A word on a cache line of its own, so that CPUs which write neighbours do not wait for each other.
#[cfg(target_has_atomic = "64")]
#[repr(align(64))]
pub(crate) struct Line(pub(crate) AtomicU64);

#[cfg(not(loom))]
mod plain {
    pub(crate) use core::hint::spin_loop;
    #[cfg(target_has_atomic = "64")]
    pub(crate) use core::sync::atomic::{AtomicU64, fence};
    pub(crate) use core::sync::atomic::{AtomicUsize, Ordering};
    #[cfg(target_has_atomic = "64")]
    pub(crate) use spin::Mutex;

    #[cfg(target_has_atomic = "64")]
    use super::Line;

    /// `N` words that hold 0.
    #[cfg(target_has_atomic = "64")]
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

    /// An array, each element of which is made by the expression.
    macro_rules! each {
        ($element:expr; $count:expr) => {
            [const { $element }; $count]
        };
    }
    pub(crate) use each;
}

#[cfg(loom)]
mod plain {
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};

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

    /// An array, each element of which is made by the expression.
    macro_rules! each {
        ($element:expr; $count:expr) => {
            core::array::from_fn(|_| $element)
        };
    }
    pub(crate) use each;

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
