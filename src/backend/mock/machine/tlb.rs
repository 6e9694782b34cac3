//! What one CPU has cached: entries of any level, valid or not.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::memory::Step;
use super::pte::span;
use crate::addr::VirtAddr;
use crate::asid::Asid;

/// Which addresses a cached entry speaks of: its level, and the number of the block of that size.
type Key = (usize, usize);

const MOST_LEVELS: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cached {
    /// Whose it is; global ones are everybody's.
    asid: Asid,
    pub(super) step: Step,
}

/// An address-translation cache without limit. It forgets what a fence names, and nothing else unless it is told to.
#[derive(Debug, Default)]
pub(super) struct Tlb {
    entries: BTreeMap<Key, Vec<Cached>>,
}

fn key(level: usize, vaddr: VirtAddr) -> Key {
    (level, vaddr.get() / span(level))
}

impl Cached {
    /// Whether it may answer for `asid` ('Addressing and Memory Protection', the G bit).
    pub(super) fn hits(&self, asid: Asid) -> bool {
        self.step.global || self.asid == asid
    }
}

impl Tlb {
    pub(super) fn add(&mut self, vaddr: VirtAddr, asid: Asid, step: Step) {
        let cached = Cached { asid, step };
        let entries = self.entries.entry(key(step.level, vaddr)).or_default();
        if !entries.contains(&cached) {
            entries.push(cached);
        }
    }

    /// The entries, of any level, that may answer for `vaddr`.
    pub(super) fn hits(&self, vaddr: VirtAddr, asid: Asid) -> impl Iterator<Item = Step> {
        let levels = (0..MOST_LEVELS).filter_map(move |level| self.entries.get(&key(level, vaddr)));
        let hits = levels.flatten().filter(move |cached| cached.hits(asid));
        hits.map(|cached| cached.step)
    }

    /// Every entry, with the first address that it speaks of.
    pub(super) fn iter(&self) -> impl Iterator<Item = (VirtAddr, &Cached)> {
        let entries = self.entries.iter();
        entries.flat_map(|(&(level, block), cached)| {
            let first = VirtAddr::new(block.wrapping_mul(span(level)));
            cached.iter().map(move |cached| (first, cached))
        })
    }

    pub(super) fn len(&self) -> usize {
        self.entries.values().map(Vec::len).sum()
    }

    /// Forgets what a fence without an address orders: everything, or what is of this ASID and not global.
    pub(super) fn fence(&mut self, asid: Option<Asid>) {
        let Some(asid) = asid else {
            return self.entries.clear();
        };
        let stays = |cached: &Cached| cached.step.global || cached.asid != asid;
        self.entries.retain(|_, entries| {
            entries.retain(stays);
            !entries.is_empty()
        });
    }

    /// Forgets what a fence with an address orders: entries for it that are leaves, or that `was_leaf` says were made
    /// leaves, for this ASID and not global, or for any.
    pub(super) fn fence_page(
        &mut self,
        vaddr: VirtAddr,
        asid: Option<Asid>,
        was_leaf: impl Fn(Step) -> bool,
    ) {
        let named =
            |cached: &Cached| asid.is_none_or(|asid| !cached.step.global && cached.asid == asid);
        for level in 0..MOST_LEVELS {
            let key = key(level, vaddr);
            if let Some(entries) = self.entries.get_mut(&key) {
                entries.retain(|cached| !(named(cached) && was_leaf(cached.step)));
                if entries.is_empty() {
                    self.entries.remove(&key);
                }
            }
        }
    }

    /// Forgets the `n`-th of its keys, which it may at any time.
    pub(super) fn evict(&mut self, n: usize) {
        if let Some(&key) = self.entries.keys().nth(n) {
            self.entries.remove(&key);
        }
    }

    pub(super) fn keys(&self) -> usize {
        self.entries.len()
    }
}
