//! Loads, stores and fetches: an access page by page, each page translated anew.

use super::cpu::Cpu;
use super::memory::Memory;
use super::rules::Architecture;
use super::trap::{Stop, Trap};
use crate::addr::{PhysAddr, VirtAddr};
use crate::frame::FRAME_SIZE;
use crate::permissions::Access;

impl<A: Architecture> Cpu<'_, A> {
    /// Loads the bytes from `vaddr` on, page by page.
    ///
    /// # Errors
    /// The [`Trap`] that is taken at the first page that cannot be loaded from; the bytes of pages before it are there.
    pub fn load(&self, vaddr: VirtAddr, bytes: &mut [u8]) -> Result<(), Trap<A::Cause>> {
        self.read(vaddr, bytes, Access::Read)
    }

    /// Fetches the bytes of an instruction from `vaddr` on, page by page.
    ///
    /// # Errors
    /// The [`Trap`] that is taken at the first page that cannot be fetched from; the bytes of pages before it are
    /// there.
    pub fn fetch(&self, vaddr: VirtAddr, bytes: &mut [u8]) -> Result<(), Trap<A::Cause>> {
        self.read(vaddr, bytes, Access::Execute)
    }

    /// Stores the bytes from `vaddr` on, page by page.
    ///
    /// # Errors
    /// The [`Trap`] that is taken at the first page that cannot be stored to; pages before it have been stored to.
    pub fn store(&self, vaddr: VirtAddr, bytes: &[u8]) -> Result<(), Trap<A::Cause>> {
        let (mut vaddr, mut bytes) = (vaddr, bytes);
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(bytes.len().min(rest_of_page(vaddr)));
            self.reach(vaddr, Access::Write, |memory, at| memory.store(at, now))?;
            vaddr = VirtAddr::new(vaddr.get().wrapping_add(now.len()));
            bytes = rest;
        }
        Ok(())
    }

    /// Loads 8 bytes, the lowest first.
    ///
    /// # Errors
    /// The [`Trap`] of [`load`](Self::load).
    pub fn load_u64(&self, vaddr: VirtAddr) -> Result<u64, Trap<A::Cause>> {
        let mut bytes = [0; 8];
        self.load(vaddr, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Stores 8 bytes, the lowest first.
    ///
    /// # Errors
    /// The [`Trap`] of [`store`](Self::store).
    pub fn store_u64(&self, vaddr: VirtAddr, value: u64) -> Result<(), Trap<A::Cause>> {
        self.store(vaddr, &value.to_le_bytes())
    }

    /// Loads or fetches the bytes from `vaddr` on, page by page.
    fn read(
        &self,
        vaddr: VirtAddr,
        bytes: &mut [u8],
        access: Access,
    ) -> Result<(), Trap<A::Cause>> {
        let (mut vaddr, mut bytes) = (vaddr, bytes);
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at_mut(bytes.len().min(rest_of_page(vaddr)));
            self.reach(vaddr, access, |memory, at| memory.load(at, now))?;
            vaddr = VirtAddr::new(vaddr.get().wrapping_add(now.len()));
            bytes = rest;
        }
        Ok(())
    }

    /// Translates one address, and does `with` to the memory there, before anything else happens on the machine.
    fn reach(
        &self,
        vaddr: VirtAddr,
        access: Access,
        with: impl FnOnce(Memory<'_, A>, PhysAddr) -> Result<(), Stop<A::Reason>>,
    ) -> Result<(), Trap<A::Cause>> {
        self.access(vaddr, access, |cpu, request, rng| {
            let at = cpu.translate(request, rng);
            let done = at.and_then(|at| with(request.memory, at));
            done.map_err(|stop| cpu.trap(stop, request))
        })
    }
}

/// The number of bytes from `vaddr` to the end of its page: an access goes no further in one translation.
fn rest_of_page(vaddr: VirtAddr) -> usize {
    FRAME_SIZE - vaddr.get() % FRAME_SIZE
}
