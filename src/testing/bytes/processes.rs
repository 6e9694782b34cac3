//! What random programs run on.

use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::fault::FaultError;
use crate::fork::ForkError;
use crate::permissions::{Access, Permissions};

/// A kernel that has processes, as [`Bytes`](super::Bytes) uses it: its own fork, its own page-fault handler, its own
/// copies from and to programs.
///
/// Programs are simulated: what they do is one load or one store at a time. Where CPUs are a
/// [`Machine`](crate::backend::mock::machine::Machine)'s, [`load`](Self::load) switches one to the process, and loads
/// there. Otherwise `load` can be [`VirtualMemoryManager::read`](crate::VirtualMemoryManager::read), of 8 bytes.
///
/// On a machine, [`tlb`](crate::testing::tlb) comes first: a CPU that stores through something stale writes to whatever
/// has the frame by then.
///
/// An error of [`MapError::OutOfFrames`] or [`MapError::OutOfNodes`] says that there is no memory, and so does
/// [`FaultError::OutOfFrames`]. That is never wrong, as long as the verb has changed nothing.
pub trait Processes {
    /// A process: its space, above all.
    type Process;

    /// How many CPUs there are, numbered from 0 on. Where there are none, the number says nothing.
    const CPUS: usize = 4;

    /// A process without maps.
    ///
    /// # Errors
    /// There is no memory.
    fn start(&mut self) -> Result<Self::Process, MapError>;

    /// A child of `parent`, which inherits everything as POSIX says: private memory, in pages of its own from now on.
    ///
    /// # Errors
    /// There is no memory.
    fn fork(&mut self, parent: &mut Self::Process) -> Result<Self::Process, ForkError>;

    /// The process goes, and leaves all CPUs.
    fn exit(&mut self, process: Self::Process);

    /// Maps private memory of zeroes at `area`, in place of whatever was there. Its pages may come at once, or when
    /// they are touched.
    ///
    /// # Errors
    /// There is no memory.
    fn map(
        &mut self,
        process: &mut Self::Process,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), MapError>;

    /// Unmaps whatever is in `area`; there may be holes.
    ///
    /// # Errors
    /// There is no memory.
    fn unmap(&mut self, process: &mut Self::Process, area: MemoryArea) -> Result<(), MapError>;

    /// Gives all pages of `area` these permissions. All of them are mapped.
    ///
    /// # Errors
    /// There is no memory.
    fn protect(
        &mut self,
        process: &mut Self::Process,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), MapError>;

    /// CPU `cpu` runs the process, which loads 8 bytes at `at`, the lowest first. `None`: it faults.
    fn load(&mut self, process: &mut Self::Process, cpu: usize, at: VirtAddr) -> Option<u64>;

    /// CPU `cpu` runs the process, which stores 8 bytes at `at`, the lowest first. `None`: it faults.
    fn store(
        &mut self,
        process: &mut Self::Process,
        cpu: usize,
        at: VirtAddr,
        word: u64,
    ) -> Option<()>;

    /// The kernel's page-fault handler, behind a load or store that has faulted on this CPU. Done: the program is to
    /// try again.
    ///
    /// # Errors
    /// [`FaultError::NotMapped`] or [`FaultError::Denied`], where the program may not do that; or there is no memory.
    fn fault(
        &mut self,
        process: &mut Self::Process,
        cpu: usize,
        at: VirtAddr,
        access: Access,
    ) -> Result<(), FaultError>;

    /// Moves all pages of `old`, all of which are mapped, to `new`, which is as large and apart, in place of whatever
    /// was there.
    ///
    /// # Errors
    /// There is no memory; or [`MapError::UnsupportedEdit`], as by default: the kernel has no such call.
    fn remap(
        &mut self,
        process: &mut Self::Process,
        old: MemoryArea,
        new: MemoryArea,
    ) -> Result<(), MapError> {
        let _ = (process, old, new);
        Err(MapError::UnsupportedEdit)
    }

    /// Gives the memory of `area` back: its maps stay, and its pages are zero again. There may be holes.
    ///
    /// # Errors
    /// There is no memory; or [`MapError::UnsupportedEdit`], as by default: the kernel has no such call.
    fn discard(&mut self, process: &mut Self::Process, area: MemoryArea) -> Result<(), MapError> {
        let _ = (process, area);
        Err(MapError::UnsupportedEdit)
    }

    /// On CPU `cpu`, the kernel copies bytes of the program from `from` on to `to`, pages that are not there yet
    /// included. `None`, as by default: no such copies are made.
    fn read(
        &mut self,
        process: &mut Self::Process,
        cpu: usize,
        from: VirtAddr,
        to: &mut [u8],
    ) -> Option<Result<(), FaultError>> {
        let _ = (process, cpu, from, to);
        None
    }

    /// The same in the other direction: `from` to the program's bytes, from `to` on. An error may come behind some of
    /// them.
    fn write(
        &mut self,
        process: &mut Self::Process,
        cpu: usize,
        to: VirtAddr,
        from: &[u8],
    ) -> Option<Result<(), FaultError>> {
        let _ = (process, cpu, to, from);
        None
    }

    /// How many frames are in use; 0 if nobody knows, as by default.
    fn frames_in_use(&self) -> usize {
        0
    }

    /// Lets the `n`-th allocation from now on (1 is the next) fail; those behind it may fail, too. 0 takes the order
    /// back. By default nothing fails on demand.
    fn fail_alloc(&mut self, n: usize) {
        let _ = n;
    }
}
