//! Replacing the frame of a page, while other CPUs use it.

use core::error::Error;
use core::fmt;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::map::retired_leaf;
use super::one_page::New;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::find::{entry, is_run};
use crate::backend::radix::walk::table::word;
use crate::backend::run::{Entry, Run};
use crate::error::MapError;
use crate::frame::{FRAME_SIZE, Frame};
use crate::permissions::Permissions;
use crate::platform::Platform;

/// A frame that was not taken, and why: it was refused, or another CPU was first.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the frame is leaked unless it is given back"]
pub struct Lost {
    frame: Frame,
    reason: Result<Entry, MapError>,
}

impl Lost {
    pub(crate) const fn refused(frame: Frame, error: MapError) -> Self {
        Self {
            frame,
            reason: Err(error),
        }
    }

    pub(crate) const fn raced(frame: Frame, found: Entry) -> Self {
        Self {
            frame,
            reason: Ok(found),
        }
    }

    /// What is there instead, when another CPU was first.
    #[must_use]
    pub fn found(&self) -> Option<Entry> {
        self.reason.ok()
    }

    /// Why it was refused, when nobody else was first.
    #[must_use]
    pub fn error(&self) -> Option<MapError> {
        self.reason.err()
    }

    /// The frame, as it was given.
    pub fn into_frame(self) -> Frame {
        self.frame
    }
}

/// A frame that is no longer the page table's own, and no longer reached through the page that it was at.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the frame is leaked unless it is given back"]
pub struct Replaced {
    /// The frame.
    pub frame: Frame,
    /// Whether it may have been written through that page: of use to
    /// [`release`](crate::FrameAllocator::release).
    pub dirty: bool,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Ok(_) => f.write_str("the page was changed meanwhile"),
            Err(error) => error.fmt(f),
        }
    }
}

impl Error for Lost {}

/// A leaf that is broken until it is flushed. It is put back if that is left by a panic: nobody else would make another
/// of it.
struct Broken<'a> {
    word: &'a AtomicU64,
    leaf: u64,
}

impl Drop for Broken<'_> {
    fn drop(&mut self) {
        self.word.store(self.leaf, Release);
    }
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Maps the page that `old` is to `frame` instead, which becomes the page table's own, if the page is still as
    /// `old` says: what [`entry`](crate::backend::PageTableBackend::entry) answered, accessed and dirty bits aside.
    /// Flushes that page, waits, and answers the old frame, if it was the page table's own: nobody reaches it any more
    /// through this page. Many CPUs may do so at once. O(levels), and one flush.
    ///
    /// # Errors
    /// The frame comes back, and the page is as it was: with what is there, when that is not `old` (or [`Entry::Busy`],
    /// while another CPU is at it); with [`MapError::NotMapped`] when `old` is no single page; with
    /// [`MapError::ForeignFrame`] when the frame is another allocator's; with what
    /// [`check_edit`](crate::backend::check_edit) refuses.
    pub fn exchange(
        &self,
        old: Run,
        frame: Frame,
        attributes: Attributes,
        asid: Asid,
    ) -> Result<Option<Replaced>, Lost> {
        let page = old.area.start();
        let own = self.check_frame(&frame);
        let checked = self.check_page(page, frame.addr(), attributes);
        let whole = if old.area.size() == FRAME_SIZE {
            Ok(())
        } else {
            Err(MapError::NotMapped { hole: old.area })
        };
        if let Err(error) = own.and(checked).and(whole) {
            return Err(Lost::refused(frame, error));
        }
        let Some(word) = self.find_page(page) else {
            return Err(Lost::raced(frame, self.find_entry(page)));
        };
        self.tell_code(frame.addr(), attributes);
        self.mark_owned(page);
        let new = F::leaf(frame.addr(), attributes, 0) | self.common_bits() | F::OWNED;
        match self.swap_leaf(word, old, new, asid) {
            Ok(before) => {
                let _ = frame.into_addr();
                let was_owned = before & F::OWNED != 0;
                Ok(was_owned.then(|| Replaced {
                    frame: self.take_frame(F::addr(before)),
                    dirty: before & F::DIRTY != 0,
                }))
            }
            Err(found) => Err(Lost::raced(frame, entry::<F>(found, page, 0))),
        }
    }

    /// Puts `new` in the place of the leaf that `old` is, makes every CPU see it, and answers what was there; or what
    /// is there instead.
    fn swap_leaf(&self, word: &AtomicU64, old: Run, new: u64, asid: Asid) -> Result<u64, u64> {
        let breaks = |leaf| F::BREAK_BEFORE_MAKE && leaf & F::VALID != 0;
        // The MMU may set bits of the old leaf until another word is there: it is tried again then.
        let before = word.fetch_update(AcqRel, Acquire, |found| {
            let next = if breaks(found) {
                retired_leaf::<F>(found)
            } else {
                new
            };
            is_run::<F>(found, old).then_some(next)
        })?;
        if breaks(before) {
            let leaf = before;
            let broken = Broken { word, leaf };
            self.flush_leaves(old.area, asid);
            core::mem::forget(broken);
            // It is still what we have made of it: nobody takes that for a leaf, or for nothing.
            word.store(new, Release);
        } else if before & F::VALID != 0 {
            // What was hidden was in no TLB.
            self.flush_leaves(old.area, asid);
        }
        if new & F::VALID != 0 && (breaks(before) || before & F::VALID == 0) {
            self.made_valid(old.area, New::Leaves);
        }
        Ok(before)
    }

    fn tell_code(&self, first: PhysAddr, attributes: Attributes) {
        if attributes.permissions.contains(Permissions::EXECUTE) {
            let frames = MemoryArea::from_start_size(first, FRAME_SIZE);
            frames
                .into_iter()
                .for_each(|frames| self.platform().made_code(frames));
        }
    }

    /// Says in every pointer on the way to `page` that there may be owned leaves below. Before the leaf is there: who
    /// takes the page table down later must look for it.
    fn mark_owned(&self, page: VirtAddr) {
        let mut table = self.root_table();
        for level in (1..F::LEVELS).rev() {
            let entry = word(table, page, level);
            let value = entry.load(Acquire);
            let Word::Table(child) = Word::read::<F>(value, level) else {
                return;
            };
            if value & F::OWNED == 0 {
                entry.fetch_or(F::OWNED, Relaxed);
            }
            table = self.table(child);
        }
    }
}
