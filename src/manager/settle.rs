//! The second half of the deferred verbs.

use super::deferred::Deferred;
use super::settling::Settled;
use super::space::VirtualMemoryManager;
use crate::area::MemoryArea;
use crate::backend::{Entry, PageTableBackend};
use crate::flush::Retired;
use crate::map::Payload;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Settles the deferred verbs since the last settlement: one flush, a wait, and then frames and tables go back.
    ///
    /// Other CPUs go on meanwhile: this is `&self`. One CPU at a time has the claim to settle, and others who ask are
    /// told so. [`populate`](Self::populate) and [`prefault`](Self::prefault) cannot wait, and settle beside it. O(1)
    /// where nothing waits; else one flush and O(tables in the areas that wait + frames given back). Four areas are
    /// noted apart; of more, the nearest become one, with all that lies between them.
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::HostFrames, backend::sv39::Sv39, *};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let frames = HostFrames::new(16);
    /// let mut space = VirtualMemoryManager::<Sv39<_>>::new(Sv39::new(frames.clone())?);
    /// let heap = MemoryArea::from_start_size(VirtAddr::new(0x1_0000), 0x4000)?;
    /// let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// space.add_memory_map(VirtualMemoryMap::anonymous(heap, rw)?)?;
    /// space.prefault(heap)?;
    ///
    /// space.unmap_deferred(heap)?; // the kernel downgrades its lock here
    /// assert_eq!(frames.frames_in_use(), 7); // the root, two tables and four pages, which wait
    /// assert_eq!(space.settle(), Settled::Done);
    /// assert_eq!(frames.frames_in_use(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Where [`populate`](Self::populate) or [`prefault`](Self::prefault) has settled beside it, some frames may be on
    /// their way back still, by the hand of that CPU.
    ///
    /// Whoever settles is not to be interrupted for long: a fault at a page that waits is [`Answer::Spurious`] until
    /// the last frame is back. So preemption is off, and an interrupt's handler does not fault in this space.
    ///
    /// A hook that panics leaves the rest waiting, and the next call begins anew. The pieces that were cut out are
    /// dropped later: see [`unmap_deferred`](Self::unmap_deferred).
    ///
    /// [`Answer::Spurious`]: crate::Answer::Spurious
    pub fn settle(&self) -> Settled {
        match self.deferred.settling.claim() {
            Ok(claim) => {
                self.backend.settle(&self.deferred.told, self.asid);
                claim.done();
                Settled::Done
            }
            Err(settled) => settled,
        }
    }

    /// Settles for a verb that wants tables where some may wait, and cannot ask again: beside a CPU that is at it, too.
    /// O(1) where nothing waits.
    pub(super) fn settle_beside(&self) {
        let is_busy = self.deferred.settling.is_due() && self.settle() == Settled::Busy;
        if is_busy || self.unfinished.may_wait() {
            self.settle_all();
        }
    }

    /// Settles all that waits in the page table: beside a CPU that has the claim, and what a verb has left that a panic
    /// has ended, of which the space has no notes.
    fn settle_all(&self) {
        self.backend.settle(&self.deferred.told, self.asid);
    }

    /// Settles what deferred verbs have left at a page that has faulted, and answers its entry then; `None` while
    /// another CPU settles. O(1) where nothing waits there.
    ///
    /// A busy entry may be one that waits, with a table that the maps around it need. A frame must not be copied while
    /// a CPU may write it by a stale translation. But an empty entry in a map has nothing stale: a verb that empties an
    /// entry takes its map out, and whoever maps there again settles first.
    pub(super) fn settle_at(&self, page: MemoryArea, entry: Entry) -> Option<Entry> {
        let Deferred { settling, told, .. } = &self.deferred;
        let may_wait = settling.is_due()
            && match entry {
                Entry::Empty => false,
                Entry::Busy => true,
                Entry::Leaf(_) | Entry::Hidden(_) => told.concerns(page),
            };
        if may_wait {
            match self.settle() {
                Settled::Done => {}
                Settled::Busy => return None,
            }
        } else if entry == Entry::Busy && self.unfinished.may_wait() {
            self.settle_all();
        } else {
            return Some(entry);
        }
        Some(self.backend.entry(page.start()))
    }

    /// Begins a verb that lays out new maps, or flushes by itself: settles what deferred verbs have left, and drops the
    /// pieces that they have cut out. O(1) where there is nothing.
    #[inline]
    pub(super) fn settle_first(&mut self) {
        if self.deferred.settling.is_any() {
            self.settle_alone();
        }
    }

    /// Should the flush panic, all waits as before. The notes stay until it has returned: faults ask them.
    #[cold]
    fn settle_alone(&mut self) {
        if self.deferred.settling.is_due() {
            let mut told = Retired::new();
            told.absorb(&self.deferred.told);
            self.backend.retire(told, self.asid);
        }
        self.deferred.forget(&mut self.tree);
    }
}
