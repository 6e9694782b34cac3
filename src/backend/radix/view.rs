//! A look at a page table that is known by its root.

use core::fmt;
use core::mem::ManuallyDrop;

use super::entry::features::Features;
use super::entry::format::Format;
use super::memory::Radix;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::backend::page_table::PageTableBackend;
use crate::backend::run::{Entry, Run};
use crate::platform::Platform;

/// A look at a page table that is known by its root alone: by a value of `satp`, as a system call or a debugger has it.
///
/// It owns nothing, and changes nothing.
///
/// ```
/// use kernel_vm::backend::sv39::Sv39Format;
/// use kernel_vm::backend::{mock::HostFrames, radix::View, sv39::Sv39};
/// use kernel_vm::{MemoryArea, Permissions, VirtAddr, VirtualMemoryManager, VirtualMemoryMap};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let frames = HostFrames::new(8);
/// let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
/// let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
/// space.map(VirtualMemoryMap::identity(area, Permissions::READ)?)?;
/// let root = space.root_page_table();
/// // SAFETY: the root is `space`'s, which is neither changed nor dropped while the view is there.
/// let view = unsafe { View::<Sv39Format, _>::new(&frames, root) };
/// assert_eq!(view.translate(VirtAddr::new(0x2345)), space.translate_vaddr(VirtAddr::new(0x2345)));
/// # Ok(())
/// # }
/// ```
pub struct View<'a, F: Format, P: Platform> {
    /// Its destructor would give the frames back.
    table: ManuallyDrop<Radix<F, &'a P>>,
}

impl<'a, F: Format, P: Platform> View<'a, F, P> {
    /// The page table whose root is at `root`. O(1).
    ///
    /// # Safety
    /// For as long as the view lives:
    /// - `root` is the root of a page table of format `F` that this crate has made, on a platform with this one's
    ///   [id](crate::FrameAllocator::id);
    /// - nobody has a `&mut` to it, nor to a kernel half that it shares: it is neither edited so, nor dropped.
    #[must_use]
    #[expect(unsafe_code, reason = "tables are reached by their addresses")]
    pub unsafe fn new(platform: &'a P, root: PhysAddr) -> Self {
        let (allocator, features) = (platform.id(), Features::new());
        let table = Radix::over(
            platform,
            allocator,
            root,
            features,
            Radix::<F, &P>::ALL,
            false,
        );
        Self {
            table: ManuallyDrop::new(table),
        }
    }

    /// Where `addr` leads, as the MMU would find it, whatever the leaf allows; `None` where no valid leaf is.
    /// O(levels).
    #[must_use]
    pub fn translate(&self, addr: VirtAddr) -> Option<PhysAddr> {
        self.table.translate(addr)
    }

    /// What the page table says about the page that holds `addr`. O(levels).
    #[must_use]
    pub fn entry(&self, addr: VirtAddr) -> Entry {
        self.table.entry(addr)
    }

    /// The leaves in `area`, as [`PageTableBackend::populated`] answers them. O(populated).
    pub fn populated(&self, area: MemoryArea) -> impl Iterator<Item = Run> {
        self.table.populated(area)
    }
}

impl<F: Format, P: Platform> fmt::Debug for View<'_, F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("View").field(&self.table.root()).finish()
    }
}

impl<F: Format, P: Platform> fmt::Display for View<'_, F, P> {
    /// The table, level by level, as [`Radix`] prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&*self.table, f)
    }
}
