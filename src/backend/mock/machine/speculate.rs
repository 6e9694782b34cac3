//! Speculation: CPUs walk without being asked, cache every entry on the way, and forget some again.
//!
//! Hardware may do so at any time. The machine does it whenever something happens on it, mostly near addresses that
//! were spoken of lately: there a stale entry does harm.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Relaxed};

use super::memory::{Marks, Memory};
use super::rules::{Architecture, Kind, Root, Route, span};
use super::state::{CpuState, Hot, State};
use super::tlb::Fate;
use crate::addr::VirtAddr;
use crate::backend::mock::host_access::WORDS;
use crate::backend::rng::Rng;

/// The number of cached blocks from which on a CPU forgets one whenever it may cache one, to bound a test's memory.
const MOST: usize = 4096;

impl<A: Architecture> State<A> {
    /// Lets a moment pass: each CPU may walk for some address, and may forget one.
    ///
    /// Every manual allows both at any time, for any address: RISC-V's in 'Virtual Address Translation Process',
    /// Intel's in 'Caching Translation Information'.
    pub(super) fn moment(&mut self, memory: Memory<'_, A>) {
        for cpu in self.cpus.values_mut() {
            if self.rng.below(4) == 0 {
                let vaddr = cpu.somewhere(memory, &self.hot, &mut self.rng);
                cpu.speculate(memory, vaddr, &mut self.rng);
            }
            let keys = cpu.tlb.keys();
            if keys > MOST || self.rng.below(64) == 0 {
                cpu.tlb.evict(self.rng.below(keys));
            }
        }
    }
}

impl<A: Architecture> CpuState<A> {
    /// Caches all entries on the way to `vaddr`, from the root or from a pointer that is cached. Never traps, never
    /// marks a page as dirty.
    pub(super) fn speculate(&mut self, memory: Memory<'_, A>, vaddr: VirtAddr, rng: &mut Rng) {
        let rules = memory.rules;
        let Route::Tables(root) = rules.route(&self.registers, vaddr) else {
            return;
        };
        self.fill(memory, root, vaddr);
        let any = rng.below(self.starts_below(root, vaddr).count());
        let start = self.starts_below(root, vaddr).nth(any);
        if let Some(start) = start {
            let leaf = memory.follow(start.step, vaddr, Marks::Set, |step| {
                self.cache(rules, vaddr, root.asid, step, start.fate);
            });
            let Ok(leaf) = leaf else {
                return;
            };
            let marked = rules.speculated(leaf.entry);
            if marked != leaf.entry && rng.below(2) == 0 {
                // An exchange that fails is no matter.
                let _ = memory.exchange(leaf.at, leaf.entry, marked);
            }
        }
    }

    /// Caches all entries on the way from the root to `vaddr`.
    pub(super) fn prefetch(&mut self, memory: Memory<'_, A>, vaddr: VirtAddr) {
        if let Route::Tables(root) = memory.rules.route(&self.registers, vaddr) {
            self.fill(memory, root, vaddr);
        }
    }

    fn fill(&mut self, memory: Memory<'_, A>, root: Root, vaddr: VirtAddr) {
        let _ = memory.walk(root, vaddr, Marks::Set, |step| {
            self.cache(memory.rules, vaddr, root.asid, step, Fate::default());
        });
    }

    /// An address that is worth a walk: one that was spoken of lately, one near it, or one that is in the tables.
    fn somewhere(&self, memory: Memory<'_, A>, hot: &Hot, rng: &mut Rng) -> VirtAddr {
        let hot = hot.one(rng).get();
        let near = |pages: usize| hot.wrapping_add(span(0) * pages).wrapping_sub(4 * span(0));
        match rng.below(4) {
            0 => VirtAddr::new(hot),
            1 => VirtAddr::new(near(rng.below(8))),
            _ => match memory.rules.roots(&self.registers).as_slice() {
                [] => VirtAddr::new(0),
                [root] => wander(*root, memory, rng),
                roots => {
                    let root = rng.one_of(roots);
                    root.map_or(VirtAddr::new(0), |root| wander(root, memory, rng))
                }
            },
        }
    }
}

/// An address on a random way down the tables, mostly through entries that are not empty.
fn wander<A: Architecture>(root: Root, memory: Memory<'_, A>, rng: &mut Rng) -> VirtAddr {
    let (mut low, mut table) = (0, root.table);
    for level in (0..root.levels).rev() {
        let (start, anywhere) = (rng.below(WORDS), rng.below(4) == 0);
        let found = memory.with(table, |words, _| {
            let slot = if anywhere { None } else { filled(words, start) };
            let slot = slot.unwrap_or(start);
            words.get(slot).map(|word| (slot, word.load(Acquire)))
        });
        let (slot, entry) = found.ok().flatten().unwrap_or((start, 0));
        low += slot * span(level);
        match memory.rules.kind(entry, level) {
            Kind::Pointer(next) => table = next,
            Kind::Leaf(_) => return root.extend(low + rng.below(span(level))),
            Kind::Fault(_) => return root.extend(low),
        }
    }
    root.extend(low)
}

/// The first entry from `start` on that is not empty; behind the last one the first follows.
fn filled(words: &[AtomicU64; WORDS], start: usize) -> Option<usize> {
    let (before, behind) = words.split_at_checked(start)?;
    let found = first_filled(behind).map(|n| start + n);
    found.or_else(|| first_filled(before))
}

/// The first entry that is not empty. Most entries are empty, so eight are looked at at a time.
fn first_filled(words: &[AtomicU64]) -> Option<usize> {
    let load = |word: &AtomicU64| word.load(Relaxed);
    let lines = words.chunks_exact(8);
    let is_empty = |line: &[AtomicU64]| line.iter().map(load).fold(0, |all, word| all | word) == 0;
    let skipped = 8 * lines.take_while(|line| is_empty(line)).count();
    let rest = words.get(skipped..)?;
    let found = rest.iter().map(load).position(|word| word != 0)?;
    Some(skipped + found)
}
