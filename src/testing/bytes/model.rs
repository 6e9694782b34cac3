//! What is known of a process: for each page what its program may do, and the words that are not zero.

use alloc::collections::BTreeMap;
use core::ops::Range;

use super::op::{Rights, Span, Word};

/// A page that is mapped.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) rights: Rights,
    /// Whether it is where the parent had it, with the same rights.
    is_inherited: bool,
    /// By their bytes in the page.
    words: BTreeMap<usize, u64>,
}

impl Page {
    pub(super) fn new(rights: Rights) -> Self {
        Self {
            rights,
            is_inherited: false,
            words: BTreeMap::new(),
        }
    }

    /// The word at this byte.
    pub(super) fn word(&self, byte: usize) -> u64 {
        self.words.get(&byte).copied().unwrap_or_default()
    }

    /// Where words were stored.
    pub(super) fn stored(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.keys().copied()
    }
}

/// The pages of a process that are mapped.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pages: BTreeMap<usize, Page>,
}

impl Model {
    /// That of a child.
    pub(super) fn inherited(&self) -> Self {
        let mut child = self.clone();
        let pages = child.pages.values_mut();
        pages.for_each(|page| page.is_inherited = true);
        child
    }

    pub(super) fn page(&self, page: usize) -> Option<&Page> {
        self.pages.get(&page)
    }

    pub(super) fn is_inherited(&self, page: usize) -> bool {
        self.page(page).is_some_and(|page| page.is_inherited)
    }

    /// Whether the program may do this to the page: a bit of [`Rights`].
    pub(super) fn allows(&self, page: usize, right: u8) -> bool {
        self.page(page)
            .is_some_and(|page| page.rights.0 & right != 0)
    }

    /// Whether all of these pages are mapped.
    pub(super) fn has_all(&self, span: Span) -> bool {
        self.run(span.first, span.count) == span.count
    }

    /// How many pages from `first` on are mapped, of at most `most`.
    pub(super) fn run(&self, first: usize, most: usize) -> usize {
        let mut pages = first..first + most;
        let hole = pages.find(|page| !self.pages.contains_key(page));
        hole.map_or(most, |hole| hole - first)
    }

    /// The `n`-th mapped page, modulo how many there are.
    pub(super) fn nth(&self, n: usize) -> Option<usize> {
        let n = n.checked_rem(self.pages.len())?;
        self.pages.keys().nth(n).copied()
    }

    pub(super) fn word(&self, word: Word) -> u64 {
        let page = self.page(word.page);
        page.map_or(0, |page| page.word(word.byte))
    }

    pub(super) fn store(&mut self, word: Word, value: u64) {
        if let Some(page) = self.pages.get_mut(&word.page) {
            page.words.insert(word.byte, value);
        }
    }

    pub(super) fn map(&mut self, pages: Range<usize>, rights: Rights) {
        let new = pages.map(|page| (page, Page::new(rights)));
        self.pages.extend(new);
    }

    pub(super) fn unmap(&mut self, pages: Range<usize>) {
        self.pages.retain(|page, _| !pages.contains(page));
    }

    pub(super) fn protect(&mut self, pages: Range<usize>, rights: Rights) {
        for (_, page) in self.pages.range_mut(pages) {
            (page.rights, page.is_inherited) = (rights, false);
        }
    }

    pub(super) fn discard(&mut self, pages: Range<usize>) {
        let pages = self.pages.range_mut(pages);
        pages.for_each(|(_, page)| page.words.clear());
    }

    pub(super) fn remap(&mut self, old: Span, new: Span) {
        for (from, to) in old.range().zip(new.range()) {
            if let Some(mut page) = self.pages.remove(&from) {
                page.is_inherited = false;
                self.pages.insert(to, page);
            }
        }
    }
}
