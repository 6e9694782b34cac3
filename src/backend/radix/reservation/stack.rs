//! Setting frames aside, taking tables from them, and giving the rest back.

use core::sync::atomic::Ordering::Relaxed;

use super::reserved::{LAST, Reserved};
use crate::addr::PhysAddr;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::{NewTable, Radix};
use crate::error::MapError;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// Sets `needed` frames aside in `reserved`, which is empty, or none. O(needed).
    ///
    /// `reserved` is no answer: a caller that copied it would have to wait for words that were just written.
    ///
    /// # Errors
    /// [`MapError::OutOfFrames`], [`MapError::ForeignFrame`]: all frames are back with the allocator.
    pub(in crate::backend::radix) fn set_aside(
        &self,
        needed: usize,
        reserved: &mut Reserved,
    ) -> Result<(), MapError> {
        for _ in 0..needed {
            match self.alloc_table(needed) {
                Ok(NewTable(frame)) => self.push(reserved, frame),
                Err(error) => {
                    self.give_back(core::mem::take(reserved));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Gives all frames of `reserved` back. O(frames).
    pub(in crate::backend::radix) fn give_back(&self, mut reserved: Reserved) {
        while let Some(frame) = self.pop(&mut reserved) {
            self.release_table(frame);
        }
    }

    /// A table from `reserved`, with junk in it; `None` when no frame is left. O(1).
    pub(in crate::backend::radix) fn take_table(
        &self,
        reserved: &mut Reserved,
    ) -> Option<NewTable> {
        self.pop(reserved).map(NewTable)
    }

    /// Puts a table that was never published, and all tables below it, back in `reserved`. O(entries).
    pub(in crate::backend::radix) fn put_back(
        &self,
        at: PhysAddr,
        level: usize,
        reserved: &mut Reserved,
    ) {
        if let Some(below) = level.checked_sub(1) {
            for word in self.table(at) {
                if let Word::Table(child) = Word::read::<F>(word.load(Relaxed), level) {
                    self.put_back(child, below, reserved);
                }
            }
        }
        self.push(reserved, at);
    }

    /// Puts the frame at `at` on the stack. Its first word becomes the link.
    #[inline]
    fn push(&self, reserved: &mut Reserved, at: PhysAddr) {
        let [link, ..] = self.table(at);
        link.store(reserved.top, Relaxed);
        *reserved = Reserved {
            top: at.get(),
            allocator: self.allocator(),
            root: self.root_addr(),
        };
    }

    /// Takes the top frame off the stack. Frames that were reserved for another page table stay where they are: they
    /// may be another allocator's.
    #[inline]
    fn pop(&self, reserved: &mut Reserved) -> Option<PhysAddr> {
        let is_own = reserved.root == self.root_addr() && reserved.allocator == self.allocator();
        if reserved.top == LAST || !is_own {
            return None;
        }
        let at = PhysAddr::new(reserved.top);
        let [link, ..] = self.table(at);
        reserved.top = link.load(Relaxed);
        Some(at)
    }
}
