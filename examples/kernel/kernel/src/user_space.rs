//! The address space of a program.

use alloc::sync::Arc;

use kernel_vm::lock::{ReadGuard, WriteGuard};
use kernel_vm::{Activation, ForkError, Inherit, MapError, PhysAddr};

use crate::arch;
use crate::asids::Tags;
use crate::memory::{Space, SpaceLock};
use crate::mode::PageTable;
use crate::{cpus, kernel_space, platform};

/// An address space for a program: the lower half, with the kernel in the upper.
///
/// Page faults read it on any number of CPUs, and system calls that change it write. Its root and its tags stand beside
/// the lock: a switch does not wait for a call.
#[derive(Debug)]
pub struct UserSpace {
    space: SpaceLock,
    root: PhysAddr,
    tags: Arc<Tags>,
}

impl UserSpace {
    /// An empty space.
    pub fn new() -> Result<Self, MapError> {
        let tags = Tags::new();
        let platform = platform::for_program(tags.clone());
        let table =
            kernel_space::look(|kernel| PageTable::with_kernel(platform, kernel.backend()))?;
        let space = Space::for_payload(table);
        let root = space.root_page_table();
        let space = SpaceLock::new(space);
        Ok(Self { space, root, tags })
    }

    /// A copy of this space, as `fork` has it: whoever writes a page first gets one of its own.
    pub fn fork(&self) -> Result<Self, ForkError> {
        let child = Self::new()?;
        self.change()
            .fork_into(&mut child.change(), Inherit::posix)?;
        Ok(child)
    }

    /// The space, for a CPU that looks, or resolves a fault. Not to be asked for again before it is given back.
    pub fn look(&self) -> ReadGuard<'_, Space> {
        self.space.read(cpus::this().id())
    }

    /// The space, for whoever changes its maps.
    pub fn change(&self) -> WriteGuard<'_, Space> {
        self.space.write()
    }

    pub fn root(&self) -> PhysAddr {
        self.root
    }

    /// Makes this CPU translate through it, until it is dropped or another is activated.
    pub fn activate(&self) {
        let _ = self.switch();
    }

    /// The same, and says under which ASID, and whether this CPU has forgotten everything.
    pub fn switch(&self) -> Activation {
        // SAFETY: the space has all that the kernel has in the upper half, in the same mode; and this CPU leaves it
        // before it goes (`drop`).
        unsafe { self.tags.activate(self.root) }
    }

    /// What a switch to it takes, beside its root.
    pub fn tags(&self) -> Arc<Tags> {
        self.tags.clone()
    }
}

impl Drop for UserSpace {
    /// Other CPUs must have left it. kernel-vm flushes all that was ever valid in it.
    fn drop(&mut self) {
        if arch::lower_root() == self.root {
            kernel_space::activate();
        }
    }
}
