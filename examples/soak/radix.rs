//! Page tables of real formats, in the host's memory.

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::radix::{Format, Radix};
use kernel_vm::testing::{Broken, Subject};
use kernel_vm::{
    Access, Answer, Asid, Done, FaultError, MemoryArea, PhysAddr, Platform, Privilege, VirtAddr,
    VirtualMemoryManager,
};

const PAGE: usize = 4096;

/// Frames enough for tables, and for pages that wait while others have come in their place.
fn frames(pages: usize) -> usize {
    4 * pages + 64
}

/// The frames under a page table, and the CPUs that use it, if there are any.
pub(crate) trait Memory<F: Format>: Platform + Sized {
    fn over(frames: HostFrames, seed: u64) -> Self;

    fn frames(&self) -> &HostFrames;

    /// All CPUs run the space with this root.
    fn start(&self, root: PhysAddr, asid: Asid) {
        let _ = (root, asid);
    }

    /// A CPU caches what is on the way to a page.
    fn warm(&self, cpu: usize, at: VirtAddr) {
        let _ = (cpu, at);
    }

    /// Where a CPU's access leads, if it may be; `None` where there are no CPUs.
    fn access(&self, cpu: usize, at: VirtAddr, access: Access) -> Option<Option<PhysAddr>> {
        let _ = (cpu, at, access);
        None
    }

    /// What CPUs have cached that they must not have, above all on the way to `at`.
    fn wrong(&self, at: VirtAddr, waits: bool) -> Result<(), Broken> {
        let _ = (at, waits);
        Ok(())
    }

    /// The next flush does nothing.
    fn lose_flush(&self) {}
}

impl<F: Format> Memory<F> for HostFrames {
    fn over(frames: HostFrames, _seed: u64) -> Self {
        frames
    }

    fn frames(&self) -> &HostFrames {
        self
    }
}

/// A space over a page table of this format.
pub(crate) struct Tables<F: Format, P: Memory<F>>(VirtualMemoryManager<Radix<F, P>>);

impl<F: Format, P: Memory<F>> Tables<F, P> {
    pub(crate) fn new(window: MemoryArea, seed: u64) -> Self {
        let frames = HostFrames::new(frames(window.size() / PAGE));
        let table = Radix::new(P::over(frames, seed)).expect("there are frames");
        let space = VirtualMemoryManager::new(table);
        let platform = space.backend().platform();
        platform.start(space.root_page_table(), space.asid());
        Self(space)
    }

    fn platform(&self) -> &P {
        self.0.backend().platform()
    }
}

impl<F: Format, P: Memory<F>> Subject for Tables<F, P> {
    type Table = Radix<F, P>;
    type Payload = ();

    const HAS_PAGES: bool = true;

    fn look<R>(&self, look: impl FnOnce(&VirtualMemoryManager<Self::Table>) -> R) -> R {
        look(&self.0)
    }

    fn change<R>(&mut self, change: impl FnOnce(&mut VirtualMemoryManager<Self::Table>) -> R) -> R {
        change(&mut self.0)
    }

    fn payload(&self, _area: MemoryArea) {}

    fn frames_in_use(&self) -> usize {
        self.platform().frames().frames_in_use()
    }

    fn fault(&self, at: VirtAddr, access: Access) -> Result<Option<Done>, FaultError> {
        match self.0.handle_fault(at, access, Privilege::User)? {
            Answer::Resolved { done, .. } => Ok(Some(done)),
            Answer::Spurious { .. } => Ok(None),
            Answer::NeedsFrame { .. } => Err(FaultError::OutOfFrames { needed: 1 }),
        }
    }

    fn prefault(&self, area: MemoryArea) -> Result<(), usize> {
        self.0.prefault(area).map_err(|stopped| stopped.done)
    }

    fn warm(&self, cpu: usize, at: VirtAddr) {
        self.platform().warm(cpu, at);
    }

    fn access(&self, cpu: usize, at: VirtAddr, access: Access) -> Option<Option<PhysAddr>> {
        self.platform().access(cpu, at, access)
    }

    fn cached(&self, at: VirtAddr, wait: bool) -> Result<(), Broken> {
        self.platform().wrong(at, wait)
    }

    fn lose_flush(&self) {
        self.platform().lose_flush();
    }
}
