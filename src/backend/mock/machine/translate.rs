//! One access: which of the things that a CPU may use it uses, and what comes of it.

use alloc::vec::Vec;

use super::memory::{Memory, Step};
use super::satp::Scheme;
use super::speculate::keeps;
use super::state::CpuState;
use super::trap::Stop;
use crate::addr::{PhysAddr, VirtAddr};
use crate::backend::rng::Rng;
use crate::permissions::Access;

/// Where an access goes, or what stops it.
pub(super) type Outcome = Result<PhysAddr, Stop>;

/// How often an entry may change between the walk and the setting of A and D, before the access gives up with a page
/// fault, which is then spurious.
const PATIENCE: usize = 64;

/// An access of a CPU.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) memory: Memory<'a>,
    pub(super) vaddr: VirtAddr,
    pub(super) access: Access,
}

impl CpuState {
    /// What a walk answers that uses nothing cached. Writes nothing.
    pub(super) fn fresh(&self, request: Request<'_>) -> Outcome {
        self.untranslated(request.vaddr).unwrap_or_else(|| {
            let leaf = request.memory.walk(self.satp, request.vaddr, |_| ())?;
            self.finish(leaf, request)
        })
    }

    /// All that an access may answer now: first what a fresh walk does, then what each cached entry leads to. Writes
    /// nothing.
    pub(super) fn outcomes(&self, request: Request<'_>) -> Vec<Outcome> {
        let fresh = [self.fresh(request)].into_iter();
        let starts = self.starts(request.vaddr);
        fresh
            .chain(starts.map(|step| self.cached(step, request)))
            .collect()
    }

    /// Does the access as far as its address goes: picks one of the outcomes, a stale one if there is any and luck
    /// has it; caches what it reads, or not; sets A and D.
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
            // 'If the comparison fails, return to step 2': what was cached has just been seen to be old.
            start = None;
        }
        Err(Stop::Page)
    }

    /// What is answered without a look at tables, if anything.
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

    /// What an access that begins with a cached entry answers. Writes nothing.
    fn cached(&self, start: Step, request: Request<'_>) -> Outcome {
        let leaf = request.memory.follow(start, request.vaddr, |_| ())?;
        let paddr = self.finish(leaf, request)?;
        let is_marked = leaf.pte.marked(request.access) == leaf.pte;
        if is_marked || request.memory.read(leaf.at)? == leaf.pte {
            return Ok(paddr);
        }
        self.fresh(request)
    }

    /// One to begin with, or the root.
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

    /// Walks to the leaf, and caches what was read, or not.
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

    /// Where the leaf leads, if it allows the access (steps 5 to 8), A and D aside where the hardware sets them.
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
