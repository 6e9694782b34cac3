//! Whether a CPU has cached what is no longer so.

use super::memory::{Memory, Step};
use super::pte::{Pte, PteKind, span};
use super::satp::Scheme;
use super::stale::Stale;
use super::state::CpuState;
use super::trap::Stop;
use crate::addr::{PhysAddr, VirtAddr};
use crate::backend::mock::host_access::WORDS;

/// What is known of a block of addresses.
#[derive(Clone, Copy)]
enum View {
    Fault,
    NoMemory,
    Freed,
    Leaf(Pte),
    Table(PhysAddr),
}

impl CpuState {
    /// The cached entries that may answer under the present `satp`, with their first address.
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

    /// The first of them that leads to a frame: a pointer to the table there, or a leaf.
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

    /// The first of them that does not answer as a fresh walk would; one that can only fault if all such do.
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

    /// What a fresh walk finds at `level`.
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

/// What an entry says; a table that is not there counts as what a look into it finds.
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

/// What is known of one of the 512 parts.
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

/// An address for which something cached is wrong, and whether that only faults.
type Difference = (VirtAddr, bool);

/// The first that does more than fault, or the first of all.
pub(super) fn worst<T: Copy>(
    mut found: impl Iterator<Item = T>,
    is_spurious: impl Fn(&T) -> bool,
) -> Option<T> {
    let first = found.next()?;
    let mut all = core::iter::once(first).chain(found);
    Some(all.find(|one| !is_spurious(one)).unwrap_or(first))
}

/// The first address for which the two say something else, and whether the cached one only faults there; one for which
/// it does more, if there is any.
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
                // It does no more than that anywhere.
                View::Fault => parts.next(),
                _ => worst(parts, |&(_, is_spurious)| is_spurious),
            }
        }
        (View::Fault, _) => Some((vaddr, true)),
        _ => Some((vaddr, false)),
    }
}
