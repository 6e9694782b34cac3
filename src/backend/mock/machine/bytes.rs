//! Loads, stores and fetches: an access page by page, each page translated anew.

use super::cpu::Cpu;
use super::memory::Memory;
use super::trap::{Stop, Trap};
use crate::addr::{PhysAddr, VirtAddr};
use crate::frame::FRAME_SIZE;
use crate::permissions::Access;

impl Cpu<'_> {
    /// Loads the bytes from `vaddr` on, page by page.
    ///
    /// # Errors
    /// The [`Trap`] that is taken at the first page that cannot be loaded from; the bytes of pages before it are there.
    pub fn load(&self, vaddr: VirtAddr, bytes: &mut [u8]) -> Result<(), Trap> {
        self.read(vaddr, bytes, Access::Read)
    }

    /// Fetches the bytes of an instruction from `vaddr` on, page by page.
    ///
    /// # Errors
    /// The [`Trap`] that is taken at the first page that cannot be fetched from; the bytes of pages before it are
    /// there.
    pub fn fetch(&self, vaddr: VirtAddr, bytes: &mut [u8]) -> Result<(), Trap> {
        self.read(vaddr, bytes, Access::Execute)
    }

    /// Stores the bytes from `vaddr` on, page by page.
    ///
    /// # Errors
    /// The [`Trap`] that is taken at the first page that cannot be stored to; pages before it have been stored to.
    pub fn store(&self, vaddr: VirtAddr, bytes: &[u8]) -> Result<(), Trap> {
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
    pub fn load_u64(&self, vaddr: VirtAddr) -> Result<u64, Trap> {
        let mut bytes = [0; 8];
        self.load(vaddr, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Stores 8 bytes, the lowest first.
    ///
    /// # Errors
    /// The [`Trap`] of [`store`](Self::store).
    pub fn store_u64(&self, vaddr: VirtAddr, value: u64) -> Result<(), Trap> {
        self.store(vaddr, &value.to_le_bytes())
    }

    /// Loads or fetches the bytes from `vaddr` on, page by page.
    fn read(&self, vaddr: VirtAddr, bytes: &mut [u8], access: Access) -> Result<(), Trap> {
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
        with: impl FnOnce(Memory<'_>, PhysAddr) -> Result<(), Stop>,
    ) -> Result<(), Trap> {
        let done = self.access(vaddr, access, |cpu, request, rng| {
            with(request.memory, cpu.translate(request, rng)?)
        });
        done.map_err(|stop| stop.trap(access, vaddr))
    }
}

/// The number of bytes from `vaddr` to the end of its page: an access goes no further in one translation.
fn rest_of_page(vaddr: VirtAddr) -> usize {
    FRAME_SIZE - vaddr.get() % FRAME_SIZE
}
