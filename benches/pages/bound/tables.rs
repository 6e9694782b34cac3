//! The tables, and the ways down.

use std::cell::Cell;
use std::marker::PhantomData;

use kernel_vm::{FrameAllocator, PhysAddr};

use super::super::Frames;
use super::super::words::Words;
use super::super::work::PAGE;

pub(super) const SLOTS: usize = 512;

pub(super) type Table = [Cell<u64>; SLOTS];

/// A tree of tables. Their words are plain memory.
pub(super) struct Tables<W: Words> {
    root: u64,
    words: PhantomData<fn() -> W>,
}

/// How many bytes a slot at `level` spans.
pub(super) const fn span(level: usize) -> usize {
    PAGE << (9 * level)
}

pub(super) const fn index(addr: usize, level: usize) -> usize {
    addr / span(level) % SLOTS
}

impl<W: Words> Tables<W> {
    pub(super) fn new() -> Self {
        Self {
            root: alloc(),
            words: PhantomData,
        }
    }

    #[inline]
    pub(super) fn root(&self) -> &Table {
        self.table(self.root)
    }

    /// The table at `at`.
    #[inline]
    #[expect(unsafe_code, reason = "a table is a frame of memory")]
    fn table(&self, at: u64) -> &Table {
        let words = Frames.reach(PhysAddr::new(at)).cast::<Table>();
        // SAFETY: `at` is the root, or comes from a pointer in a table, which `make` has written: a frame as large and
        // as aligned as a table, that goes back after its pointer was taken out, or with `self`. All bytes are words,
        // and nobody else touches them.
        unsafe { words.as_ref() }
    }

    /// The table that `word` points to; none if it is another word.
    #[inline]
    pub(super) fn below(&self, word: u64) -> Option<&Table> {
        W::is_table(word).then(|| self.table(W::child(word)))
    }

    /// The table at `level` that speaks of `addr`, if it is there.
    #[inline]
    pub(super) fn find(&self, addr: usize, level: usize) -> Option<&Table> {
        let mut table = self.root();
        for above in (level + 1..=W::TOP).rev() {
            table = self.below(table[index(addr, above)].get())?;
        }
        Some(table)
    }

    /// As [`find`](Self::find), and makes the tables that are not there. None if a leaf is in the way.
    pub(super) fn make(&self, addr: usize, level: usize) -> Option<&Table> {
        let mut table = self.root();
        for above in (level + 1..=W::TOP).rev() {
            let slot = &table[index(addr, above)];
            if slot.get() == 0 {
                slot.set(W::table(alloc()));
            }
            table = self.below(slot.get())?;
        }
        Some(table)
    }

    /// Takes the pointer in `slot` out, and gives the table back.
    #[expect(unsafe_code, reason = "a table is a frame of memory")]
    pub(super) fn release(&self, slot: &Cell<u64>) {
        let word = slot.replace(0);
        if W::is_table(word) {
            // SAFETY: `make` has put the frame there, and this was the one pointer to it.
            unsafe { Frames.release_addr(W::child(word)) };
        }
    }

    fn release_below(&self, table: &Table, level: usize) {
        for slot in table.iter().take(if level > 0 { SLOTS } else { 0 }) {
            if let Some(below) = self.below(slot.get()) {
                self.release_below(below, level - 1);
                self.release(slot);
            }
        }
    }
}

impl<W: Words> Drop for Tables<W> {
    #[expect(unsafe_code, reason = "a table is a frame of memory")]
    fn drop(&mut self) {
        self.release_below(self.root(), W::TOP);
        // SAFETY: `new` has put the frame there, and nobody uses it any more.
        unsafe { Frames.release_addr(self.root) };
    }
}

/// An empty table.
#[expect(unsafe_code, reason = "a table is a frame of memory")]
fn alloc() -> u64 {
    let at = Frames.alloc().expect("the arena is larger").into_addr();
    // SAFETY: the frame is ours, and of this size.
    unsafe { Frames.reach(at).write_bytes(0, PAGE) };
    at.get()
}
