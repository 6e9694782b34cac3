//! The TLB of one CPU: copies of entries of any level, valid or not.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::memory::Step;
use super::pte::span;
use crate::addr::VirtAddr;
use crate::asid::Asid;

/// The addresses of which a cached entry speaks: its level, and the number of the block of that size.
type Key = (usize, usize);

/// The levels of Sv57, which has the most.
const MOST_LEVELS: usize = 5;

/// A cached copy of an entry: a leaf, a pointer, or an entry that is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cached {
    /// The ASID under which the entry was cached. A global one serves all.
    asid: Asid,
    pub(super) step: Step,
}

/// An address-translation cache without limit. It forgets entries that a fence names, and others only by
/// [`evict`](Self::evict).
///
/// A block can have several entries: copies from different moments, of which any may answer.
#[derive(Debug, Default)]
pub(super) struct Tlb {
    entries: BTreeMap<Key, Vec<Cached>>,
}

/// The key of the block at `level` that holds `vaddr`.
fn key(level: usize, vaddr: VirtAddr) -> Key {
    (level, vaddr.get() / span(level))
}

impl Cached {
    /// Whether the entry may answer for `asid` ('Addressing and Memory Protection', the G bit).
    pub(super) fn hits(&self, asid: Asid) -> bool {
        self.step.global || self.asid == asid
    }
}

impl Tlb {
    /// Keeps a copy of the entry that a walk for `vaddr` has read. Older copies stay.
    pub(super) fn add(&mut self, vaddr: VirtAddr, asid: Asid, step: Step) {
        let cached = Cached { asid, step };
        let entries = self.entries.entry(key(step.level, vaddr)).or_default();
        if !entries.contains(&cached) {
            entries.push(cached);
        }
    }

    /// The entries, of any level, that may answer for `vaddr`. O(levels × log n + answers).
    pub(super) fn hits(&self, vaddr: VirtAddr, asid: Asid) -> impl Iterator<Item = Step> {
        let levels = (0..MOST_LEVELS).filter_map(move |level| self.entries.get(&key(level, vaddr)));
        let hits = levels.flatten().filter(move |cached| cached.hits(asid));
        hits.map(|cached| cached.step)
    }

    /// Every entry, with the first address of its block.
    pub(super) fn iter(&self) -> impl Iterator<Item = (VirtAddr, &Cached)> {
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

    /// Obeys a fence without an address: forgets everything, or entries of this ASID that are not global.
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

    /// Obeys a fence with an address: forgets entries for it of which `was_leaf` says that the fence names them.
    ///
    /// With an ASID these are entries of that ASID that are not global; without one, all.
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
