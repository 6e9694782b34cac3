//! Address spaces as this kernel has them: what owns the memory behind a map, and the names for it all.

use alloc::sync::Arc;

use kernel_vm::lock::PerCpuRwLock;
use kernel_vm::{
    Frame, FrameAllocator, MapError, MemoryArea, Payload, Permissions, PhysAddr, ShareError,
    VirtualMemoryManager, VirtualMemoryMap,
};

use crate::frames;
use crate::layout::{MAX_CPUS, PAGE, area, phys_area};
use crate::mode::PageTable;

pub const R: Permissions = Permissions::READ;
pub const RW: Permissions = R.union(Permissions::WRITE);
pub const RX: Permissions = R.union(Permissions::EXECUTE);
/// What programs may use, too.
pub const U: Permissions = Permissions::USER;

pub type Space = VirtualMemoryManager<PageTable, Memory>;

/// The lock around a space. A CPU that waits for it need do nothing meanwhile: what flushes ask of it is done by
/// firmware (RISC-V), by its own interrupts, which are on (x86-64), or by no CPU (AArch64).
pub type SpaceLock<T = Space> = PerCpuRwLock<T, MAX_CPUS>;

/// What a map keeps: the frame that it shows, together with the maps of other spaces that were forked from its own. Or
/// nothing, where memory is nobody's to give back, or the space's own.
/// A provided map is asked for that frame when it is touched ([`page_fault`](crate::page_fault)).
///
/// kernel-vm drops it when no CPU can reach the frame any more, and so gives it back at the right moment.
#[derive(Clone, Debug)]
pub struct Memory(Option<Arc<Page>>);

/// A frame that is given back in the end.
#[derive(Debug)]
struct Page(Option<Frame>);

impl Memory {
    /// Memory that stays: the image, the direct map. And memory that kernel-vm itself gives back.
    pub const STAYS: Self = Self(None);

    /// A map of one page that shows this frame.
    pub fn page(frame: Frame) -> Self {
        Self(Some(Arc::new(Page(Some(frame)))))
    }

    fn frame(&self) -> Option<&Frame> {
        self.0.as_ref()?.0.as_ref()
    }

    /// Where the frame is, if there is one.
    pub fn addr(&self) -> Option<PhysAddr> {
        self.frame().map(Frame::addr)
    }

    /// One more reference to the frame: for a second map of it. [`ShareError::Free`] where there is no frame.
    pub fn share(&self) -> Result<Frame, ShareError> {
        let frame = self.frame().ok_or(ShareError::Free)?;
        frames::counted().share_frame(frame)
    }
}

impl Payload for Memory {
    /// A map with a frame is one page, so it is never cut.
    fn split_at(&mut self, _offset: usize) -> Self {
        Self::STAYS
    }

    fn can_join(&self, _len: usize, right: &Self) -> bool {
        self.0.is_none() && right.0.is_none()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if let Some(frame) = self.0.take() {
            frames::release(frame);
        }
    }
}

/// A map of `size` bytes at `start` onto `first`, whose memory stays.
pub fn map(
    start: usize,
    first: PhysAddr,
    size: usize,
    permissions: Permissions,
) -> Result<VirtualMemoryMap<Memory>, MapError> {
    let pmarea = phys_area(first.get(), size);
    let map = VirtualMemoryMap::new(area(start, size), pmarea, permissions, false)?;
    Ok(map.with_payload(Memory::STAYS))
}

/// Maps a page that shows `frame`, which is given back when the page goes, or if it cannot be mapped.
pub fn map_frame(
    space: &mut Space,
    page: usize,
    frame: Frame,
    permissions: Permissions,
) -> Result<(), MapError> {
    let first = frame.addr();
    let owner = Memory::page(frame);
    space.add_memory_map(map(page, first, PAGE, permissions)?.with_payload(owner))?;
    let page = area(page, PAGE);
    space
        .populate(page)
        .or_else(|error| space.unmap(page).and(Err(error)))
}

/// A map of memory that comes when it is touched, zeroed. Without permissions it is a guard.
pub fn anonymous(
    area: MemoryArea,
    permissions: Permissions,
) -> Result<VirtualMemoryMap<Memory>, MapError> {
    let map = VirtualMemoryMap::anonymous(area, permissions)?;
    Ok(map.with_payload(Memory::STAYS))
}

/// A private map of one page that shows `frame` when it is touched, and a copy when it is written.
pub fn provided(
    page: usize,
    frame: Frame,
    permissions: Permissions,
) -> Result<VirtualMemoryMap<Memory>, MapError> {
    let owner = Memory::page(frame);
    let map = VirtualMemoryMap::provided(area(page, PAGE), 0, permissions, false)?;
    Ok(map.with_payload(owner))
}

/// A frame, or the error that a verb would answer without one.
pub fn alloc() -> Result<Frame, MapError> {
    frames::alloc().ok_or(MapError::OutOfFrames { needed: 1 })
}
