//! A trace, call by call, in a space of its own.

use alloc::format;

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::backend::PageTableBackend;
use crate::error::MapError;
use crate::manager::VirtualMemoryManager;
use crate::map::VirtualMemoryMap;
use crate::permissions::Permissions;
use crate::testing::broken::Broken;

use super::check::Checked;
use super::history::{PAGE, Trace};
use super::plan::{Action, Plan, Step};
use super::record::Record;
use super::view::View;

/// Replays a trace in a space over `backend`, as a process that touches every page at once: all that a call maps is
/// populated before the next, so that the calls edit a page table that is full. Then it is [checked](Replay::check).
///
/// The physical memory is made up, from 1 TiB on, and never touched. O(pages of all calls).
///
/// ```
/// use kernel_vm::backend::{mock::HostFrames, sv39::Sv39};
/// use kernel_vm::testing::{Trace, replay};
///
/// let trace = b"map 1000-3000 rw-p\nprotect 2000-3000 r--\nfinal 1000-2000 rw-p\nfinal 2000-3000 r--p";
/// let checked = replay(&Trace::parse(trace)?, Sv39::new(HostFrames::new(16))?)?;
/// assert_eq!((checked.compared, checked.read_back), (2, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The first call that is refused, with its line, or the first page that is not as it should be.
pub fn replay<B: PageTableBackend>(trace: &Trace, backend: B) -> Result<Checked, Broken> {
    let mut replay = Replay::new(trace, backend)?;
    replay.populate_all()?;
    replay.run(|space, area| Ok(space.populate(area)?))?;
    replay.check()
}

/// A replay that the kernel's test looks at after each call, for whoever wants more than [`replay`].
///
/// ```
/// use kernel_vm::backend::mock::MockBackend;
/// use kernel_vm::testing::{Broken, Replay, Trace};
///
/// let trace = Trace::parse(b"init 1000-2000 rw-p\nunmap 1000-2000")?;
/// let mut replay = Replay::new(&trace, MockBackend::new())?;
/// replay.populate_all()?;
/// replay.run(|space, _| {
///     let found = space.backend().flushes();
///     (found == 1).then_some(()).ok_or(Broken::new("an unmap flushes once", found.to_string()))
/// })?;
/// assert_eq!(replay.check()?.compared, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Replay<'t, B: PageTableBackend> {
    /// The space, as it is after the calls so far.
    pub space: VirtualMemoryManager<B>,
    pub(super) trace: &'t Trace,
    plan: Plan,
}

impl<'t, B: PageTableBackend> Replay<'t, B> {
    /// The space as the process had it before its first call, with nothing populated. O(maps log maps).
    ///
    /// # Errors
    /// The first map that is refused, with its line.
    pub fn new(trace: &'t Trace, backend: B) -> Result<Self, Broken> {
        let plan = Plan::of(trace);
        let mut space = VirtualMemoryManager::new(backend);
        for step in &plan.init {
            make(&mut space, step)?;
        }
        Ok(Self { space, trace, plan })
    }

    /// Which physical memory should stand where in the end.
    pub(super) fn record(&self) -> Record {
        Record::of(self.plan.init.iter().chain(&self.plan.calls))
    }

    /// Writes the entries of all that is mapped. O(pages).
    ///
    /// # Errors
    /// There are too few frames.
    pub fn populate_all(&self) -> Result<(), Broken> {
        let mut ranges = self.space.backend().ranges().iter();
        ranges.try_for_each(|&range| Ok(self.space.populate(range)?))
    }

    /// Makes the calls of the process, and shows the space and the area concerned to `look` after each.
    ///
    /// # Errors
    /// The first call that is refused, with its line, or what `look` has found.
    pub fn run(
        &mut self,
        mut look: impl FnMut(&VirtualMemoryManager<B>, MemoryArea) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        for step in &self.plan.calls {
            make(&mut self.space, step)?;
            look(&self.space, step.action.area()).map_err(|broken| broken.when(line(step)))?;
        }
        Ok(())
    }
}

fn line(step: &Step) -> impl core::fmt::Display {
    format!("line {}", step.line)
}

/// The manager's part of a step, which must not be refused.
fn make<B: PageTableBackend>(
    space: &mut VirtualMemoryManager<B>,
    step: &Step,
) -> Result<(), Broken> {
    apply(space, step.action).map_err(|error| {
        let law = "a call that the recorded system has done can be done";
        Broken::new(law, format!("line {}: {error}", step.line))
    })
}

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
