//! The word in which a space keeps its ASID.

use super::context::Context;
use crate::asid::number::Asid;
use crate::sync::{AtomicU64, Ordering, const_fn, fence};

/// The ASID of one space, as it changes from rollover to rollover. It stands beside the kernel's lock around the space,
/// not under it: a context switch reads it, and never touches the manager.
///
/// A slot belongs to one space and one [`AsidAllocator`](super::AsidAllocator) for good. A space that goes tells
/// nobody: its number is handed out again only after a rollover.
#[derive(Debug)]
pub struct AsidSlot {
    context: AtomicU64,
}

impl AsidSlot {
    const_fn! {
        /// A slot without an ASID: the first switch gives it one. O(1).
        ///
        /// ```
        /// use kernel_vm::{AsidAllocator, AsidSlot};
        ///
        /// static ASIDS: AsidAllocator<4> = AsidAllocator::new(16);
        ///
        /// let slot = AsidSlot::new();
        /// let first = ASIDS.cpu(0).map(|cpu| cpu.switch(&slot).asid);
        /// assert_eq!(first, Some(slot.asid()));
        /// ```
        #[must_use]
        pub fn new() -> Self {
            Self {
                context: AtomicU64::new(Context::NONE.bits()),
            }
        }
    }

    /// The ASID under which CPUs may have cached this space's translations, for the one who flushes them; 0 while there
    /// is none.
    ///
    /// To be asked after the entries were stored and before the CPU mask is read (see
    /// [`AsidAllocator`](super::AsidAllocator)). Translations that a CPU still has from a generation before are not
    /// used again, and need no fence.
    ///
    /// Begins with a full fence. O(1).
    #[must_use]
    pub fn asid(&self) -> Asid {
        fence(Ordering::SeqCst);
        self.load().asid()
    }

    pub(super) fn load(&self) -> Context {
        Context::from_bits(self.context.load(Ordering::Relaxed))
    }

    pub(super) fn store(&self, context: Context) {
        self.context.store(context.bits(), Ordering::Relaxed);
    }
}

impl Default for AsidSlot {
    fn default() -> Self {
        Self::new()
    }
}
