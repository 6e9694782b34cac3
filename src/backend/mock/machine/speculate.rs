//! Speculation: CPUs walk without being asked, cache every entry on the way, and forget some again.
//!
//! Hardware may do so at any time. The machine does it whenever something happens on it, mostly near addresses that
//! were spoken of lately: there a stale entry does harm.

use alloc::vec::Vec;
use core::sync::atomic::Ordering::Acquire;

use super::memory::Memory;
use super::pte::{Pte, PteKind, span};
use super::state::{CpuState, Hot, State};
use crate::addr::VirtAddr;
use crate::backend::mock::host_access::WORDS;
use crate::backend::rng::Rng;
use crate::permissions::Access;

/// The number of cached blocks from which on a CPU forgets one whenever it may cache one, to bound a test's memory.
const MOST: usize = 4096;

impl State {
    /// Lets a moment pass: each CPU may walk for some address, and may forget one.
    ///
    /// A CPU may walk 'at any time, for any virtual address, as long as satp is active' ('Virtual Address Translation
    /// Process').
    pub(super) fn moment(&mut self, memory: Memory<'_>) {
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

impl CpuState {
    /// Caches all entries on the way to `vaddr`, from the root or from a pointer that is cached. Never traps, never
    /// sets D.
    pub(super) fn speculate(&mut self, memory: Memory<'_>, vaddr: VirtAddr, rng: &mut Rng) {
        self.prefetch(memory, vaddr);
        let cached: Vec<_> = self.starts(vaddr).collect();
        if let Some(step) = rng.one_of(&cached) {
            let (tlb, asid) = (&mut self.tlb, self.satp.asid);
            let leaf = memory.follow(step, vaddr, |step| {
                if keeps(step.pte, step.level, memory) {
                    tlb.add(vaddr, asid, step);
                }
            });
            // 'Updates of the A bit may be performed as a result of speculation.' An exchange that fails is no matter.
            if let (Ok(leaf), true) = (leaf, memory.extensions.svadu && rng.below(2) == 0) {
                let marked = leaf.pte.marked(Access::Read);
                let _ = memory.exchange(leaf.at, leaf.pte, marked);
            }
        }
    }

    /// Caches all entries on the way from the root to `vaddr`.
    pub(super) fn prefetch(&mut self, memory: Memory<'_>, vaddr: VirtAddr) {
        if self.satp.mode.is_canonical(vaddr) {
            let (tlb, asid) = (&mut self.tlb, self.satp.asid);
            let _ = memory.walk(self.satp, vaddr, |step| {
                if keeps(step.pte, step.level, memory) {
                    tlb.add(vaddr, asid, step);
                }
            });
        }
    }

    /// An address that is worth a walk: one that was spoken of lately, one near it, or one that is in the tables.
    fn somewhere(&self, memory: Memory<'_>, hot: &Hot, rng: &mut Rng) -> VirtAddr {
        let hot = hot.one(rng).get();
        match rng.below(4) {
            0 => VirtAddr::new(hot),
            1 => VirtAddr::new(
                hot.wrapping_add(span(0) * rng.below(8))
                    .wrapping_sub(4 * span(0)),
            ),
            _ => self.wander(memory, rng),
        }
    }

    /// An address on a random way down the tables, mostly through entries that are not empty.
    fn wander(&self, memory: Memory<'_>, rng: &mut Rng) -> VirtAddr {
        let mode = self.satp.mode;
        let (mut low, mut table) = (0, self.satp.root);
        for level in (0..mode.levels()).rev() {
            let (start, anywhere) = (rng.below(WORDS), rng.below(4) == 0);
            let found = memory.with(table, |words, _| {
                let slots = (start..WORDS).chain(0..start);
                let mut read =
                    slots.filter_map(|slot| Some((slot, Pte(words.get(slot)?.load(Acquire)))));
                read.find(|(_, pte)| anywhere || pte.0 != 0)
            });
            let (slot, pte) = found.ok().flatten().unwrap_or((start, Pte(0)));
            low += slot * span(level);
            match pte.kind(level, memory.extensions) {
                PteKind::Pointer(next) => table = next,
                PteKind::Leaf => return mode.extend(low + rng.below(span(level))),
                PteKind::Fault => return mode.extend(low),
            }
        }
        mode.extend(low)
    }
}

/// Whether an entry may be cached for long: one that is not valid may not where Svvptc says so.
pub(super) fn keeps(pte: Pte, level: usize, memory: Memory<'_>) -> bool {
    !memory.extensions.svvptc || pte.kind(level, memory.extensions) != PteKind::Fault
}
