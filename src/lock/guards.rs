//! What a lock hands out: references that end with their guards.

use core::fmt;
use core::ops::{Deref, DerefMut};

use super::cell::{ConstPtr, MutPtr, UnsafeCell};
use super::exclusion::Exclusion;
use super::slot::Entered;

/// A reader's hold of a [`PerCpuRwLock`](super::PerCpuRwLock). It ends when this is dropped: on any CPU, and by
/// unwinding, too.
#[must_use = "the lock is given back at once"]
pub struct ReadGuard<'a, T> {
    /// Dropped before the lock is given back.
    value: ConstPtr<T>,
    _entered: Entered<'a>,
}

/// The writer's hold of a [`PerCpuRwLock`](super::PerCpuRwLock). It ends when this is dropped: on any CPU, and by
/// unwinding, too.
///
/// After a panic under it, the next holder finds the value as it was left. A space is sound then.
#[must_use = "the lock is given back at once"]
pub struct WriteGuard<'a, T> {
    /// Dropped before the lock is given back.
    value: MutPtr<T>,
    exclusion: Exclusion<'a>,
    cell: &'a UnsafeCell<T>,
}

#[expect(unsafe_code, reason = "a guard is a reference")]
// SAFETY: it is a `&T` and a place in a slot, which are atomic words that any CPU may change.
unsafe impl<T: Sync> Send for ReadGuard<'_, T> {}

#[expect(unsafe_code, reason = "a guard is a reference")]
// SAFETY: a reference to it is one to a `&T`.
unsafe impl<T: Sync> Sync for ReadGuard<'_, T> {}

#[expect(unsafe_code, reason = "a guard is a reference")]
// SAFETY: it is a `&mut T`, from which `downgrade` may make a `&T`, and a place in atomic words that any CPU may
// change.
unsafe impl<T: Send + Sync> Send for WriteGuard<'_, T> {}

#[expect(unsafe_code, reason = "a guard is a reference")]
// SAFETY: a reference to it gives out a `&T` and nothing else.
unsafe impl<T: Sync> Sync for WriteGuard<'_, T> {}

impl<'a, T> ReadGuard<'a, T> {
    /// Of a cell whose lock was entered.
    #[inline]
    pub(super) fn new(cell: &'a UnsafeCell<T>, entered: Entered<'a>) -> Self {
        Self {
            value: cell.get(),
            _entered: entered,
        }
    }
}

impl<'a, T> WriteGuard<'a, T> {
    /// Of a cell whose lock has no reader any more.
    pub(super) fn new(cell: &'a UnsafeCell<T>, exclusion: Exclusion<'a>) -> Self {
        Self {
            value: cell.get_mut(),
            exclusion,
            cell,
        }
    }

    /// Makes the writer a reader on the CPU with this number. No other writer has the lock in between, and readers come
    /// in at once. O(CPUS), and waits for nobody.
    ///
    /// ```
    /// use kernel_vm::lock::PerCpuRwLock;
    ///
    /// let lock = PerCpuRwLock::<_, 4>::new(1);
    /// let mut writer = lock.write();
    /// *writer = 2;
    /// let reader = writer.downgrade(0);
    /// assert!(lock.try_write().is_none());
    /// assert_eq!((*reader, *lock.read(1)), (2, 2));
    /// ```
    pub fn downgrade(self, cpu: usize) -> ReadGuard<'a, T> {
        let Self {
            value,
            exclusion,
            cell,
        } = self;
        {
            // Its last use, while it is still the only one.
            let _ended = value;
        }
        ReadGuard::new(cell, exclusion.join(cpu))
    }
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    #[inline]
    #[expect(unsafe_code, reason = "the lock's promise")]
    fn deref(&self) -> &T {
        // SAFETY: the lock that holds the cell is borrowed. A writer would have had to wait for this reader, which is
        // in for as long as the guard is there.
        unsafe { self.value.deref() }
    }
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    #[inline]
    #[expect(unsafe_code, reason = "the lock's promise")]
    fn deref(&self) -> &T {
        // SAFETY: the lock that holds the cell is borrowed. The exclusion keeps all others out for as long as the guard
        // is there, and the guard is borrowed: nobody has a mutable reference.
        unsafe { self.value.deref() }
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    #[inline]
    #[expect(unsafe_code, reason = "the lock's promise")]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `deref`; and the guard is borrowed mutably, so it has handed out no other reference.
        unsafe { self.value.deref() }
    }
}

impl<T: fmt::Debug> fmt::Debug for ReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Debug> fmt::Debug for WriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
