//! A trace, call by call, in a space of its own.

use std::time::{Duration, Instant};

use kernel_vm::backend::PageTableBackend;
use kernel_vm::{MapError, MemoryArea, Permissions, PhysAddr, VirtAddr};
use kernel_vm::{VirtualMemoryManager, VirtualMemoryMap};

use super::failure::Failure;
use super::plan::{Action, Plan, Step};
use super::record::Record;
use super::trace::{PAGE, Trace};
use super::view::View;

/// The space after the last call.
pub(crate) struct Replay<B: PageTableBackend> {
    pub(crate) space: VirtualMemoryManager<B>,
    /// Which physical memory should stand where.
    pub(crate) record: Record,
    /// How long the calls took, without what came before the first.
    pub(crate) time: Duration,
}

impl<B: PageTableBackend> Replay<B> {
    /// Replays `trace` into an empty space over `backend`, as a process that touches every page at once: what a call
    /// maps is populated before the next, so that the calls edit a page table that is full.
    ///
    /// # Errors
    /// [`Failure::Refused`], [`Failure::Populate`].
    pub(crate) fn new(trace: &Trace, backend: B) -> Result<Self, Failure> {
        Self::watched(trace, backend, |space, action| {
            space.populate(action.area()).map_err(Failure::Populate)
        })
    }

    /// Replays `trace` with a look at the space after every step, instead of the touching. The looks are on the
    /// clock, too.
    ///
    /// # Errors
    /// [`Failure::Refused`], and what `look` finds.
    pub(crate) fn watched(
        trace: &Trace,
        backend: B,
        mut look: impl FnMut(&VirtualMemoryManager<B>, Action) -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        let Plan { init, calls } = Plan::of(trace);
        let mut space = VirtualMemoryManager::new(backend);
        let mut run = |steps: &[Step]| {
            steps.iter().try_for_each(|&Step { line, action }| {
                apply(&mut space, action).map_err(|error| Failure::Refused { line, error })?;
                look(&space, action)
            })
        };
        run(&init)?;
        let start = Instant::now();
        run(&calls)?;
        let time = start.elapsed();
        Ok(Self {
            space,
            record: Record::of(init.iter().chain(&calls)),
            time,
        })
    }
}

/// The manager's part of a step.
fn apply<B: PageTableBackend>(
    space: &mut VirtualMemoryManager<B>,
    action: Action,
) -> Result<(), MapError> {
    match action {
        Action::Add(region, first) => {
            space.add_memory_map(map(region.area, first, region.view)?)?;
        }
        Action::Replace(region, first) => {
            space.replace_memory_map(map(region.area, first, region.view)?)?;
        }
        Action::AddLike(like, area, first) => {
            let view = view(space, like)?;
            space.add_memory_map(map(area, first, view)?)?;
        }
        Action::ReplaceLike(like, area, first) => {
            let view = view(space, like)?;
            space.replace_memory_map(map(area, first, view)?)?;
        }
        Action::Unmap(area) => space.unmap(area)?,
        Action::Protect(area, permissions) => {
            space.protect(area, permissions | Permissions::USER)?;
        }
        Action::Remap { old, new } => space.remap(old, new)?,
    }
    Ok(())
}

/// `area` on the physical memory from `first` on.
fn map(area: MemoryArea, first: PhysAddr, view: View) -> Result<VirtualMemoryMap, MapError> {
    let View {
        permissions,
        is_shared,
    } = view.widened();
    let pmarea = MemoryArea::from_start_size(first, area.size())?;
    VirtualMemoryMap::new(area, pmarea, permissions | Permissions::USER, is_shared)
}

/// What the page at `like` allows, for another area to have.
fn view<B: PageTableBackend>(
    space: &VirtualMemoryManager<B>,
    like: VirtAddr,
) -> Result<View, MapError> {
    match space.search_memory_map(like) {
        Some(map) => Ok(View::of(map)),
        None => Err(MapError::NotMapped {
            hole: MemoryArea::from_start_size(like, PAGE)?,
        }),
    }
}
