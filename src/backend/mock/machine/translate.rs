//! The translation of one access: the cached entry that it begins with, the walk, and its outcome.

use alloc::vec::Vec;

use super::memory::{Memory, Step};
use super::satp::Scheme;
use super::speculate::keeps;
use super::state::CpuState;
use super::trap::Stop;
use crate::addr::{PhysAddr, VirtAddr};
use crate::backend::rng::Rng;
use crate::permissions::Access;

/// The physical address that an access goes to, or the reason for which it stops.
pub(super) type Outcome = Result<PhysAddr, Stop>;

/// The number of times that an entry may change between the walk and the setting of A and D.
///
/// After them the access gives up with a page fault, which is then spurious.
const PATIENCE: usize = 64;

/// An access that a CPU is asked for: the kind, the address, and the memory in which tables are read.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) memory: Memory<'a>,
    pub(super) vaddr: VirtAddr,
    pub(super) access: Access,
}

impl CpuState {
    /// The outcome of a walk that uses no cached entry. Writes nothing.
    pub(super) fn fresh(&self, request: Request<'_>) -> Outcome {
        self.untranslated(request.vaddr).unwrap_or_else(|| {
            let leaf = request.memory.walk(self.satp, request.vaddr, |_| ())?;
            self.finish(leaf, request)
        })
    }

    /// All outcomes that an access may have now: first that of a fresh walk, then that of each cached entry with which
    /// the walk may begin. Writes nothing.
    pub(super) fn outcomes(&self, request: Request<'_>) -> Vec<Outcome> {
        let fresh = [self.fresh(request)].into_iter();
        let starts = self.starts(request.vaddr);
        fresh
            .chain(starts.map(|step| self.cached(step, request)))
            .collect()
    }

    /// Translates the address of an access: the walk begins with a cached entry, a stale one if there is any and luck
    /// has it, or at the root.
    ///
    /// Entries that the walk reads are cached, or not. A and D are set where the hardware sets them.
    pub(super) fn translate(&mut self, request: Request<'_>, rng: &mut Rng) -> Outcome {
        if let Some(outcome) = self.untranslated(request.vaddr) {
            return outcome;
        }
        let mut start = self.pick(request, rng);
        for _ in 0..PATIENCE {
            let leaf = self.walk(start, request, rng)?;
            let paddr = self.finish(leaf, request)?;
            let marked = leaf.pte.marked(request.access);
            if marked == leaf.pte || request.memory.exchange(leaf.at, leaf.pte, marked)? {
                return Ok(paddr);
            }
            // 'If the comparison fails, return to step 2': the cached entry has just been seen to be old.
            start = None;
        }
        Err(Stop::Page)
    }

    /// The outcome of an access that needs no tables: of any in Bare, and of one whose address is not canonical.
    fn untranslated(&self, vaddr: VirtAddr) -> Option<Outcome> {
        match self.satp.mode {
            Scheme::Bare => Some(Ok(PhysAddr::new(vaddr.get() as u64))),
            mode if !mode.is_canonical(vaddr) => Some(Err(Stop::Page)),
            _ => None,
        }
    }

    /// The cached entries that a walk may begin with.
    pub(super) fn starts(&self, vaddr: VirtAddr) -> impl Iterator<Item = Step> {
        let levels = match self.untranslated(vaddr) {
            Some(_) => 0,
            None => self.satp.mode.levels(),
        };
        let hits = self.tlb.hits(vaddr, self.satp.asid);
        hits.filter(move |step| step.level < levels)
    }

    /// The outcome of an access that begins with a cached entry. Writes nothing.
    fn cached(&self, start: Step, request: Request<'_>) -> Outcome {
        let leaf = request.memory.follow(start, request.vaddr, |_| ())?;
        let paddr = self.finish(leaf, request)?;
        let is_marked = leaf.pte.marked(request.access) == leaf.pte;
        if is_marked || request.memory.read(leaf.at)? == leaf.pte {
            return Ok(paddr);
        }
        self.fresh(request)
    }

    /// The entry to begin a walk with, or `None` for the root: mostly a stale one, where there is any.
    fn pick(&self, request: Request<'_>, rng: &mut Rng) -> Option<Step> {
        let cached: Vec<_> = self.starts(request.vaddr).collect();
        let fresh = self.fresh(request);
        let is_stale = |&step: &Step| self.cached(step, request) != fresh;
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
        start: Option<Step>,
        request: Request<'_>,
        rng: &mut Rng,
    ) -> Result<Step, Stop> {
        let Request { memory, vaddr, .. } = request;
        let (tlb, asid) = (&mut self.tlb, self.satp.asid);
        let seen = |step: Step| {
            if keeps(step.pte, step.level, memory) && rng.below(4) != 0 {
                tlb.add(vaddr, asid, step);
            }
        };
        match start {
            Some(step) => memory.follow(step, vaddr, seen),
            None => memory.walk(self.satp, vaddr, seen),
        }
    }

    /// The address that the leaf leads to, if the leaf allows the access (steps 5 to 8). Without Svadu, A and D that
    /// are missing are a page fault.
    fn finish(&self, leaf: Step, request: Request<'_>) -> Outcome {
        let Request {
            memory,
            vaddr,
            access,
        } = request;
        let is_marked = leaf.pte.marked(access) == leaf.pte;
        if !leaf.pte.allows(access, self.status) || !is_marked && !memory.extensions.svadu {
            return Err(Stop::Page);
        }
        Ok(leaf.pte.target(leaf.level, vaddr))
    }
}
