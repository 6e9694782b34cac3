//! The oracle: whether a CPU has cached an entry that is no longer so.
//!
//! A cached entry speaks of a block of addresses. The oracle compares the *view* that the entry gives of that block
//! with the view of a fresh walk. Where one of the two is a table, it compares the 512 parts one by one: a superpage
//! that was split into pages that lead alike differs nowhere.

use super::memory::{Memory, Step};
use super::rules::{Architecture, Kind, Root, Route, span};
use super::stale::Stale;
use super::state::CpuState;
use super::trap::Stop;
use crate::addr::{PhysAddr, VirtAddr};
use crate::backend::mock::host_access::WORDS;

/// A leaf as a block of addresses sees it: the block may be a part of the leaf's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf<A: Architecture> {
    /// The entry, and the level where it stands.
    pub(super) entry: u64,
    pub(super) level: usize,
    /// What the entries down to this one say together.
    pub(super) path: A::Path,
    /// Where the block begins.
    pub(super) to: PhysAddr,
}

impl<A: Architecture> Leaf<A> {
    /// The leaf to `to` that stands in this entry, as its whole block sees it.
    pub(super) const fn of(step: Step<A>, to: PhysAddr) -> Self {
        Self {
            entry: step.entry,
            level: step.level,
            path: step.path,
            to,
        }
    }

    /// The leaf as a part of its block sees it, which begins so many bytes behind.
    pub(super) const fn part(self, offset: usize) -> Self {
        Self {
            to: PhysAddr::new(self.to.get() | offset as u64),
            ..self
        }
    }
}

/// The way in which hardware sees a block of addresses, of the size that one entry at some level speaks of.
#[derive(Clone, Copy)]
pub enum View<A: Architecture> {
    /// A page fault.
    Fault,
    /// A table on the way is where no memory is.
    NoMemory,
    /// A table on the way is a frame that was given back.
    Freed,
    /// One leaf for the whole block, which may be part of a larger leaf.
    Leaf(Leaf<A>),
    /// A table of 512 entries, at this address, and what the entries down to it say together.
    Table(PhysAddr, A::Path),
}

impl<A: Architecture> CpuState<A> {
    /// The cached entries that may answer by the present registers, level by level and in the order of their addresses:
    /// the root that each is below, its first address, and its copy.
    fn usable(&self, rules: A) -> impl Iterator<Item = (Root, VirtAddr, Step<A>)> {
        self.tlb.iter().filter_map(move |(vaddr, cached)| {
            let Route::Tables(root) = rules.route(&self.registers, vaddr) else {
                return None;
            };
            let is_usable = cached.hits(root.asid) && cached.step.level < root.levels;
            is_usable.then_some((root, vaddr, cached.step))
        })
    }

    /// The cached entries that may answer, each with the view that it gives and that of a fresh walk.
    pub(super) fn compared(
        &self,
        memory: Memory<'_, A>,
    ) -> impl Iterator<Item = (VirtAddr, usize, [View<A>; 2])> {
        let mut fresh = Fresh { memory, last: None };
        let usable = self.usable(memory.rules);
        usable.map(move |(root, vaddr, step)| {
            let views = [view(memory, step), fresh.view(root, vaddr, step.level)];
            (vaddr, step.level, views)
        })
    }

    /// The first usable entry that leads to `frame`: a pointer to the table there, or a leaf. O(cached entries).
    pub(super) fn leads_to(
        &self,
        cpu: usize,
        frame: PhysAddr,
        memory: Memory<'_, A>,
    ) -> Option<Stale> {
        let mut leading =
            self.usable(memory.rules)
                .filter(|&(_, _, step)| match memory.kind(step) {
                    Kind::Fault(_) => false,
                    Kind::Pointer(table) => table == frame,
                    Kind::Leaf(to) => frame.get() & !(span(step.level) as u64 - 1) == to.get(),
                });
        leading.next().map(|(_, vaddr, _)| Stale {
            cpu,
            vaddr,
            is_spurious: false,
        })
    }

    /// The first usable entry that does not answer as a fresh walk would; one that can only fault if all such do.
    ///
    /// O(cached entries × levels), and O(pages) for a block that was split.
    pub(super) fn stale(&self, cpu: usize, memory: Memory<'_, A>) -> Option<Stale> {
        let compared = self.compared(memory);
        let differing = compared.filter_map(|(vaddr, level, [cached, fresh])| {
            compare(memory, cached, fresh, level, vaddr)
        });
        worst(differing, |&(_, is_spurious)| is_spurious).map(|(vaddr, is_spurious)| Stale {
            cpu,
            vaddr,
            is_spurious,
        })
    }
}

/// The views of fresh walks. Blocks that lie in one table come one after the other, so the table is remembered.
struct Fresh<'a, A: Architecture> {
    memory: Memory<'a, A>,
    /// The level and the number of the block that the last one was a part of, with its view.
    last: Option<(usize, usize, View<A>)>,
}

impl<A: Architecture> Fresh<'_, A> {
    /// The view that a fresh walk from `root` has of the block of `vaddr` at `level`. O(1) in the table of the last
    /// one, O(levels) elsewhere.
    fn view(&mut self, root: Root, vaddr: VirtAddr, level: usize) -> View<A> {
        let above = level + 1;
        let block = vaddr.get() / span(above);
        let whole = match self.last {
            Some((height, number, whole)) if (height, number) == (above, block) => whole,
            _ => walked(self.memory, root, vaddr, above),
        };
        self.last = Some((above, block, whole));
        child(self.memory, whole, above, slot(vaddr, level))
    }
}

/// The view that a fresh walk has of the block of `vaddr` at `level`.
///
/// A walk that ends in a leaf above `level` sees the part of that leaf.
fn walked<A: Architecture>(
    memory: Memory<'_, A>,
    root: Root,
    vaddr: VirtAddr,
    level: usize,
) -> View<A> {
    let whole = View::Table(root.table, A::Path::default());
    (level..root.levels).rev().fold(whole, |found, below| {
        child(memory, found, below + 1, slot(vaddr, below))
    })
}

/// The number of the entry for `vaddr` in a table at `level`.
fn slot(vaddr: VirtAddr, level: usize) -> usize {
    vaddr.get() / span(level) % WORDS
}

impl<A: Architecture> From<Stop<A::Reason>> for View<A> {
    fn from(stop: Stop<A::Reason>) -> Self {
        match stop {
            Stop::Fault(_) => Self::Fault,
            Stop::Memory => Self::NoMemory,
            Stop::Freed(_) => Self::Freed,
        }
    }
}

/// The view that an entry gives. A pointer to a table that cannot be read is seen as the fault that comes of reading
/// it.
pub(super) fn view<A: Architecture>(memory: Memory<'_, A>, step: Step<A>) -> View<A> {
    match memory.kind(step) {
        Kind::Fault(_) => View::Fault,
        Kind::Leaf(to) => View::Leaf(Leaf::of(step, to)),
        Kind::Pointer(table) => match memory.read(table) {
            Ok(_) => View::Table(table, step.path),
            Err(stop) => View::from(stop),
        },
    }
}

/// The view of one of the 512 parts of a block at `level`, of which `found` is the view.
pub(super) fn child<A: Architecture>(
    memory: Memory<'_, A>,
    found: View<A>,
    level: usize,
    slot: usize,
) -> View<A> {
    let below = level.saturating_sub(1);
    match found {
        View::Leaf(leaf) => View::Leaf(leaf.part(slot * span(below))),
        View::Table(table, above) => {
            let at = PhysAddr::new(table.get() + 8 * slot as u64);
            memory.read(at).map_or_else(View::from, |entry| {
                let step = Step {
                    level: below,
                    at,
                    entry,
                    path: memory.rules.path(above, entry, below),
                };
                view(memory, step)
            })
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
fn compare<A: Architecture>(
    memory: Memory<'_, A>,
    cached: View<A>,
    fresh: View<A>,
    level: usize,
    vaddr: VirtAddr,
) -> Option<Difference> {
    match (cached, fresh) {
        (View::Freed, _) => Some((vaddr, false)),
        (View::Fault, View::Fault) | (View::NoMemory, View::NoMemory) => None,
        (View::Table(one, above), View::Table(other, path)) if (one, above) == (other, path) => {
            None
        }
        (View::Leaf(one), View::Leaf(other)) if one == other => None,
        (View::Leaf(one), View::Leaf(other)) if one.to != other.to => Some((vaddr, false)),
        (View::Leaf(one), View::Leaf(other)) => {
            let is_spurious = memory.rules.allows_less(one, other);
            (!memory.rules.agrees(one, other)).then_some((vaddr, is_spurious))
        }
        (View::Table(..), _) | (_, View::Table(..)) => {
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
