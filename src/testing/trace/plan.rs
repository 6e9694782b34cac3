//! From the process's calls to the manager's: physical memory is chosen here.

use alloc::vec::Vec;

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::permissions::Permissions;

use super::history::{Call, PAGE, Region, Trace};
use super::view::widened;

/// A call on the manager, and the line that wants it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) action: Action,
}

/// A call on the manager.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// Map where nothing is.
    Add(Region, PhysAddr),
    /// Map over whatever is there.
    Replace(Region, PhysAddr),
    /// Map where nothing is, with what the page `like` has.
    AddLike(VirtAddr, MemoryArea, PhysAddr),
    /// Map over whatever is there, with what the page `like` has.
    ReplaceLike(VirtAddr, MemoryArea, PhysAddr),
    Unmap(MemoryArea),
    Protect(MemoryArea, Permissions),
    Remap {
        old: MemoryArea,
        new: MemoryArea,
    },
}

impl Action {
    /// Where the space is another afterwards.
    pub(super) fn area(self) -> MemoryArea {
        match self {
            Self::Add(region, _) | Self::Replace(region, _) => region.area,
            Self::AddLike(_, area, _) | Self::ReplaceLike(_, area, _) => area,
            Self::Unmap(area) | Self::Protect(area, _) => area,
            Self::Remap { new, .. } => new,
        }
    }
}

/// What the manager is to do for a trace: before the first call, and then.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) init: Vec<Step>,
    pub(super) calls: Vec<Step>,
}

impl Plan {
    pub(super) fn of(trace: &Trace) -> Self {
        let mut memory = Memory::new();
        let init = trace.init.iter().map(|&(line, region)| Step {
            line,
            action: Action::Add(region, memory.run(region.area)),
        });
        let init = init.collect();
        let calls = trace.calls.iter().flat_map(|&(line, call)| {
            let actions = actions(call, &mut memory);
            actions.map(move |action| Step { line, action })
        });
        Self {
            init,
            calls: calls.collect(),
        }
    }
}

/// One call of the process, as one or two of ours.
fn actions(call: Call, memory: &mut Memory) -> impl Iterator<Item = Action> + use<> {
    let (first, second) = match call {
        Call::Map(region) => (Action::Replace(region, memory.run(region.area)), None),
        Call::Unmap(area) => (Action::Unmap(area), None),
        Call::Protect(area, permissions) => (Action::Protect(area, widened(permissions)), None),
        Call::Remap { old, new } => remap(old, new, memory),
    };
    [first].into_iter().chain(second)
}

/// The manager does not grow maps: what lies behind physical memory is another's. So what grows is moved as it is, and
/// a run of its own follows on it.
fn remap(old: MemoryArea, new: MemoryArea, memory: &mut Memory) -> (Action, Option<Action>) {
    match new.split_at(old.size()) {
        None => (Action::Remap { old, new }, None),
        Some((head, tail)) => {
            let (like, first) = (head.start(), memory.run(tail));
            if old.start() == like {
                (Action::AddLike(like, tail, first), None)
            } else {
                let grow = Action::ReplaceLike(like, tail, first);
                (Action::Remap { old, new: head }, Some(grow))
            }
        }
    }
}

/// Made-up physical memory, handed out from the bottom up and never taken back. Nobody ever touches it.
struct Memory {
    free: u64,
}

impl Memory {
    /// What a large leaf of the page table spans.
    const BLOCK: u64 = 2 << 20;

    const fn new() -> Self {
        Self { free: 1 << 40 }
    }

    /// A run for `area`, as far from a multiple of 2 MiB as that, so that large leaves fit; and apart from all others
    /// by a page at least, so that maps do not join. Where 2^64 is passed, an address that every page table refuses.
    fn run(&mut self, area: MemoryArea) -> PhysAddr {
        let block = self.free.checked_next_multiple_of(Self::BLOCK);
        let first =
            block.and_then(|block| block.checked_add(area.start().get() as u64 % Self::BLOCK));
        let first = first.unwrap_or(u64::MAX);
        self.free = first
            .saturating_add(area.size() as u64)
            .saturating_add(PAGE as u64);
        PhysAddr::new(first)
    }
}
