//! The page table itself: its root, its platform, and the one way to its memory.
//!
//! Tables are frames of physical memory, reached through [`FrameAllocator::reach`]. Every access goes through
//! [`table`](Radix::table), [`write_new`](Radix::write_new), [`alike`](Radix::alike) or [`sum`](Exclusive::sum), and
//! every frame that leaves a word through [`take_frame`](Radix::take_frame). Their preconditions are kept by this
//! folder, so none of them is seen outside of it.
//!
//! [`FrameAllocator::reach`]: crate::FrameAllocator::reach

use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, Range};
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use arrayvec::ArrayVec;

use super::entry::features::{AccessedDirty, Features};
use super::entry::format::Format;
use super::frames::{alloc_table, clear, words};
use super::retire::owed::Owed;
use super::walk::filled::Filled;
use super::walk::ranges::Ranges;
use super::walk::table::{GROUP, Table, any_in_groups, any_with};
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::attributes::Attributes;
use crate::error::MapError;
use crate::frame::{AllocatorId, FRAME_SIZE, Frame};
use crate::permissions::Permissions;
use crate::platform::Platform;

/// A page table of format `F` in frames of platform `P`.
///
/// Range edits walk down once per table and then run over its entries. Leaves are as large as alignment allows, and
/// split where an edit wants a part. There is no table without entries, the root aside.
///
/// Physical memory is mapped by [ranges](crate::backend::PageTableBackend::map), and stays its owner's; single pages
/// are [installed](crate::backend::Paging::install) with a [`Frame`] each, which is then the page table's own, and
/// given back when the page is unmapped.
///
/// `Display` prints its entries, level by level.
///
/// Dropping it flushes, and gives every frame back; no CPU may use it then.
///
/// A hook of the platform that panics leaves the page table sound: the frames that leak are
/// [listed](crate::backend::radix#when-a-hook-panics).
pub struct Radix<F: Format, P: Platform> {
    platform: P,
    /// The platform's id, as it was when the page table was made. Every table is in a frame of this allocator.
    allocator: AllocatorId,
    /// The frame of the root table: it stays for the life of the page table.
    root: PhysAddr,
    features: Features,
    /// The bits that every leaf has beside its address and attributes: used from the start or not, global or not.
    common: u64,
    /// The bits that no physical address has on this MMU.
    beyond: u64,
    /// The addresses that can be mapped: both halves, or a part of them.
    pub(super) ranges: Ranges,
    /// The lines of the root that may have entries in these ranges: a bit for each.
    pub(super) filled: Filled,
    /// Entries that were taken out or changed, and not settled yet.
    pub(super) owed: Owed,
    /// The page table is the kernel half of others: its root's entries stay, and its leaves are global.
    is_kernel: bool,
    format: PhantomData<fn() -> F>,
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// The level of the root table.
    pub(super) const TOP: usize = F::LEVELS - 1;

    /// A page table with an empty root, which is the first of `needed` frames. One allocation.
    ///
    /// # Errors
    /// [`MapError::OutOfFrames`]; [`MapError::ForeignFrame`].
    pub(super) fn with_root(
        platform: P,
        features: Features,
        ranges: Ranges,
        is_kernel: bool,
        needed: usize,
    ) -> Result<Self, MapError> {
        let allocator = platform.id();
        let root = alloc_table(&platform, allocator, Self::physical(features), needed)?;
        // Before it is anybody's root: who drops a page table follows what is in there.
        let (root, ()) = write_new(&platform, root, clear);
        let mut radix = Self::over(platform, allocator, root, features, ranges, is_kernel);
        if !is_kernel {
            radix.filled = Filled::nowhere();
        }
        Ok(radix)
    }

    /// The page table whose root is at `root`. O(1).
    ///
    /// The caller answers for that: the root and all below it are frames of the allocator with this id, and words in
    /// format `F` that this crate has written. Dropping the answer gives them back.
    pub(super) fn over(
        platform: P,
        allocator: AllocatorId,
        root: PhysAddr,
        features: Features,
        ranges: Ranges,
        is_kernel: bool,
    ) -> Self {
        let features = features.with_accessed_dirty(F::policy(features.accessed_dirty));
        let preset = features.accessed_dirty == AccessedDirty::Preset;
        let used = if preset {
            F::ACCESSED | F::DIRTY
        } else {
            F::UNUSED
        };
        let global = if is_kernel { F::GLOBAL } else { F::LOCAL };
        Self {
            platform,
            allocator,
            root,
            features,
            common: used | global,
            beyond: !Self::physical(features).end().get(),
            ranges,
            filled: Filled::anywhere(),
            owed: Owed::default(),
            is_kernel,
            format: PhantomData,
        }
    }

    /// The platform that the page table was made with. O(1).
    pub const fn platform(&self) -> &P {
        &self.platform
    }

    /// The platform's id. O(1).
    #[inline]
    pub(super) const fn allocator(&self) -> AllocatorId {
        self.allocator
    }

    /// The physical addresses that an entry can say, on an MMU with these features. O(1).
    #[inline]
    pub(super) fn physical(features: Features) -> MemoryArea<PhysAddr> {
        let bits = F::PHYSICAL_BITS.min(features.physical_bits);
        MemoryArea::low_bits(bits.max(FRAME_SIZE.trailing_zeros()))
    }

    /// The bits that no physical address has on this MMU.
    #[inline]
    pub(super) const fn beyond(&self) -> u64 {
        self.beyond
    }

    /// The features of the MMU that the page table was made for. O(1).
    pub const fn features(&self) -> Features {
        self.features
    }

    /// The address of the root table. It is the page table's own for life.
    pub(super) const fn root_addr(&self) -> PhysAddr {
        self.root
    }

    /// Whether this page table is the kernel half of others.
    pub(super) const fn is_kernel(&self) -> bool {
        self.is_kernel
    }

    /// Whether the pointers in a table at `level` stay, even to empty tables: other roots have copies of them.
    pub(super) const fn is_pinned(&self, level: usize) -> bool {
        self.is_kernel && level == Self::TOP
    }

    /// Whether the MMU writes entries at any time, so that edits must read and write a word in one step.
    pub(super) fn is_written_by_hardware(&self) -> bool {
        self.features.accessed_dirty == AccessedDirty::Hardware
    }

    /// The bits that every leaf has beside its address and attributes.
    pub(super) const fn common_bits(&self) -> u64 {
        self.common
    }

    /// The bits that an owned leaf has beside its address and attributes. One that cannot be written is not dirty,
    /// where these bits are preset: its frame is somebody else's, too, who would take it for written.
    pub(super) const fn owned_bits(&self, attributes: Attributes) -> u64 {
        if attributes.permissions.contains(Permissions::WRITE) {
            self.common
        } else {
            self.unwritten_bits()
        }
    }

    /// The bits that an owned leaf which cannot be written has beside its address and attributes.
    pub(super) const fn unwritten_bits(&self) -> u64 {
        self.common & !F::DIRTY
    }

    /// The words of the root table, at level [`TOP`](Self::TOP).
    pub(super) fn root_table(&self) -> &Table {
        self.table(self.root)
    }

    /// The parts of `area` that can be mapped. Every edit of any area begins with this: below, other addresses would be
    /// taken for their aliases.
    pub(super) fn canonical(&self, area: MemoryArea) -> ArrayVec<MemoryArea, 2> {
        self.ranges.parts(area)
    }

    /// The words of the table in the frame at `at`. It must be a frame that this page table owns: the root, a table
    /// that one of its entries points to, retired or not, or a table that is set aside for it.
    #[inline]
    pub(super) fn table(&self, at: PhysAddr) -> &Table {
        words(&self.platform, at)
    }

    /// Lets `fill` write a new table of this page table's, before anybody can see it. Answers the table's address, for
    /// a pointer, and the answer of `fill`.
    #[inline(always)]
    pub(super) fn write_new<R>(
        &self,
        table: NewTable,
        fill: impl FnOnce(&mut Table) -> R,
    ) -> (PhysAddr, R) {
        write_new(&self.platform, table, fill)
    }

    /// The first word in `slots` of the table at `at` (see [`table`](Self::table)), if all others there differ from it
    /// only in bits of `but_for`. O(slots).
    ///
    /// Where accessed and dirty bits are preset, the table is read as plain memory, of which a CPU takes several words
    /// at a time. Elsewhere the words are read one by one: the MMU may write, if only because the kernel is wrong about
    /// it.
    #[inline]
    #[expect(unsafe_code, reason = "a table is a frame of physical memory")]
    pub(super) fn alike(&mut self, at: PhysAddr, slots: Range<usize>, but_for: u64) -> Option<u64> {
        let words = self.table(at).get(slots)?;
        let first = words.first()?.load(Relaxed);
        let difference = if self.features.accessed_dirty == AccessedDirty::Preset {
            // SAFETY:
            // - The words are borrowed, and an `AtomicU64` is laid out as a `u64`.
            // - No other CPU writes them: this is a `&mut self`, and all writes come from methods of this page table.
            //   Those of another, whose kernel half this is, are in its own half.
            // - The MMU writes a valid leaf only to set a bit that is clear, and with this policy none is.
            let words = unsafe { &*(core::ptr::from_ref(words) as *const [u64]) };
            differences(first, words.iter().copied())
        } else {
            differences(first, words.iter().map(|word| word.load(Relaxed)))
        };
        (difference & !but_for == 0).then_some(first)
    }

    /// This page table, in the hands of somebody who has it to himself.
    pub(super) const fn exclusive(&mut self) -> Exclusive<'_, F, P> {
        Exclusive(self)
    }

    /// This page table, in the hands of somebody who reads nothing of it but tables that he has unlinked: he has
    /// emptied the one word that led there, and its flush has returned.
    pub(super) const fn unlinked(&self) -> Exclusive<'_, F, P> {
        Exclusive(self)
    }

    /// A new table, one of `needed`. Its content is junk.
    ///
    /// # Errors
    /// [`MapError::OutOfFrames`]; [`MapError::ForeignFrame`].
    pub(super) fn alloc_table(&self, needed: usize) -> Result<NewTable, MapError> {
        alloc_table(
            &self.platform,
            self.allocator,
            Self::physical(self.features),
            needed,
        )
    }

    /// Gives the frame of a table back. No word may point to it any more, retired or not.
    pub(super) fn release_table(&self, at: PhysAddr) {
        self.platform.release(self.take_frame(at), false);
    }

    /// The one reference to the frame at `at`: of a table, or of a page that was
    /// [installed](crate::backend::Paging::install). The caller has just taken it out of a word (or a variable) of this
    /// page table.
    #[expect(
        unsafe_code,
        reason = "the frame's one reference was in a word of ours"
    )]
    pub(super) const fn take_frame(&self, at: PhysAddr) -> Frame {
        // SAFETY:
        // - `at` came as one reference: from `alloc`, for a table, or in a `Frame`, for an owned leaf.
        // - The word that held it holds it no more, and only this folder writes such words.
        // - The frame had the platform's id, which was checked when it came, and the id is the same ever since.
        unsafe { Frame::of(self.allocator, at) }
    }
}

/// A page table that nobody else edits or reads, the MMU aside. It was borrowed as `&mut`, and has been shared out
/// since to this folder alone. Or tables of it that were [unlinked](Radix::unlinked), which not even the MMU reads.
pub(super) struct Exclusive<'a, F: Format, P: Platform>(&'a Radix<F, P>);

impl<F: Format, P: Platform> Exclusive<'_, F, P> {
    /// Asks `is_it` of each word with any of `bits` in the table at `at` (see [`table`](Radix::table)), in order, with
    /// its number, until one is. O(entries), and little for those that have none.
    ///
    /// Where accessed and dirty bits are preset, words are passed over as plain memory, as in
    /// [`alike`](Radix::alike).
    #[inline]
    pub(super) fn any_with(
        self,
        at: PhysAddr,
        bits: u64,
        is_it: impl FnMut(usize, u64) -> bool,
    ) -> bool {
        let table = self.table(at);
        if self.features.accessed_dirty == AccessedDirty::Preset {
            any_in_groups(table, bits, |group| self.sum(group), is_it)
        } else {
            any_with(table, bits, is_it)
        }
    }

    /// All bits that any of the words in `group` has, where accessed and dirty bits are preset. `group` is in a table,
    /// at a multiple of its own size.
    #[inline]
    #[expect(unsafe_code, reason = "a table is a frame of physical memory")]
    fn sum(self, group: &[AtomicU64; GROUP]) -> u64 {
        const { assert!(size_of::<[Pair; GROUP / 2]>() == size_of::<[AtomicU64; GROUP]>()) };
        // SAFETY:
        // - The words are borrowed, and an `AtomicU64` is laid out as a `u64`. A group is aligned to its size, as
        //   tables are to theirs.
        // - Nobody writes them while this borrow lives, which ends in here: no other CPU edits the page table, or none
        //   can reach this table any more, and this one does nothing else. The MMU sets no bit, for the reason that
        //   `alike` gives.
        let words = unsafe { &*core::ptr::from_ref(group).cast::<[Pair; GROUP / 2]>() };
        let [left, right] = words.iter().fold([0, 0], |[left, right], pair| {
            [left | pair.0[0], right | pair.0[1]]
        });
        left | right
    }
}

/// Two words in plain memory, as they lie in a table: as many as a CPU reads at a time, where they are aligned so.
#[repr(C, align(16))]
struct Pair([u64; 2]);

const _: () = assert!(size_of::<Pair>() == size_of::<[AtomicU64; 2]>());

impl<F: Format, P: Platform> Clone for Exclusive<'_, F, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: Format, P: Platform> Copy for Exclusive<'_, F, P> {}

impl<'a, F: Format, P: Platform> Deref for Exclusive<'a, F, P> {
    type Target = Radix<F, P>;

    fn deref(&self) -> &Radix<F, P> {
        self.0
    }
}

/// The bits in which any of `words` differs from `first`.
#[inline]
fn differences(first: u64, words: impl Iterator<Item = u64>) -> u64 {
    words.fold(0, |differences, word| differences | (word ^ first))
}

/// Lets `fill` write a new table in a frame of this platform. Answers the table's address, and the answer of `fill`.
#[inline(always)]
#[expect(unsafe_code, reason = "a table is a frame of physical memory")]
fn write_new<R>(
    platform: &impl Platform,
    NewTable(at): NewTable,
    fill: impl FnOnce(&mut Table) -> R,
) -> (PhysAddr, R) {
    let mut words = platform.reach(at).cast::<Table>();
    // SAFETY:
    // - The frame is handed out, reached and aligned, and any bytes are words: as in `words`.
    // - Nobody else has a borrow of it. A `NewTable` is made only for a frame that is in no reservation and in no table
    //   (any more), and is neither `Copy` nor `Clone`.
    // - Nobody gets one while this borrow lives: the address comes out of the `NewTable` only when it has ended.
    (at, fill(unsafe { words.as_mut() }))
}

/// A table that was allocated, or taken from a reservation, and that nobody has seen yet. Only
/// [`alloc_table`](Radix::alloc_table) and [`take_table`](Radix::take_table) make one, so each stands for a frame that
/// nothing else leads to.
pub(super) struct NewTable(pub(super) PhysAddr);

impl<F: Format, P: Platform> fmt::Debug for Radix<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Radix")
            .field("root", &self.root)
            .field("levels", &F::LEVELS)
            .finish_non_exhaustive()
    }
}
