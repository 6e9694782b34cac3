//! What a space must be: some bits and a frame number for each page. The verbs are in `maps` and `pages`.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::error::MapError;

use super::bits::Bits;
use super::op::{Memory, PAGE, Rights, Span};

/// The frame number of a page whose memory comes when it is touched.
pub(super) const ANONYMOUS: u16 = u16::MAX;

/// How far the frames of [`Memory::Far`] are from those of [`Memory::Near`]: not a multiple of a superpage's.
const FAR: usize = 5000;

/// Where the physical memory begins: not where page tables have their frames.
pub(super) const MEMORY: u64 = 1 << 36;

/// What the model knows of the page table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// Whether it can map these pages and no others.
    pub(super) is_all: bool,
    pub(super) has_entries: bool,
    /// Whether memory comes when it is touched.
    pub(super) has_pages: bool,
    /// Whether what can be executed can be read.
    pub(super) execute_reads: bool,
}

/// A space of `64 * W` pages.
#[derive(Clone, Debug)]
pub(super) struct Model<const W: usize> {
    /// The address of the first page.
    pub(super) base: usize,
    pub(super) kind: Kind,
    pub(super) mapped: Bits<W>,
    /// The pages that may be read, written and executed. None of them is unmapped.
    pub(super) rights: [Bits<W>; 3],
    /// The pages whose memory does not go on from that of the page before. Says nothing where one of them is unmapped.
    pub(super) apart: Bits<W>,
    pub(super) frames: Vec<u16>,
    /// The pages that have an entry in the page table.
    pub(super) present: Bits<W>,
    /// Of these, the pages whose entry may be written.
    pub(super) writable: Bits<W>,
    /// The frames of pages that are present and anonymous: 0 where nobody has looked yet.
    pub(super) owned: Vec<u64>,
    /// Whether deferred verbs may wait.
    pub(super) waits: bool,
}

impl<const W: usize> Model<W> {
    pub(super) const PAGES: usize = 64 * W;

    pub(super) fn new(base: usize, kind: Kind) -> Self {
        Self {
            base,
            kind,
            mapped: Bits::new(),
            rights: [Bits::new(), Bits::new(), Bits::new()],
            apart: Bits::new(),
            frames: vec![0; Self::PAGES],
            present: Bits::new(),
            writable: Bits::new(),
            owned: vec![0; Self::PAGES],
            waits: false,
        }
    }

    pub(super) fn area(&self, span: Span) -> MemoryArea {
        span.area(self.base)
    }

    pub(super) fn in_range(&self, span: Span) -> Result<(), MapError> {
        if span.end() > Self::PAGES {
            let area = self.area(span);
            return Err(MapError::OutOfRange { area });
        }
        Ok(())
    }

    pub(super) fn rights(&self, page: usize) -> Rights {
        let bit = |kind: usize| u8::from(self.rights[kind].has(page)) << kind;
        Rights(bit(0) | bit(1) | bit(2))
    }

    /// Where the page leads; `None` where its memory comes when it is touched.
    pub(super) fn physical(&self, page: usize) -> Option<PhysAddr> {
        let frame = self.frames[page];
        (frame != ANONYMOUS).then(|| physical(frame))
    }

    /// The pages of word `word` at which maps start.
    fn starts(&self, word: usize) -> u64 {
        let changes = |bits: &Bits<W>| bits.word(word) ^ bits.shifted(word);
        let [read, write, execute] = self.rights.each_ref().map(changes);
        let border = !self.mapped.shifted(word) | self.apart.word(word) | read | write | execute;
        self.mapped.word(word) & border
    }

    pub(super) fn maps(&self) -> usize {
        (0..W)
            .map(|word| self.starts(word).count_ones() as usize)
            .sum()
    }

    /// The map in position `index`.
    pub(super) fn map(&self, mut index: usize) -> Option<Span> {
        for word in 0..W {
            let mut starts = self.starts(word);
            let count = starts.count_ones() as usize;
            if index < count {
                (0..index).for_each(|_| starts &= starts - 1);
                return Some(self.map_from(word * 64 + starts.trailing_zeros() as usize));
            }
            index -= count;
        }
        None
    }

    /// The map that has the page, which is mapped.
    pub(super) fn map_around(&self, page: usize) -> Span {
        let upto = u64::MAX >> (63 - page % 64);
        let starts = self.starts(page / 64) & upto;
        let mut words = (0..page / 64).rev().map(|word| (word, self.starts(word)));
        let (word, starts) = match starts {
            0 => words.find(|&(_, starts)| starts != 0),
            _ => Some((page / 64, starts)),
        }
        .expect("a mapped page has a map");
        self.map_from(word * 64 + 63 - starts.leading_zeros() as usize)
    }

    /// The map that starts at `first`.
    fn map_from(&self, first: usize) -> Span {
        let ends = |word: usize| self.starts(word) | !self.mapped.word(word);
        let behind = first + 1;
        let end = (behind / 64..W).find_map(|word| {
            let low = if word == behind / 64 { behind % 64 } else { 0 };
            let ends = ends(word) & u64::MAX << low;
            (ends != 0).then(|| word * 64 + ends.trailing_zeros() as usize)
        });
        Span::of(first..end.unwrap_or(Self::PAGES))
    }

    /// The first hole in a span, within it.
    pub(super) fn hole(&self, range: Range<usize>) -> Option<Span> {
        let first = self.mapped.first(range.clone(), false)?;
        let end = self.mapped.first(first..range.end, true);
        Some(Span::of(first..end.unwrap_or(range.end)))
    }

    pub(super) fn clear(&mut self, range: Range<usize>) {
        self.mapped.set(range.clone(), false);
        self.discard(range.clone());
        for bits in &mut self.rights {
            bits.set(range.clone(), false);
        }
    }

    pub(super) fn fill(&mut self, span: Span, memory: Memory, rights: Rights) {
        for page in span.range() {
            self.frames[page] = frame(memory, page);
        }
        self.mapped.set(span.range(), true);
        self.discard(span.range());
        self.allow(span.range(), rights);
        self.apart.set(span.range(), false);
        self.seam(span.first);
        self.seam(span.end());
    }

    pub(super) fn allow(&mut self, range: Range<usize>, rights: Rights) {
        if rights.0 & Rights::WRITE == 0 {
            self.writable.set(range.clone(), false);
        }
        for (kind, bits) in self.rights.iter_mut().enumerate() {
            bits.set(range.clone(), rights.0 >> kind & 1 != 0);
        }
    }

    /// Finds out whether the memory of `page` goes on from that of the page before.
    pub(super) fn seam(&mut self, page: usize) {
        if page == 0 || page >= Self::PAGES {
            return;
        }
        let goes_on = match (self.frames[page - 1], self.frames[page]) {
            (ANONYMOUS, ANONYMOUS) => true,
            (ANONYMOUS, _) | (_, ANONYMOUS) => false,
            (before, frame) => before + 1 == frame,
        };
        self.apart.set(page..page + 1, !goes_on);
    }
}

/// The frame number of `page` in a new map.
pub(super) fn frame(memory: Memory, page: usize) -> u16 {
    match memory {
        Memory::Near => page as u16,
        Memory::Far => (page + FAR) as u16,
        Memory::Anonymous => ANONYMOUS,
    }
}

/// Where a frame is.
pub(super) fn physical(frame: u16) -> PhysAddr {
    PhysAddr::new(MEMORY + u64::from(frame) * PAGE as u64)
}
