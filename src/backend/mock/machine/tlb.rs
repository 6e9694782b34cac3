//! The TLB of one CPU: copies of entries of any level, valid or not.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::memory::Step;
use super::rules::{Architecture, span};
use crate::addr::VirtAddr;
use crate::asid::Asid;

/// The addresses of which a cached entry speaks: its level, and the number of the block of that size.
type Key = (usize, usize);

/// A cached copy of an entry: a leaf, a pointer, or an entry that is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cached<A: Architecture> {
    /// The ASID under which the entry was cached. A global one serves all.
    pub(super) asid: Asid,
    pub(super) is_global: bool,
    pub(super) step: Step<A>,
    pub(super) fate: Fate,
}

/// How far an invalidation has come, where it takes barriers before and after. Until it is complete, the entry serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Fate {
    /// None has begun, and a walk may still find the entry in memory.
    #[default]
    Stays,
    /// A barrier has made another entry visible to walks.
    Outdated,
    /// An invalidation names it, or an entry that a walk began with to find it, and waits for its barrier.
    Going,
}

/// An address-translation cache without limit. It forgets entries that a fence names, and others only by
/// [`evict`](Self::evict).
///
/// A block can have several entries: copies from different moments, of which any may answer.
#[derive(Debug)]
pub struct Tlb<A: Architecture> {
    entries: BTreeMap<Key, Vec<Cached<A>>>,
}

/// The key of the block at `level` that holds `vaddr`.
fn key(level: usize, vaddr: VirtAddr) -> Key {
    (level, vaddr.get() / span(level))
}

impl<A: Architecture> Cached<A> {
    /// Whether the entry may answer for `asid`.
    pub(super) fn hits(&self, asid: Asid) -> bool {
        self.is_global || self.asid == asid
    }

    /// Whether the entry is this ASID's alone.
    pub(super) fn is_of(&self, asid: Asid) -> bool {
        !self.is_global && self.asid == asid
    }
}

impl<A: Architecture> Default for Tlb<A> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
        }
    }
}

impl<A: Architecture> Tlb<A> {
    /// Keeps a copy of the entry that a walk for `vaddr` has read. Older copies stay.
    pub(super) fn add(&mut self, vaddr: VirtAddr, cached: Cached<A>) {
        let key = key(cached.step.level, vaddr);
        let entries = self.entries.entry(key).or_default();
        if !entries.contains(&cached) {
            entries.push(cached);
        }
    }

    /// The entries, of any level, that may answer for `vaddr`. O(levels × log n + answers).
    pub(super) fn hits(&self, vaddr: VirtAddr, asid: Asid) -> impl Iterator<Item = Cached<A>> {
        let levels = (0..A::LEVELS).filter_map(move |level| self.entries.get(&key(level, vaddr)));
        let hits = levels.flatten().filter(move |cached| cached.hits(asid));
        hits.copied()
    }

    /// Every entry, with the first address of its block.
    pub(super) fn iter(&self) -> impl Iterator<Item = (VirtAddr, &Cached<A>)> {
        let entries = self.entries.iter();
        entries.flat_map(|(&(level, block), cached)| {
            let first = VirtAddr::new(block.wrapping_mul(span(level)));
            cached.iter().map(move |cached| (first, cached))
        })
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.entries.values().map(Vec::len).sum()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Forgets the entries that are `named`, whatever their addresses.
    pub(super) fn forget(&mut self, named: impl Fn(&Cached<A>) -> bool) {
        self.retain(|cached| !named(cached));
    }

    /// Forgets the entries on the way to `vaddr`, of any level, that are `named`.
    pub(super) fn forget_at(&mut self, vaddr: VirtAddr, named: impl Fn(&Cached<A>) -> bool) {
        self.retain_at(vaddr, |cached| !named(cached));
    }

    /// Lets `keep` see and change all entries, and forgets those that it does not keep.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&mut Cached<A>) -> bool) {
        self.entries.retain(|_, entries| {
            entries.retain_mut(&mut keep);
            !entries.is_empty()
        });
    }

    /// Lets `keep` see and change the entries on the way to `vaddr`, and forgets those that it does not keep.
    pub(super) fn retain_at(
        &mut self,
        vaddr: VirtAddr,
        mut keep: impl FnMut(&mut Cached<A>) -> bool,
    ) {
        for level in 0..A::LEVELS {
            let key = key(level, vaddr);
            if let Some(entries) = self.entries.get_mut(&key) {
                entries.retain_mut(&mut keep);
                if entries.is_empty() {
                    self.entries.remove(&key);
                }
            }
        }
    }

    /// Forgets all entries of the `n`-th block, as a TLB may at any time.
    pub(super) fn evict(&mut self, n: usize) {
        if let Some(&key) = self.entries.keys().nth(n) {
            self.entries.remove(&key);
        }
    }

    /// The number of blocks that have an entry.
    pub(super) fn keys(&self) -> usize {
        self.entries.len()
    }
}
