//! The oracle: whether a CPU has cached an entry that is no longer so.
//!
//! A cached entry speaks of a block of addresses. The oracle compares the *view* that the entry gives of that block
//! with the view of a fresh walk. Where one of the two is a table, it compares the 512 parts one by one: a superpage
//! that was split into pages that lead alike differs nowhere.

use super::memory::{Memory, Step};
use super::pte::{Pte, PteKind, span};
use super::satp::Scheme;
use super::stale::Stale;
use super::state::CpuState;
use super::trap::Stop;
use crate::addr::{PhysAddr, VirtAddr};
use crate::backend::mock::host_access::WORDS;

/// The way in which hardware sees a block of addresses, of the size that one entry at some level speaks of.
#[derive(Clone, Copy)]
enum View {
    /// A page fault.
    Fault,
    /// An access fault: a table on the way is where no memory is.
    NoMemory,
    /// A table on the way is a frame that was given back.
    Freed,
    /// One leaf for the whole block, which may be part of a larger leaf.
    Leaf(Pte),
    /// A table of 512 entries, at this address.
    Table(PhysAddr),
}

impl CpuState {
    /// The cached entries that may answer under the present `satp`, each with its first address.
    fn usable(&self) -> impl Iterator<Item = (VirtAddr, Step)> {
        let mode = self.satp.mode;
        let entries = self.tlb.iter().filter(move |(vaddr, cached)| {
            mode != Scheme::Bare
                && mode.is_canonical(*vaddr)
                && cached.hits(self.satp.asid)
                && cached.step.level < mode.levels()
        });
        entries.map(|(vaddr, cached)| (vaddr, cached.step))
    }

    /// The first usable entry that leads to `frame`: a pointer to the table there, or a leaf. O(cached entries).
    pub(super) fn leads_to(
        &self,
        cpu: usize,
        frame: PhysAddr,
        memory: Memory<'_>,
    ) -> Option<Stale> {
        let mut leading =
            self.usable().filter(
                |(_, step)| match step.pte.kind(step.level, memory.extensions) {
                    PteKind::Fault => false,
                    PteKind::Pointer(table) => table == frame,
                    PteKind::Leaf => step.pte.reaches(step.level, frame),
                },
            );
        leading.next().map(|(vaddr, _)| Stale {
            cpu,
            vaddr,
            is_spurious: false,
        })
    }

    /// The first usable entry that does not answer as a fresh walk would; one that can only fault if all such do.
    ///
    /// O(cached entries × levels), and O(pages) for a superpage that was split.
    pub(super) fn stale(&self, cpu: usize, memory: Memory<'_>) -> Option<Stale> {
        let differing = self
            .usable()
            .filter_map(|(vaddr, Step { level, pte, .. })| {
                let fresh = self.view(vaddr, level, memory);
                compare(memory, view(memory, pte, level), fresh, level, vaddr)
            });
        worst(differing, |&(_, is_spurious)| is_spurious).map(|(vaddr, is_spurious)| Stale {
            cpu,
            vaddr,
            is_spurious,
        })
    }

    /// The view that a fresh walk has of the block of `vaddr` at `level`.
    ///
    /// A walk that ends in a leaf above `level` sees the part of that leaf.
    fn view(&self, vaddr: VirtAddr, level: usize, memory: Memory<'_>) -> View {
        let mut last = None;
        let walked = memory.walk(self.satp, vaddr, |step| {
            if step.level >= level {
                last = Some(step);
            }
        });
        match (last, walked) {
            (Some(step), _) if step.level == level => view(memory, step.pte, level),
            (_, Ok(leaf)) => {
                (level..leaf.level)
                    .rev()
                    .fold(View::Leaf(leaf.pte), |found, below| {
                        let slot = vaddr.get() / span(below) % WORDS;
                        child(memory, found, below + 1, slot)
                    })
            }
            (_, Err(stop)) => View::from(stop),
        }
    }
}

impl From<Stop> for View {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Page => Self::Fault,
            Stop::Memory => Self::NoMemory,
            Stop::Freed(_) => Self::Freed,
        }
    }
}

/// The view that an entry at `level` gives. A pointer to a table that cannot be read is seen as the fault that comes of
/// reading it.
fn view(memory: Memory<'_>, pte: Pte, level: usize) -> View {
    match pte.kind(level, memory.extensions) {
        PteKind::Fault => View::Fault,
        PteKind::Leaf => View::Leaf(pte),
        PteKind::Pointer(table) => match memory.read(table) {
            Ok(_) => View::Table(table),
            Err(stop) => View::from(stop),
        },
    }
}

/// The view of one of the 512 parts of a block at `level`, of which `found` is the view.
fn child(memory: Memory<'_>, found: View, level: usize, slot: usize) -> View {
    let below = level.saturating_sub(1);
    match found {
        View::Leaf(pte) => View::Leaf(pte.part(level, slot)),
        View::Table(table) => {
            let at = PhysAddr::new(table.get() + 8 * slot as u64);
            memory
                .read(at)
                .map_or_else(View::from, |pte| view(memory, pte, below))
        }
        View::Fault | View::NoMemory | View::Freed => found,
    }
}

/// An address for which a cached entry is wrong, and whether the entry only faults there.
type Difference = (VirtAddr, bool);

/// The first that does more than fault, or the first of all where none does.
pub(super) fn worst<T: Copy>(
    mut found: impl Iterator<Item = T>,
    is_spurious: impl Fn(&T) -> bool,
) -> Option<T> {
    let first = found.next()?;
    let mut all = core::iter::once(first).chain(found);
    Some(all.find(|one| !is_spurious(one)).unwrap_or(first))
}

/// The first address for which the two views differ, and whether the cached one only faults there.
///
/// An address for which the cached one does more than fault is answered before one for which it only faults.
fn compare(
    memory: Memory<'_>,
    cached: View,
    fresh: View,
    level: usize,
    vaddr: VirtAddr,
) -> Option<Difference> {
    match (cached, fresh) {
        (View::Freed, _) => Some((vaddr, false)),
        (View::Fault, View::Fault) | (View::NoMemory, View::NoMemory) => None,
        (View::Table(one), View::Table(other)) if one == other => None,
        (View::Leaf(one), View::Leaf(other)) => {
            let is_spurious = one.allows_less(other);
            (!one.agrees(other, memory.extensions)).then_some((vaddr, is_spurious))
        }
        (View::Table(_), _) | (_, View::Table(_)) => {
            let mut parts = (0..WORDS).filter_map(|slot| {
                let part = |found| child(memory, found, level, slot);
                let below = level.checked_sub(1)?;
                let at = VirtAddr::new(vaddr.get().wrapping_add(slot * span(below)));
                compare(memory, part(cached), part(fresh), below, at)
            });
            match cached {
                // A fault is spurious in every part: the first part is as good as any.
                View::Fault => parts.next(),
                _ => worst(parts, |&(_, is_spurious)| is_spurious),
            }
        }
        (View::Fault, _) => Some((vaddr, true)),
        _ => Some((vaddr, false)),
    }
}
