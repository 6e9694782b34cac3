//! A place in memory that several CPUs read and write at once: an entry of a table, or the count of a frame.
//!
//! What a CPU does to such a place in one step is written once, for any [`Place`]. It is shipped with `core`'s atomics;
//! loom's take their place where every way is checked in which CPUs can meet.

use core::sync::atomic::Ordering;

#[cfg_attr(
    not(target_pointer_width = "64"),
    expect(dead_code, reason = "there are no entries, only counts")
)]
/// A word of 64 bits, with those accesses of `core`'s atomic that the crate makes to a shared one.
pub(crate) trait Place {
    fn load(&self, order: Ordering) -> u64;

    fn store(&self, word: u64, order: Ordering);

    fn swap(&self, word: u64, order: Ordering) -> u64;

    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64>;

    fn fetch_and(&self, bits: u64, order: Ordering) -> u64;

    fn fetch_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        update: impl FnMut(u64) -> Option<u64>,
    ) -> Result<u64, u64>;
}

/// Makes an atomic word a place, by its methods of the same names.
macro_rules! place {
    ($atomic:ty) => {
        impl Place for $atomic {
            #[inline]
            fn load(&self, order: Ordering) -> u64 {
                self.load(order)
            }

            #[inline]
            fn store(&self, word: u64, order: Ordering) {
                self.store(word, order);
            }

            #[inline]
            fn swap(&self, word: u64, order: Ordering) -> u64 {
                self.swap(word, order)
            }

            #[inline]
            fn compare_exchange(
                &self,
                current: u64,
                new: u64,
                success: Ordering,
                failure: Ordering,
            ) -> Result<u64, u64> {
                self.compare_exchange(current, new, success, failure)
            }

            #[inline]
            fn fetch_and(&self, bits: u64, order: Ordering) -> u64 {
                self.fetch_and(bits, order)
            }

            #[inline]
            fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                update: impl FnMut(u64) -> Option<u64>,
            ) -> Result<u64, u64> {
                self.fetch_update(set, fetch, update)
            }
        }
    };
}

place!(core::sync::atomic::AtomicU64);
#[cfg(loom)]
place!(loom::sync::atomic::AtomicU64);
