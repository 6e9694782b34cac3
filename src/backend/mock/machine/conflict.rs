//! Break-before-make: two valid translations for one address, both in reach of one CPU.
//!
//! One of them is cached, and the other in memory or cached as well. Where the manual asks for it, a kernel makes the
//! first invalid and flushes it before it writes the second. A CPU that has both may use either, or mix them.

use core::fmt;

use super::memory::{Memory, Step};
use super::oracle::{Leaf, View, child};
use super::rules::{Architecture, Kind, span};
use super::state::CpuState;
use crate::addr::VirtAddr;
use crate::asid::Asid;
use crate::backend::mock::host_access::WORDS;

/// Two translations for one address that were in reach of one CPU at a time, and must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The CPU that had both in reach.
    pub cpu: usize,
    /// An address that both translate.
    pub vaddr: VirtAddr,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu, vaddr } = self;
        write!(f, "two translations at once for {vaddr} on CPU {cpu}")
    }
}

impl<A: Architecture> CpuState<A> {
    /// Notes the first cached entry that conflicts with one in memory, as the registers are. O(cached entries ×
    /// levels), and O(pages) for a block that was split.
    pub(super) fn note_conflict(&mut self, memory: Memory<'_, A>) {
        if A::BREAKS && self.conflict.is_none() {
            self.conflict = self.find_conflict(memory);
        }
    }

    /// Notes a conflict of an entry that is about to be cached with one that is. O(levels).
    pub(super) fn note_conflict_of(
        &mut self,
        rules: A,
        vaddr: VirtAddr,
        asid: Asid,
        step: Step<A>,
    ) {
        if A::BREAKS && self.conflict.is_none() {
            let Some(new) = page(rules, step, vaddr) else {
                return;
            };
            let cached = self.tlb.hits(vaddr, asid);
            let mut cached = cached.filter_map(|cached| page(rules, cached.step, vaddr));
            if cached.any(|cached| rules.conflicts(cached, new)) {
                self.conflict = Some(vaddr);
            }
        }
    }

    fn find_conflict(&self, memory: Memory<'_, A>) -> Option<VirtAddr> {
        let mut compared = self.compared(memory);
        compared.find_map(|(vaddr, level, [cached, fresh])| {
            compare(memory, cached, fresh, level, vaddr)
        })
    }
}

/// A leaf as the page of `vaddr` sees it, if the entry is a leaf.
fn page<A: Architecture>(rules: A, step: Step<A>, vaddr: VirtAddr) -> Option<Leaf<A>> {
    let Kind::Leaf(to) = rules.kind(step.entry, step.level) else {
        return None;
    };
    let within = vaddr.get() & (span(step.level) - 1) & !(span(0) - 1);
    Some(Leaf::of(step, to).part(within))
}

/// The first address for which the two views conflict. A fault conflicts with nothing.
fn compare<A: Architecture>(
    memory: Memory<'_, A>,
    cached: View<A>,
    fresh: View<A>,
    level: usize,
    vaddr: VirtAddr,
) -> Option<VirtAddr> {
    match (cached, fresh) {
        (View::Leaf(one), View::Leaf(other)) => memory.rules.conflicts(one, other).then_some(vaddr),
        (View::Table(one, _), View::Table(other, _)) if one == other => None,
        (View::Table(..), View::Table(..) | View::Leaf(_)) | (View::Leaf(_), View::Table(..)) => {
            let below = level.checked_sub(1)?;
            (0..WORDS).find_map(|slot| {
                let part = |found| child(memory, found, level, slot);
                let at = VirtAddr::new(vaddr.get().wrapping_add(slot * span(below)));
                compare(memory, part(cached), part(fresh), below, at)
            })
        }
        _ => None,
    }
}
