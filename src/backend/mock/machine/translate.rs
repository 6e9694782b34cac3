//! The translation of one access: the cached entry that it begins with, the walk, and its outcome.

use alloc::vec::Vec;

use super::memory::{Marks, Memory, Step};
use super::rules::{Architecture, Kind, Root, Route, span};
use super::state::CpuState;
use super::tlb::{Cached, Fate};
use super::trap::Stop;
use crate::addr::{PhysAddr, VirtAddr};
use crate::backend::rng::Rng;
use crate::permissions::Access;

/// The physical address that an access goes to, or the reason for which it stops.
pub(super) type Outcome<A> = Result<PhysAddr, Stop<<A as Architecture>::Reason>>;

/// The number of times that an entry may change between the walk and the setting of its marks.
///
/// After them the access gives up with a page fault, which is then spurious.
const PATIENCE: usize = 64;

/// An access that a CPU is asked for: the kind, the address, and the memory in which tables are read.
#[derive(Clone, Copy)]
pub(super) struct Request<'a, A> {
    pub(super) memory: Memory<'a, A>,
    pub(super) vaddr: VirtAddr,
    pub(super) access: Access,
}

/// The end of a walk: where the access goes, and the leaf as it leaves it in memory.
struct End {
    paddr: PhysAddr,
    marked: u64,
}

impl<A: Architecture> CpuState<A> {
    /// The outcome of a walk that uses no cached entry. Writes nothing.
    pub(super) fn fresh(&self, request: Request<'_, A>) -> Outcome<A> {
        let root = match self.route(request) {
            Ok(root) => root,
            Err(outcome) => return outcome,
        };
        let leaf = request
            .memory
            .walk(root, request.vaddr, Marks::Left, |_| ())?;
        Ok(self.finish(leaf, request)?.paddr)
    }

    /// All outcomes that an access may have now: first that of a fresh walk, then that of each cached entry with which
    /// the walk may begin. Writes nothing.
    pub(super) fn outcomes(&self, request: Request<'_, A>) -> Vec<Outcome<A>> {
        let fresh = [self.fresh(request)].into_iter();
        let starts = self.starts(request.memory.rules, request.vaddr);
        fresh
            .chain(starts.map(|start| self.cached(start, request)))
            .collect()
    }

    /// Translates the address of an access: the walk begins with a cached entry, a stale one if there is any and luck
    /// has it, or at the root.
    ///
    /// Entries that the walk reads are cached, or not. Marks are set where the hardware sets them.
    pub(super) fn translate(&mut self, request: Request<'_, A>, rng: &mut Rng) -> Outcome<A> {
        let root = match self.route(request) {
            Ok(root) => root,
            Err(outcome) => return outcome,
        };
        let outcome = self.search(root, request, rng);
        if let Err(Stop::Fault(_)) = outcome {
            request.memory.rules.faulted(self, request.vaddr);
        }
        outcome
    }

    /// [`translate`](Self::translate) of an address that tables translate.
    fn search(&mut self, root: Root, request: Request<'_, A>, rng: &mut Rng) -> Outcome<A> {
        let mut start = self.pick(request, rng);
        for _ in 0..PATIENCE {
            let leaf = self.walk(root, start, request, rng)?;
            let End { paddr, marked } = self.finish(leaf, request)?;
            if marked == leaf.entry || request.memory.exchange(leaf.at, leaf.entry, marked)? {
                return Ok(paddr);
            }
            // The cached entry has just been seen to be old.
            start = None;
        }
        Err(Stop::invalid())
    }

    /// The tables for an access, or the outcome of one that needs none.
    fn route(&self, request: Request<'_, A>) -> Result<Root, Outcome<A>> {
        match request.memory.rules.route(&self.registers, request.vaddr) {
            Route::Physical => Err(Ok(PhysAddr::new(request.vaddr.get() as u64))),
            Route::Fault(reason) => Err(Err(Stop::Fault(reason))),
            Route::Tables(root) => Ok(root),
        }
    }

    /// The cached entries that a walk may begin with.
    pub(super) fn starts(&self, rules: A, vaddr: VirtAddr) -> impl Iterator<Item = Cached<A>> {
        let root = match rules.route(&self.registers, vaddr) {
            Route::Tables(root) => Some(root),
            Route::Physical | Route::Fault(_) => None,
        };
        let below = move |root| self.starts_below(root, vaddr);
        root.into_iter().flat_map(below)
    }

    /// As [`starts`](Self::starts), where `root` translates `vaddr`.
    pub(super) fn starts_below(
        &self,
        root: Root,
        vaddr: VirtAddr,
    ) -> impl Iterator<Item = Cached<A>> {
        let hits = self.tlb.hits(vaddr, root.asid);
        hits.filter(move |cached| cached.step.level < root.levels)
    }

    /// The outcome of an access that begins with a cached entry. Writes nothing.
    fn cached(&self, start: Cached<A>, request: Request<'_, A>) -> Outcome<A> {
        let Request { memory, vaddr, .. } = request;
        let leaf = memory.follow(start.step, vaddr, Marks::Left, |_| ())?;
        let End { paddr, marked } = self.finish(leaf, request)?;
        if marked == leaf.entry || memory.read(leaf.at)? == leaf.entry {
            return Ok(paddr);
        }
        self.fresh(request)
    }

    /// The entry to begin a walk with, or `None` for the root: mostly a stale one, where there is any.
    fn pick(&self, request: Request<'_, A>, rng: &mut Rng) -> Option<Cached<A>> {
        let cached: Vec<_> = self.starts(request.memory.rules, request.vaddr).collect();
        let fresh = self.fresh(request);
        let is_stale = |&start: &Cached<A>| self.cached(start, request) != fresh;
        let stale: Vec<_> = cached.iter().copied().filter(is_stale).collect();
        match rng.below(8) {
            0 => None,
            1 => rng.one_of(&cached),
            _ => rng.one_of(&stale).or_else(|| rng.one_of(&cached)),
        }
    }

    /// Walks to the leaf, and caches most of the entries that the walk reads.
    fn walk(
        &mut self,
        root: Root,
        start: Option<Cached<A>>,
        request: Request<'_, A>,
        rng: &mut Rng,
    ) -> Result<Step<A>, Stop<A::Reason>> {
        let Request { memory, vaddr, .. } = request;
        let fate = start.map_or(Fate::default(), |start| start.fate);
        let seen = |step: Step<A>| {
            if rng.below(4) != 0 {
                self.cache(memory.rules, vaddr, root.asid, step, fate);
            }
        };
        match start {
            Some(start) => memory.follow(start.step, vaddr, Marks::Set, seen),
            None => memory.walk(root, vaddr, Marks::Set, seen),
        }
    }

    /// The end of an access that has found this leaf, if the leaf allows the access.
    fn finish(&self, leaf: Step<A>, request: Request<'_, A>) -> Result<End, Stop<A::Reason>> {
        let rules = request.memory.rules;
        let judged = rules.judge(&self.registers, leaf, request.access);
        let marked = judged.map_err(Stop::Fault)?;
        let to = match request.memory.kind(leaf) {
            Kind::Leaf(to) => to,
            Kind::Fault(reason) => return Err(Stop::Fault(reason)),
            Kind::Pointer(_) => return Err(Stop::invalid()),
        };
        let offset = request.vaddr.get() & (span(leaf.level) - 1);
        let paddr = PhysAddr::new(to.get() | offset as u64);
        Ok(End { paddr, marked })
    }
}
