//! Forks as a plain kernel has them: one loop over all entries, which copies words and counts, and takes WRITE from
//! both.

use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

use kernel_vm::{Flush, Frame, FrameAllocator, MemoryArea, PhysAddr, Tlb};

use super::bytes::{copy, zero};
use super::forks::Forks;
use super::layout::PAGE;
use super::paged::Paged;
use crate::pages::Frames;

type Table = [AtomicU64; 512];

const VALID: u64 = 1;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 2;
const USER: u64 = 1 << 4;
const ACCESSED: u64 = 1 << 6;
const DIRTY: u64 = 1 << 7;
const LEAF: u64 = VALID | READ | USER | ACCESSED;

/// By hand.
pub(crate) struct PlainForks {
    root: PhysAddr,
    /// The tables, the root aside.
    tables: Vec<Frame>,
    counts: Counts,
}

/// A count for each frame of the arena.
#[derive(Clone, Copy)]
struct Counts {
    base: u64,
    counts: &'static [AtomicU32],
}

impl Counts {
    #[inline]
    fn of(self, at: PhysAddr) -> &'static AtomicU32 {
        &self.counts[(at.get() - self.base) as usize / PAGE]
    }
}

#[inline]
#[expect(unsafe_code, reason = "a table is a frame of physical memory")]
fn table<'a>(at: PhysAddr) -> &'a Table {
    // SAFETY: the frame is taken, and its words are touched as atomics alone.
    unsafe { Paged.reach(at).cast::<Table>().as_ref() }
}

#[inline]
const fn number(at: PhysAddr) -> u64 {
    at.get() >> 12 << 10
}

#[inline]
const fn addr(word: u64) -> PhysAddr {
    PhysAddr::new(word >> 10 << 12)
}

#[expect(unsafe_code, reason = "a frame is forged from its address")]
fn release(at: PhysAddr) {
    // SAFETY: the last reference to it has gone.
    Paged.release(unsafe { Frame::from_addr(at) }, false);
}

impl PlainForks {
    fn empty(counts: Counts) -> Self {
        let mut made = Self {
            root: PhysAddr::new(0),
            tables: Vec::new(),
            counts,
        };
        made.root = made.take_table();
        made
    }

    #[inline]
    fn take_table(&mut self) -> PhysAddr {
        let frame = Paged.alloc().expect("the arena is larger");
        let at = frame.addr();
        zero(&Paged, at);
        self.tables.push(frame);
        at
    }

    /// The word for `page`; tables are made where there are none.
    #[inline]
    fn walk(&mut self, page: usize) -> &'static AtomicU64 {
        let mut at = self.root;
        for level in [2, 1] {
            let word = &table(at)[page >> (12 + 9 * level) & 511];
            let pointer = word.load(Relaxed);
            at = if pointer & VALID == 0 {
                let new = self.take_table();
                word.store(number(new) | VALID, Release);
                new
            } else {
                addr(pointer)
            };
        }
        &table(at)[page >> 12 & 511]
    }

    /// Copies what is below two tables at `level`.
    fn copy(&mut self, from: &Table, to: &Table, level: usize) {
        for (from, to) in from.iter().zip(to) {
            let word = from.load(Relaxed);
            if word & VALID == 0 {
                continue;
            }
            if level > 0 {
                let new = self.take_table();
                self.copy(table(addr(word)), table(new), level - 1);
                to.store(number(new) | VALID, Relaxed);
            } else {
                self.counts.of(addr(word)).fetch_add(1, Relaxed);
                from.store(word & !WRITE, Relaxed);
                to.store(word & !(WRITE | DIRTY), Relaxed);
            }
        }
    }

    /// Gives back what is in a table at `level`.
    fn drop_pages(&self, from: &Table, level: usize) {
        for word in from.iter().map(|word| word.load(Relaxed)) {
            if word & VALID == 0 {
                continue;
            }
            if level > 0 {
                self.drop_pages(table(addr(word)), level - 1);
            } else if self.counts.of(addr(word)).fetch_sub(1, Release) == 1 {
                release(addr(word));
            }
        }
    }
}

impl Drop for PlainForks {
    fn drop(&mut self) {
        Paged.flush(&Flush::everything(self.root));
        self.drop_pages(table(self.root), 2);
        self.tables
            .drain(..)
            .for_each(|frame| Paged.release(frame, false));
    }
}

impl Forks for PlainForks {
    const NAME: &str = "by-hand";

    fn new(areas: &[MemoryArea]) -> Self {
        let (base, count) = Frames.pages();
        let counts = (0..count).map(|_| AtomicU32::new(0)).collect::<Vec<_>>();
        let mut made = Self::empty(Counts {
            base: base.get(),
            counts: counts.leak(),
        });
        for area in areas {
            for page in (area.start().get()..=area.end().get()).step_by(PAGE) {
                let at = Paged.alloc().expect("the arena is larger").into_addr();
                made.counts.of(at).store(1, Relaxed);
                let word = number(at) | LEAF | WRITE | DIRTY;
                made.walk(page).store(word, Release);
            }
        }
        made
    }

    fn fork(&mut self) -> Self {
        let mut child = Self::empty(self.counts);
        child.copy(table(self.root), table(child.root), 2);
        Paged.flush(&Flush::everything(self.root));
        child
    }

    fn write(&mut self, page: usize) {
        let word = self.walk(page);
        let old = addr(word.load(Relaxed));
        assert!(self.counts.of(old).load(Relaxed) > 1, "a copy");
        let new = Paged.alloc().expect("the arena is larger").into_addr();
        self.counts.of(new).store(1, Relaxed);
        copy(&Paged, old, new);
        word.store(number(new) | LEAF | WRITE | DIRTY, Release);
        Paged.flush(&Flush::everything(self.root));
        if self.counts.of(old).fetch_sub(1, Release) == 1 {
            release(old);
        }
    }

    fn settle(&mut self, areas: &[MemoryArea]) {
        for area in areas {
            for page in (area.start().get()..=area.end().get()).step_by(PAGE) {
                self.walk(page).fetch_or(WRITE | DIRTY, Relaxed);
            }
        }
    }
}
