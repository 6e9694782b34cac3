//! The page table itself, and all that is unsafe about it.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;
use core::sync::atomic::Ordering::Relaxed;

use arrayvec::ArrayVec;

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::features::{AccessedDirty, Features};
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::retire::owed::Owed;
use crate::backend::radix::walk::ranges::Ranges;
use crate::backend::radix::walk::table::Table;
use crate::error::MapError;
use crate::flush::Flush;
use crate::frame::{AllocatorId, Frame, FrameAllocator};
use crate::platform::Platform;

/// A page table of format `F` in frames of platform `P`.
///
/// Range edits walk down once per table and then run over its entries. Leaves are as large as alignment allows, and
/// split where an edit wants a part. There is no table without entries, the root aside.
///
/// Physical memory is mapped by [ranges](crate::backend::PageTableBackend::map), and stays its owner's; single pages
/// are [installed](Self::install) with a [`Frame`] each, which is then the page table's own, and given back when the
/// page is unmapped.
///
/// `Display` prints its entries, level by level.
///
/// Dropping it flushes, and gives every frame back; no CPU may use it then.
///
/// What a platform's hook that panics leaves behind is [listed](crate::backend::radix#when-a-hook-panics).
pub struct Radix<F: Format, P: Platform> {
    platform: P,
    /// Whose frames its tables are in.
    allocator: AllocatorId,
    root: PhysAddr,
    features: Features,
    /// What every leaf has beside its address and attributes.
    common: u64,
    /// What can be mapped: both halves, or a part of them.
    pub(super) ranges: Ranges,
    pub(super) owed: Owed,
    /// Whether it is the kernel half of others: its root's entries stay, and its leaves are global.
    is_kernel: bool,
    format: PhantomData<fn() -> F>,
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// The level of the root table.
    pub(super) const TOP: usize = F::LEVELS - 1;

    /// A page table with an empty root, the first of the `needed` frames of a page table.
    pub(super) fn with_root(
        platform: P,
        features: Features,
        ranges: Ranges,
        is_kernel: bool,
        needed: usize,
    ) -> Result<Self, MapError> {
        let allocator = platform.id();
        let root = alloc_table::<F, P>(&platform, allocator, needed)?;
        // Before it is anybody's root: who drops a page table follows what is in there.
        clear(words(&platform, root));
        let preset = features.accessed_dirty == AccessedDirty::Preset;
        let used = if preset { F::ACCESSED | F::DIRTY } else { 0 };
        let global = if is_kernel { F::GLOBAL } else { F::LOCAL };
        Ok(Self {
            platform,
            allocator,
            root,
            features,
            common: used | global,
            ranges,
            owed: Owed::default(),
            is_kernel,
            format: PhantomData,
        })
    }

    /// The platform that it was made with.
    pub const fn platform(&self) -> &P {
        &self.platform
    }

    /// What the platform answers as its id.
    #[inline]
    pub(super) const fn allocator(&self) -> AllocatorId {
        self.allocator
    }

    /// What it was told of the MMU.
    pub const fn features(&self) -> Features {
        self.features
    }

    pub(super) const fn root_addr(&self) -> PhysAddr {
        self.root
    }

    /// Whether it is the kernel half of others.
    pub(super) const fn is_kernel(&self) -> bool {
        self.is_kernel
    }

    /// Whether the entries of a table at `level` stay, whatever becomes of what is below.
    pub(super) const fn is_pinned(&self, level: usize) -> bool {
        self.is_kernel && level == Self::TOP
    }

    /// Whether the MMU writes entries.
    pub(super) fn is_written_by_hardware(&self) -> bool {
        self.features.accessed_dirty == AccessedDirty::Hardware
    }

    /// What every leaf has beside its address and attributes.
    pub(super) const fn common_bits(&self) -> u64 {
        self.common
    }

    /// The words of the root table, at level [`TOP`](Self::TOP).
    pub(super) fn root_table(&self) -> &Table {
        self.table(self.root)
    }

    /// The parts of `area` that can be mapped: others would be taken for their aliases below.
    pub(super) fn canonical(&self, area: MemoryArea) -> ArrayVec<MemoryArea, 2> {
        self.ranges.parts(area)
    }

    /// The words of the table in the frame at `at`, which must be one that this page table owns: the root, one that
    /// an entry of ours points to, or one that is set aside.
    #[inline]
    pub(super) fn table(&self, at: PhysAddr) -> &Table {
        words(&self.platform, at)
    }

    /// Lets `fill` write a table that was just taken from a reservation, before anybody can see it.
    #[inline]
    #[expect(unsafe_code, reason = "a table is a frame of physical memory")]
    pub(super) fn write_new<R>(
        &self,
        NewTable(at): NewTable,
        fill: impl FnOnce(&mut Table) -> R,
    ) -> (PhysAddr, R) {
        let mut words = self.platform.reach(at).cast::<Table>();
        // SAFETY: as in `table`; and nobody else has a borrow of this one: a `NewTable` is made only for a frame that
        // was on no stack and in no table any more, it is neither `Copy` nor `Clone`, and its address comes out of it
        // only when this borrow has ended.
        (at, fill(unsafe { words.as_mut() }))
    }

    /// One of the words in these slots of the table at `at` (see [`table`](Self::table)), if all of them are the same
    /// but for bits in `but_for`. Where accessed and dirty bits are preset, the table is read as plain memory, of which
    /// the CPU takes several words at a time. Elsewhere the MMU may write, if only because the kernel is wrong about
    /// it.
    #[inline]
    #[expect(unsafe_code, reason = "a table is a frame of physical memory")]
    pub(super) fn alike(&mut self, at: PhysAddr, slots: Range<usize>, but_for: u64) -> Option<u64> {
        let words = self.table(at).get(slots)?;
        let first = words.first()?.load(Relaxed);
        let difference = if self.features.accessed_dirty == AccessedDirty::Preset {
            // SAFETY: the words are borrowed, and an `AtomicU64` is laid out as a `u64`. Nobody writes them while this
            // is: this is a `&mut self`, so no other CPU is in a method of this page table, of which all writes come
            // (that of another, whose kernel half this is, writes in its own half); and the MMU writes a valid leaf
            // only to set a bit that is clear, and with this policy none is.
            let words = unsafe { &*(core::ptr::from_ref(words) as *const [u64]) };
            differences(first, words.iter().copied())
        } else {
            differences(first, words.iter().map(|word| word.load(Relaxed)))
        };
        (difference & !but_for == 0).then_some(first)
    }

    /// A frame for a table, one of `needed`.
    pub(super) fn alloc_table(&self, needed: usize) -> Result<PhysAddr, MapError> {
        alloc_table::<F, P>(&self.platform, self.allocator, needed)
    }

    /// Empties a table that nobody else uses.
    pub(super) fn clear(&self, at: PhysAddr) {
        clear(self.table(at));
    }

    /// Gives the frame of a table back.
    pub(super) fn release_table(&self, at: PhysAddr) {
        self.platform.release(self.take_frame(at), false);
    }

    /// The one reference that was in a word (or a variable) of ours, which the caller has just taken out of it: to a
    /// table's frame, or to one that was [installed](Self::install).
    #[expect(
        unsafe_code,
        reason = "the frame's one reference was in a word of ours"
    )]
    pub(super) const fn take_frame(&self, at: PhysAddr) -> Frame {
        // SAFETY: `at` came as one reference: from `alloc`, for a table, or in a `Frame`, for an owned leaf; the word
        // that held it (only this module writes such words) holds it no more. Those frames had the platform's id, which
        // was checked when they came, and it is the same ever since.
        unsafe { Frame::of(self.allocator, at) }
    }
}

/// In which bits any of `words` is not as `first`.
#[inline]
fn differences(first: u64, words: impl Iterator<Item = u64>) -> u64 {
    words.fold(0, |differences, word| differences | (word ^ first))
}

/// A table that was taken from a reservation, and that nobody has seen yet. Made by
/// [`take_table`](Radix::take_table) alone.
pub(super) struct NewTable(pub(super) PhysAddr);

/// A frame that an entry can point to, one of `needed`. One that the format has no bits for is as good as none. One that
/// the platform hands out as another allocator's, which it must not, is refused.
fn alloc_table<F: Format, P: FrameAllocator>(
    platform: &P,
    allocator: AllocatorId,
    needed: usize,
) -> Result<PhysAddr, MapError> {
    let frame = platform.alloc().ok_or(MapError::OutOfFrames { needed })?;
    let addr = frame.addr();
    let error = if frame.allocator() != allocator {
        MapError::ForeignFrame { addr }
    } else if MemoryArea::low_bits(F::PHYSICAL_BITS).contains(addr) {
        return Ok(frame.into_addr());
    } else {
        MapError::OutOfFrames { needed }
    };
    platform.release(frame, false);
    Err(error)
}

/// The words of the table in the frame at `at`, which must be one that a page table on this platform owns: see
/// [`Radix::table`].
#[inline]
#[expect(unsafe_code, reason = "a table is a frame of physical memory")]
fn words<P: FrameAllocator>(platform: &P, at: PhysAddr) -> &Table {
    let words = platform.reach(at).cast::<Table>();
    // SAFETY: every address that comes here is of a frame that an allocator with this platform's id has handed out, and
    // that was not released since, and the platform reaches all of those. Addresses come from `root`; from words in
    // such tables, which only this module writes, in a format that is this crate's own; or from a `Reserved` with our
    // root and our allocator's id. Frames in that are handed out, and nobody else's, as long as it has them: even when
    // the page table that reserved them has gone and ours has its root frame, or its allocator has gone, as no other
    // may have that id meanwhile. `release_table` is called with `&mut self`, in `drop`, or for tables that were never
    // published, and no borrow of those is alive. So `reach` promises a frame's worth of bytes, aligned as the address
    // is (to `FRAME_SIZE`, since `alloc` promises that of frames), that nobody else uses. Any bytes are valid words,
    // and all accesses are atomic, but for those of `alike`, which says why it may; so the MMU and other CPUs may write
    // meanwhile.
    unsafe { words.as_ref() }
}

/// Empties a table that nobody else uses.
fn clear(table: &Table) {
    table.iter().for_each(|word| word.store(0, Relaxed));
}

impl<F: Format, P: Platform> Drop for Radix<F, P> {
    fn drop(&mut self) {
        if self.owed.is_any() || self.is_in_use() {
            self.flush(Flush::everything(self.root));
        }
        self.release_all();
    }
}

impl<F: Format, P: Platform> fmt::Debug for Radix<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Radix")
            .field("root", &self.root)
            .field("levels", &F::LEVELS)
            .finish_non_exhaustive()
    }
}
