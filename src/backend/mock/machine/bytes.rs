//! Loads, stores and fetches.

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
    /// The [`Trap`] that is taken at the first page that cannot be loaded from; those before have been.
    pub fn load(&self, vaddr: VirtAddr, bytes: &mut [u8]) -> Result<(), Trap> {
        self.read(vaddr, bytes, Access::Read)
    }

    /// Fetches the bytes of an instruction from `vaddr` on, page by page.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn fetch(&self, vaddr: VirtAddr, bytes: &mut [u8]) -> Result<(), Trap> {
        self.read(vaddr, bytes, Access::Execute)
    }

    /// Stores the bytes from `vaddr` on, page by page.
    ///
    /// # Errors
    /// The [`Trap`] that is taken at the first page that cannot be stored to; those before have been.
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

    /// Loads 8 bytes.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_u64(&self, vaddr: VirtAddr) -> Result<u64, Trap> {
        let mut bytes = [0; 8];
        self.load(vaddr, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Stores 8 bytes.
    ///
    /// # Errors
    /// As [`store`](Self::store).
    pub fn store_u64(&self, vaddr: VirtAddr, value: u64) -> Result<(), Trap> {
        self.store(vaddr, &value.to_le_bytes())
    }

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

    /// Translates, and does `with` to what is there.
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

/// How many bytes there are from `vaddr` to the end of its page.
fn rest_of_page(vaddr: VirtAddr) -> usize {
    FRAME_SIZE - vaddr.get() % FRAME_SIZE
}
