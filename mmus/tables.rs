//! Tables in memory, by their physical addresses: what walks read.

use std::collections::BTreeMap;

/// The words of one table.
pub const WORDS: usize = 512;

#[derive(Clone, Debug, Default)]
pub struct Tables(BTreeMap<u64, Vec<u64>>);

impl Tables {
    /// Has these words in the table at `at`.
    pub fn insert(&mut self, at: u64, words: Vec<u64>) {
        assert_eq!((at % 4096, words.len()), (0, WORDS));
        self.0.insert(at, words);
    }

    /// The word at `at`, or `None` where no table is.
    pub fn word(&self, at: u64) -> Option<u64> {
        Some(self.0.get(&(at & !0xfff))?[index(at)])
    }

    /// Puts a word at `at`, where a table is.
    pub fn put(&mut self, at: u64, word: u64) -> Option<()> {
        self.0.get_mut(&(at & !0xfff))?[index(at)] = word;
        Some(())
    }

    /// The tables' addresses.
    pub fn places(&self) -> impl Iterator<Item = u64> {
        self.0.keys().copied()
    }

    /// The bytes of the table at `at`, or zeroes where none is.
    pub fn bytes(&self, at: u64) -> Vec<u8> {
        let words = self.0.get(&at).cloned();
        let words = words.unwrap_or_else(|| vec![0; WORDS]).into_iter();
        words.flat_map(u64::to_le_bytes).collect()
    }
}

const fn index(at: u64) -> usize {
    at as usize % 4096 / 8
}
