//! The cell that the lock guards: `core`'s, or loom's, which sees who reaches it at once.

#[cfg(loom)]
pub(super) use checked::exclusive;
#[cfg(loom)]
pub(super) use loom::cell::{ConstPtr, MutPtr, UnsafeCell};
#[cfg(not(loom))]
pub(super) use plain::{ConstPtr, MutPtr, UnsafeCell, exclusive};

#[cfg(not(loom))]
mod plain {
    /// `core`'s cell with the methods of loom's.
    pub(in crate::lock) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

    /// A pointer to what is in a cell, to read it.
    pub(in crate::lock) struct ConstPtr<T>(*const T);

    /// A pointer to what is in a cell, to change it.
    pub(in crate::lock) struct MutPtr<T>(*mut T);

    impl<T> UnsafeCell<T> {
        pub(in crate::lock) const fn new(value: T) -> Self {
            Self(core::cell::UnsafeCell::new(value))
        }

        #[inline]
        pub(in crate::lock) const fn get(&self) -> ConstPtr<T> {
            ConstPtr(self.0.get())
        }

        #[inline]
        pub(in crate::lock) const fn get_mut(&self) -> MutPtr<T> {
            MutPtr(self.0.get())
        }

        pub(in crate::lock) fn into_inner(self) -> T {
            self.0.into_inner()
        }
    }

    /// What is in a cell that nobody else has.
    pub(in crate::lock) const fn exclusive<T>(cell: &mut UnsafeCell<T>) -> &mut T {
        cell.0.get_mut()
    }

    #[expect(unsafe_code, reason = "a cell that the lock guards")]
    impl<T> ConstPtr<T> {
        /// # Safety
        /// The cell is there, and nobody changes what is in it while the reference lives.
        #[inline]
        pub(in crate::lock) const unsafe fn deref(&self) -> &T {
            // SAFETY: the caller's promise is the one that is asked for.
            unsafe { &*self.0 }
        }
    }

    #[expect(unsafe_code, reason = "a cell that the lock guards")]
    impl<T> MutPtr<T> {
        /// # Safety
        /// The cell is there, and nobody else has a reference to what is in it while this one lives.
        #[inline]
        #[expect(
            clippy::mut_from_ref,
            reason = "as loom has it; the caller answers for it"
        )]
        pub(in crate::lock) const unsafe fn deref(&self) -> &mut T {
            // SAFETY: the caller's promise is the one that is asked for.
            unsafe { &mut *self.0 }
        }
    }
}

#[cfg(loom)]
mod checked {
    use loom::cell::UnsafeCell;

    /// What is in a cell that nobody else has.
    #[expect(unsafe_code, reason = "loom's cell has no safe way")]
    pub(in crate::lock) fn exclusive<T>(cell: &mut UnsafeCell<T>) -> &mut T {
        // SAFETY: the cell is borrowed mutably, for as long as the answer lives.
        cell.with_mut(|value| unsafe { &mut *value })
    }
}
