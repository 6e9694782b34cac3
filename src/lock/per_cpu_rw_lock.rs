//! The lock: readers enter the slot of their CPU, the writer excludes the readers of all.

use core::fmt;

use super::cell::{UnsafeCell, exclusive};
use super::exclusion::Exclusion;
use super::guards::{ReadGuard, WriteGuard};
use super::line::Line;
use super::slot::Slot;
use crate::sync::{const_fn, each, spin_loop};

/// A reader-writer lock whose readers write to cache lines of their own CPU alone: for spaces in which many CPUs fault.
///
/// | | cost |
/// |---|---|
/// | a reader | O(1): two atomic steps on its CPU's line, as many as CPUs look |
/// | a writer | O(CPUS): three steps on the line of each CPU, and what it waits |
/// | the lock | 128 bytes for each CPU and 128 for writers; the value with `relax`, rounded up to a multiple of 128 |
///
/// # Who waits for whom
///
/// - A writer waits for the writers that came before it, and for the readers that were in when its turn came.
/// - A reader waits for one writer at most: the one that it finds. It is in before the next.
///
/// So nobody waits for ever, if holders let go. The lock is phase-fair; it knows no priorities.
///
/// # While a CPU waits
///
/// It calls `relax`, again and again. With interrupts off, as under many locks of a kernel, that is where it must serve
/// what others wait for: above all the shootdown of the very holder that it waits for. The guide's page on flushing has
/// more of that. The lock asks nothing of interrupts, and is the same with them on or off.
///
/// `relax` does not take this lock: nobody serves it while it waits for itself. If it unwinds, the CPU no longer waits,
/// and nothing is held. A writer in line for its turn then first waits for that, without `relax`.
///
/// # A reader that reads again
///
/// A CPU that holds the lock must not wait for it. With a writer in between, the second reader waits for the writer,
/// and the writer for the first reader: a deadlock. So pass the `&T` of the guard on, instead of locking again.
///
/// An interrupt or a trap may come while the code below it holds the lock, or waits for it. Its handler has three ways:
/// - It cannot come: interrupts are off while the lock is held, and [`read`](Self::read) is called with them off.
/// - It asks [`try_read`](Self::try_read), which never waits, and puts its work off when that answers `None`.
/// - It knows that the code below it has a guard, by a word that the kernel keeps for each CPU, and uses what that
///   guard leads to. This is how a fault that the kernel takes under its own guard can be resolved.
///
/// A fault that comes from user mode interrupts no holder, and reads.
///
/// # The number of the CPU
///
/// It says which slot a reader takes, from 0 on; a larger number than `CPUS` takes that of a smaller. Two CPUs in one
/// slot, or a number that was another CPU's, cost time and nothing else. So a guard may be dropped on another CPU.
///
/// # Examples
///
/// [The module](crate::lock) has one around a space.
///
/// ```
/// use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
/// use kernel_vm::lock::PerCpuRwLock;
///
/// static SERVED: AtomicUsize = AtomicUsize::new(0);
///
/// fn serve_shootdowns() {
///     SERVED.fetch_add(1, Relaxed); // your kernel's own look at what was asked of this CPU
///     core::hint::spin_loop();
/// }
///
/// static LOCK: PerCpuRwLock<u32, 4> = PerCpuRwLock::with_relax(7, serve_shootdowns);
///
/// let reader = LOCK.read(0);
/// assert_eq!(*reader, 7);
/// drop(reader);
/// *LOCK.write() += 1;
/// assert_eq!(*LOCK.read(1), 8);
/// assert_eq!(SERVED.load(Relaxed), 0); // nobody had to wait
/// ```
pub struct PerCpuRwLock<T, const CPUS: usize, R = fn()> {
    slots: [Slot; CPUS],
    line: Line,
    relax: R,
    cell: UnsafeCell<T>,
}

#[expect(unsafe_code, reason = "the lock's promise")]
// SAFETY: many CPUs may have a `&T` at once, and one a `&mut T` from which it may take the value; `relax` is called by
// reference on all of them.
unsafe impl<T: Send + Sync, const CPUS: usize, R: Sync> Sync for PerCpuRwLock<T, CPUS, R> {}

impl<T, const CPUS: usize> PerCpuRwLock<T, CPUS> {
    const_fn! {
        /// A lock around `value`, in which a CPU that waits does nothing else. It does not compile for 0 CPUs.
        ///
        /// ```
        /// use kernel_vm::lock::PerCpuRwLock;
        ///
        /// static LOCK: PerCpuRwLock<u32, 4> = PerCpuRwLock::new(7);
        /// assert_eq!(*LOCK.read(3), 7);
        /// ```
        #[must_use]
        pub fn new(value: T) -> Self {
            Self::with_relax(value, spin_loop)
        }
    }
}

impl<T, const CPUS: usize, R> PerCpuRwLock<T, CPUS, R> {
    const_fn! {
        /// A lock around `value`, in which a CPU that waits calls `relax` at each turn. It does not compile for 0 CPUs.
        ///
        /// ```
        /// use kernel_vm::lock::PerCpuRwLock;
        ///
        /// let serve = || std::thread::yield_now();
        /// let lock = PerCpuRwLock::<_, 4, _>::with_relax(7, serve);
        /// assert_eq!(*lock.read(3), 7);
        /// ```
        #[must_use]
        pub fn with_relax(value: T, relax: R) -> Self {
            const { assert!(CPUS > 0, "a lock has a slot at least") };
            Self {
                slots: each!(Slot::new(); CPUS),
                line: Line::new(),
                relax,
                cell: UnsafeCell::new(value),
            }
        }
    }

    /// The value, without a lock: nobody else can have one. O(1).
    ///
    /// ```
    /// use kernel_vm::lock::PerCpuRwLock;
    ///
    /// let mut lock = PerCpuRwLock::<_, 4>::new(7);
    /// *lock.get_mut() = 8;
    /// assert_eq!(lock.into_inner(), 8);
    /// ```
    #[must_use]
    pub fn get_mut(&mut self) -> &mut T {
        exclusive(&mut self.cell)
    }

    /// The value, out of its lock. O(1). The example of [`get_mut`](Self::get_mut) has it.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.cell.into_inner()
    }

    /// Lets the CPU with this number read if it need not wait: `None` if a writer is there, or waits for readers. O(1).
    ///
    /// For code that may have interrupted a holder. Readers of the same slot who come at the same moment repeat one
    /// step.
    ///
    /// ```
    /// use kernel_vm::lock::PerCpuRwLock;
    ///
    /// let lock = PerCpuRwLock::<_, 4>::new(7);
    /// let writer = lock.write();
    /// assert!(lock.try_read(0).is_none());
    /// drop(writer);
    /// assert!(lock.try_read(0).is_some());
    /// ```
    #[inline]
    pub fn try_read(&self, cpu: usize) -> Option<ReadGuard<'_, T>> {
        let entered = Slot::of(&self.slots, cpu).try_read()?;
        Some(ReadGuard::new(&self.cell, entered))
    }

    /// Lets the caller write if it need not wait: `None` if there is a reader or a writer, or one comes at the same
    /// moment. O(CPUS).
    ///
    /// ```
    /// use kernel_vm::lock::PerCpuRwLock;
    ///
    /// let lock = PerCpuRwLock::<_, 4>::new(7);
    /// let reader = lock.read(0);
    /// assert!(lock.try_write().is_none());
    /// drop(reader);
    /// assert!(lock.try_write().is_some());
    /// ```
    pub fn try_write(&self) -> Option<WriteGuard<'_, T>> {
        // Readers are not even kept out for a moment, unless they come just now.
        if !self.slots.iter().all(Slot::is_empty) {
            return None;
        }
        let turn = self.line.try_turn()?;
        let exclusion = Exclusion::announce(&self.slots, turn).try_wait()?;
        Some(WriteGuard::new(&self.cell, exclusion))
    }
}

impl<T, const CPUS: usize, R: Fn()> PerCpuRwLock<T, CPUS, R> {
    /// Lets the CPU with this number read. It waits if it finds a writer, and for no other. O(1) besides.
    ///
    /// ```
    /// use kernel_vm::lock::PerCpuRwLock;
    ///
    /// let lock = PerCpuRwLock::<_, 4>::new(7);
    /// let (one, other) = (lock.read(0), lock.read(1));
    /// assert_eq!(*one + *other, 14);
    /// ```
    #[inline]
    pub fn read(&self, cpu: usize) -> ReadGuard<'_, T> {
        let entered = Slot::of(&self.slots, cpu).read(&self.relax);
        ReadGuard::new(&self.cell, entered)
    }

    /// Lets the caller write. It waits for the writers before it, and for the readers that are in. O(CPUS) besides.
    ///
    /// ```
    /// use kernel_vm::lock::PerCpuRwLock;
    ///
    /// let lock = PerCpuRwLock::<_, 4>::new(7);
    /// *lock.write() = 8;
    /// assert_eq!(*lock.read(0), 8);
    /// ```
    pub fn write(&self) -> WriteGuard<'_, T> {
        let turn = self.line.stand_in(&self.relax);
        let exclusion = Exclusion::announce(&self.slots, turn).wait(&self.relax);
        WriteGuard::new(&self.cell, exclusion)
    }
}

/// Shows the value, unless a writer has it.
impl<T: fmt::Debug, const CPUS: usize, R> fmt::Debug for PerCpuRwLock<T, CPUS, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PerCpuRwLock");
        shown.field("cpus", &CPUS);
        match self.try_read(0) {
            Some(value) => shown.field("value", &*value).finish(),
            None => shown.finish_non_exhaustive(),
        }
    }
}
