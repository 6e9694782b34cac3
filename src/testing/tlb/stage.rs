//! A space that all CPUs run, and what they have cached of it.

use alloc::format;
use alloc::string::ToString as _;
use alloc::sync::Arc;
use core::fmt;

use spin::Mutex;

use super::Kernel;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::backend::mock::machine::{Privilege, Stale};
use crate::backend::{Entry, PageTableBackend};
use crate::error::MapError;
use crate::fault;
use crate::manager::{Answer, VirtualMemoryManager};
use crate::map::VirtualMemoryMap;
use crate::permissions::{Access, Permissions};
use crate::testing::broken::{Broken, ensure};
use crate::testing::faulty::{Duty, Faulty};

pub(super) const R: Permissions = Permissions::READ.union(Permissions::USER);
pub(super) const RW: Permissions = R.union(Permissions::WRITE);

/// Where physical memory is mapped that nobody touches.
const MEMORY: u64 = 1 << 36;

/// What was given back while a CPU could reach it.
type Reached = Arc<Mutex<Option<(PhysAddr, Stale)>>>;

/// A space on a kernel's platform, and another for CPUs that leave the first.
pub(super) struct Stage<'k, K: Kernel> {
    kernel: &'k K,
    pub(super) space: VirtualMemoryManager<K::Table>,
    platform: Faulty<K::Platform>,
    other: VirtualMemoryManager<K::Table>,
    others: Faulty<K::Platform>,
    reached: Reached,
    /// A border of two large leaves, with room on both sides.
    base: VirtAddr,
    /// The pages that CPUs look at.
    hot: MemoryArea,
}

impl<'k, K: Kernel> Stage<'k, K> {
    pub(super) const PAGE: usize = <K::Table as PageTableBackend>::PAGE_SIZE;

    pub(super) fn new(kernel: &'k K) -> Result<Self, Broken> {
        let others = Faulty::new(kernel.platform());
        let other = VirtualMemoryManager::new(kernel.table(others.clone())?);
        let platform = Faulty::new(kernel.platform());
        let reached = Reached::default();
        let (machine, note) = (kernel.machine().clone(), reached.clone());
        platform.watch_releases(move |frame| {
            if let Some(stale) = machine.reaches(frame) {
                note.lock().get_or_insert((frame, stale));
            }
        });
        let base = VirtAddr::new(1 << 30);
        let stage = Self {
            kernel,
            space: VirtualMemoryManager::new(kernel.table(platform.clone())?),
            platform,
            other,
            others,
            reached,
            base,
            hot: MemoryArea::block(base, Self::PAGE),
        };
        stage.activate_all();
        Ok(stage)
    }

    /// The last CPU goes on in the other space, and keeps what it has cached of the first.
    pub(super) fn send_away(&self) {
        let (cpu, root) = (K::CPUS - 1, self.other.root_page_table());
        self.kernel.activate(cpu, self.others.inner(), root);
        self.activate(0);
    }

    /// The last CPU comes back.
    pub(super) fn call_back(&self) {
        self.activate(K::CPUS - 1);
        self.activate(0);
    }

    /// All CPUs come into the space, the first of them last: verbs run there.
    fn activate_all(&self) {
        (0..K::CPUS).rev().for_each(|cpu| self.activate(cpu));
    }

    fn activate(&self, cpu: usize) {
        let root = self.space.root_page_table();
        self.kernel.activate(cpu, self.platform.inner(), root);
        self.kernel
            .machine()
            .cpu(cpu)
            .set_privilege(Privilege::User);
    }

    /// The flushes so far.
    pub(super) fn flushes(&self) -> usize {
        self.platform.calls(Duty::Flush)
    }

    /// Pages of the stage.
    pub(super) fn pages(&self, first: usize, count: usize) -> MemoryArea {
        let start = VirtAddr::new(self.base.get() + first * Self::PAGE);
        let area = MemoryArea::from_start_size(start, count * Self::PAGE);
        area.unwrap_or(MemoryArea::block(start, Self::PAGE))
    }

    /// Maps memory that comes when it is touched, and lets all of it come.
    pub(super) fn anonymous(&mut self, area: MemoryArea) -> Result<(), Broken> {
        let map = VirtualMemoryMap::anonymous(area, RW)?;
        self.space
            .add_memory_map(map)
            .map_err(|refused| refused.error())?;
        self.space.prefault(area).map_err(|stopped| {
            let law = "the kernel's platform has frames enough for a few hundred pages";
            Broken::new(
                law,
                format!("{} bytes of {area} came: {:?}", stopped.done, stopped.why),
            )
        })
    }

    /// A map of physical memory that is as far from a large leaf's border as the pages are, and `further` pages.
    pub(super) fn physical(
        &self,
        area: MemoryArea,
        further: usize,
    ) -> Result<VirtualMemoryMap, Broken> {
        let offset = area.start().get() - self.base.get() + further * Self::PAGE;
        let first = PhysAddr::new(MEMORY + offset as u64);
        let memory = MemoryArea::from_start_size(first, area.size()).map_err(MapError::from)?;
        Ok(VirtualMemoryMap::new(area, memory, RW, false)?)
    }

    /// Maps and populates physical memory.
    pub(super) fn map(&mut self, area: MemoryArea) -> Result<(), Broken> {
        let map = self.physical(area, 0)?;
        self.space
            .add_memory_map(map)
            .map_err(|refused| refused.error())?;
        Ok(self.space.populate(area)?)
    }

    /// Every CPU caches these pages, or that nothing is there. They are looked at from now on.
    pub(super) fn warm(&mut self, area: MemoryArea) {
        self.hot = area;
        for page in self.hot_pages() {
            (0..K::CPUS).for_each(|cpu| self.kernel.machine().cpu(cpu).prefetch(page));
        }
    }

    /// Up to 64 pages, spread over those that CPUs look at.
    fn hot_pages(&self) -> impl Iterator<Item = VirtAddr> + use<K> {
        let hot = self.hot;
        let pages = hot.size() / Self::PAGE;
        let step = pages.div_ceil(64).max(1);
        (0..pages)
            .step_by(step)
            .filter_map(move |page| hot.at(page * Self::PAGE))
    }

    /// Lets the `n`-th flush from now be forgotten; 0 for none.
    pub(super) fn forget(&self, n: usize) {
        self.platform.skip(Duty::Flush, n);
    }

    /// What must hold when a verb has returned.
    pub(super) fn look(&self) -> Result<(), Broken> {
        self.released()?;
        let machine = self.kernel.machine();
        let law = "when a verb returns, no CPU has cached what is no longer so";
        holds(self.stale(), law)?;
        for page in self.hot_pages() {
            (0..K::CPUS).for_each(|cpu| machine.cpu(cpu).prefetch(page));
        }
        holds(self.stale(), law)?;
        let law = "an entry is broken and flushed before another takes its place";
        holds(machine.conflict(), law)?;
        self.space.check_invariants()?;
        self.hot_pages()
            .take(4)
            .try_for_each(|page| self.access(page))
    }

    /// What a CPU has cached that could lead somewhere, and is no longer so.
    fn stale(&self) -> Option<Stale> {
        let stale = self.kernel.machine().stale();
        stale.filter(|stale| !stale.is_spurious)
    }

    fn released(&self) -> Result<(), Broken> {
        let law = "no frame is given back before the flush of its pages has returned";
        let reached = *self.reached.lock();
        reached.map_or(Ok(()), |(frame, Stale { cpu, vaddr, .. })| {
            let found = format!("{frame} was given back while CPU {cpu} could reach it at {vaddr}");
            Err(Broken::new(law, found))
        })
    }

    /// Every CPU can read a page that allows it, behind one fault at most.
    fn access(&self, page: VirtAddr) -> Result<(), Broken> {
        let Entry::Leaf(run) = self.space.backend().entry(page) else {
            return Ok(());
        };
        let law =
            "a CPU that faults where the page table allows the access goes on behind `Tlb::fence`";
        for cpu in 0..K::CPUS {
            let sees = || self.kernel.machine().cpu(cpu).translate(page, Access::Read);
            // Behind an access that has worked, the next may fault all the same.
            let mut found = sees();
            if found.is_err() {
                self.activate(cpu);
                let user = fault::Privilege::User;
                let answer = self.space.handle_fault(page, Access::Read, user);
                self.activate(0);
                let is_spurious = matches!(answer, Ok(Answer::Spurious { .. }));
                ensure(is_spurious, law, || {
                    format!("CPU {cpu} at {page}: {answer:?}")
                })?;
                found = sees();
            }
            let expected = run.translate(page);
            ensure(found.ok() == expected, law, || {
                format!("CPU {cpu} at {page}: found {found:?}, expected {expected:?}")
            })?;
        }
        Ok(())
    }

    /// All CPUs leave the space, and it goes. What `done` says comes first.
    pub(super) fn end<T>(self, done: Result<T, Broken>) -> Result<T, Broken> {
        (0..K::CPUS).rev().for_each(|cpu| self.kernel.leave(cpu));
        let Self {
            kernel,
            space,
            platform,
            other,
            reached,
            ..
        } = self;
        drop((space, other));
        let done = done?;
        let law = "a space that is dropped gives all of its frames back";
        let left = platform.frames_in_use();
        ensure(left == 0, law, || format!("{left} frames are left"))?;
        let law = "a space that is dropped is flushed before its frames are given back";
        let reached = *reached.lock();
        holds(reached.map(|(_, stale)| stale), law)?;
        let stale = kernel.machine().stale();
        holds(stale.filter(|stale| !stale.is_spurious), law)?;
        Ok(done)
    }
}

/// Nothing was found, or a law is broken.
fn holds<T: fmt::Display>(found: Option<T>, law: &'static str) -> Result<(), Broken> {
    found.map_or(Ok(()), |found| Err(Broken::new(law, found.to_string())))
}
