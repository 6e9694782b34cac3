//! The whole page table in some words, for tests that must tell its states apart.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use super::entry::format::Format;
use super::entry::word::Word;
use super::memory::Radix;
use super::walk::table::Table;
use crate::addr::PhysAddr;
use crate::attributes::Attributes;
use crate::permissions::Permissions;
use crate::platform::Platform;

/// Frames by the order in which a digest meets them: which of the allocator's they are makes no difference.
#[derive(Debug, Default)]
pub(crate) struct Met(pub(crate) Vec<PhysAddr>);

impl Met {
    /// The number of the frame at `addr`.
    pub(crate) fn number(&mut self, addr: PhysAddr) -> u64 {
        let known = self.0.iter().position(|&met| met == addr);
        let number = known.unwrap_or(self.0.len());
        if known.is_none() {
            self.0.push(addr);
        }
        number as u64
    }
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Tells `words` of every word of every table, and of what is owed: page tables with equal words answer alike from
    /// here on. Frames of the page table's own are numbered as they are `met`.
    pub(crate) fn digest(&self, met: &mut Met, words: &mut Vec<u64>) {
        self.digest_table(self.root_table(), Self::TOP, met, words);
        let owed = if self.owed.is_any() {
            format!("{:?}", self.owed)
        } else {
            String::new()
        };
        words.push(owed.len() as u64);
        let bytes = owed.as_bytes().chunks(8);
        words.extend(bytes.map(|bytes| {
            bytes
                .iter()
                .fold(0, |word, &byte| word << 8 | u64::from(byte))
        }));
    }

    fn digest_table(&self, table: &Table, level: usize, met: &mut Met, words: &mut Vec<u64>) {
        for (index, word) in table.iter().enumerate() {
            let word = word.load(Relaxed);
            if word == 0 {
                continue;
            }
            words.push(index as u64 | (level as u64) << 32);
            match (Word::read::<F>(word, level), level.checked_sub(1)) {
                (Word::Table(child) | Word::RetiredTable(child), Some(below)) => {
                    words.push(word & !address::<F>());
                    self.digest_table(self.table(child), below, met, words);
                }
                (Word::Leaf(leaf) | Word::RetiredLeaf(leaf), _) if leaf & F::OWNED != 0 => {
                    let addr = F::addr(leaf);
                    let is_unique = self.platform().is_unique(addr);
                    words.extend([
                        leaf & !address::<F>(),
                        met.number(addr) << 1 | u64::from(is_unique),
                    ]);
                }
                _ => words.push(word),
            }
        }
    }
}

/// The bits of a word that are the address.
fn address<F: Format>() -> u64 {
    let leaf = |addr| F::leaf(PhysAddr::new(addr), Attributes::from(Permissions::READ), 0);
    leaf(u64::MAX) ^ leaf(0)
}
