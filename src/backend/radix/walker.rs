//! The page table itself.

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::Ordering::Relaxed;

use super::format::Format;
use super::reserved::Reserved;
use super::table::Table;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::check::check_edit;
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::backend::run::{Entry, Run};
use crate::error::MapError;
use crate::flush::{Flush, Retired, Tlb};
use crate::frame::{FRAME_SIZE, Frame, FrameAllocator};
use crate::permissions::Permissions;
use crate::violation::Violation;

/// A page table of format `F` in frames of platform `P`.
///
/// Range edits walk down once per table and then run over its entries. Leaves are as large as alignment allows, and
/// split where an edit wants a part. There is no table without entries, the root aside.
///
/// Dropping it flushes, and gives every frame back; no CPU may use it then.
pub struct Radix<F: Format, P: FrameAllocator + Tlb> {
    platform: P,
    root: PhysAddr,
    format: PhantomData<fn() -> F>,
}

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    /// The level of the root table.
    pub(super) const TOP: usize = F::LEVELS - 1;

    /// An empty page table: one frame from `platform`.
    ///
    /// # Errors
    /// [`MapError::OutOfFrames`].
    pub fn new(platform: P) -> Result<Self, MapError> {
        let root = alloc_table::<F, P>(&platform).ok_or(MapError::OutOfFrames { needed: 1 })?;
        let radix = Self {
            platform,
            root,
            format: PhantomData,
        };
        radix
            .table(root)
            .iter()
            .for_each(|word| word.store(0, Relaxed));
        Ok(radix)
    }

    /// The platform that it was made with.
    pub const fn platform(&self) -> &P {
        &self.platform
    }

    pub(super) const fn root_addr(&self) -> PhysAddr {
        self.root
    }

    /// The words of the root table, at level [`TOP`](Self::TOP).
    pub(super) fn root_table(&self) -> &Table {
        self.table(self.root)
    }

    /// The parts of `area` that the format can map: others would be taken for their aliases below.
    pub(super) fn canonical(
        &self,
        area: MemoryArea,
    ) -> impl Iterator<Item = MemoryArea> + use<F, P> {
        F::RANGES
            .iter()
            .filter_map(move |range| range.intersection(area))
    }

    /// The words of the table in the frame at `at`, which must be one that this page table owns: the root, one that
    /// an entry of ours points to, or one that is set aside.
    #[expect(unsafe_code, reason = "a table is a frame of physical memory")]
    pub(super) fn table(&self, at: PhysAddr) -> &Table {
        let words = self.platform.reach(at).cast::<Table>();
        // SAFETY: every address that comes here was answered by `alloc`, and was not released since: addresses come
        // from `root`, from `Reserved` with our root as owner, or from words in such tables, which only this module
        // writes, in a format that is this crate's own; `release_table` is called with `&mut self`, in `drop`, or for
        // tables that were never published, and no borrow of those is alive. So `reach` promises a frame's worth of
        // bytes, aligned as the address is (to `FRAME_SIZE`, since `alloc` promises that of frames), that nobody else
        // uses. Any bytes are valid words, and all accesses are atomic, so the MMU and other CPUs may write
        // meanwhile.
        unsafe { words.as_ref() }
    }

    /// A frame for a table.
    pub(super) fn alloc_table(&self) -> Option<PhysAddr> {
        alloc_table::<F, P>(&self.platform)
    }

    /// Gives the frame of a table back.
    #[expect(
        unsafe_code,
        reason = "the frame's one reference was in a word of ours"
    )]
    pub(super) fn release_table(&self, at: PhysAddr) {
        // SAFETY: `at` was answered by `alloc` as one reference, which the caller has just taken out of the only word
        // (or variable) that held it.
        let frame = unsafe { Frame::from_addr(at) };
        self.platform.release(frame, false);
    }
}

/// A frame that an entry can point to. One that the format has no bits for is as good as none.
fn alloc_table<F: Format, P: FrameAllocator>(platform: &P) -> Option<PhysAddr> {
    let frame = platform.alloc()?;
    if !MemoryArea::low_bits(F::PHYSICAL_BITS).contains(frame.addr()) {
        platform.release(frame, false);
        return None;
    }
    Some(frame.into_addr())
}

impl<F: Format, P: FrameAllocator + Tlb> PageTableBackend for Radix<F, P> {
    type Reserved = Reserved;

    const PAGE_SIZE: usize = FRAME_SIZE;

    fn ranges(&self) -> &[MemoryArea] {
        F::RANGES
    }

    fn physical_range(&self) -> MemoryArea<PhysAddr> {
        MemoryArea::low_bits(F::PHYSICAL_BITS)
    }

    fn root(&self) -> PhysAddr {
        self.root
    }

    fn supports(&self, attributes: Attributes) -> Result<(), MapError> {
        F::supports(attributes)
    }

    fn entry(&self, addr: VirtAddr) -> Entry {
        self.find_entry(addr)
    }

    fn populated(&self, area: MemoryArea) -> impl Iterator<Item = Run> {
        self.leaves(area)
    }

    fn reserve(&self, edits: impl Iterator<Item = Edit>) -> Result<Reserved, MapError> {
        self.set_aside(self.count(edits)?)
    }

    fn unreserve(&self, reserved: Reserved) {
        self.give_back(reserved);
    }

    fn map(&self, run: Run, with: &mut Reserved) {
        if check_edit(self, Edit::Map(run)).is_ok() {
            self.map_run(run, with);
        }
    }

    fn unmap(&mut self, area: MemoryArea, with: &mut Reserved, out: &mut Retired) {
        self.unmap_area(area, with, out);
    }

    fn protect(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        with: &mut Reserved,
        out: &mut Retired,
    ) {
        match check_edit(self, Edit::Protect(area, permissions)) {
            Ok(()) => self.protect_area(area, permissions, with, out),
            Err(_) => self.unmap_area(area, with, out),
        }
    }

    fn retire(&mut self, retired: Retired, asid: Asid) {
        if !retired.is_empty() {
            self.platform.flush(&retired.flush(self.root, asid));
            self.reap(&retired);
        }
    }

    fn check_invariants(&self) -> Result<(), Violation> {
        self.audit()
    }
}

impl<F: Format, P: FrameAllocator + Tlb> Drop for Radix<F, P> {
    fn drop(&mut self) {
        if self.root_table().iter().any(|word| word.load(Relaxed) != 0) {
            self.platform.flush(&Flush::everything(self.root));
        }
        self.release_tree(self.root, Self::TOP);
    }
}

impl<F: Format, P: FrameAllocator + Tlb> fmt::Debug for Radix<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Radix")
            .field("root", &self.root)
            .field("levels", &F::LEVELS)
            .finish_non_exhaustive()
    }
}
