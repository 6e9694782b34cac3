//! The contract of a page table that owns frames, page by page.

use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::lost::{Lost, Replaced};
use crate::backend::page_table::PageTableBackend;
use crate::backend::run::{Entry, Run};
use crate::bytes::Held;
use crate::error::MapError;
use crate::flush::Retired;
use crate::frame::{Frame, ShareError};
use crate::permissions::{Access, Permissions};
use crate::platform::Platform;

/// Page tables that own the frames behind single pages: what faults need, many of them at once.
///
/// An *owned* leaf maps one page, and has the one reference to its frame. The frame goes back to the platform when the
/// page is unmapped, after the flush. All methods take `&self`, and may run on many CPUs at once.
///
/// *For backend authors.* These laws come to those of [`PageTableBackend`]:
/// - Under `&self` an entry goes from empty to leaf ([`install`](Self::install)), from a leaf to one that allows more
///   for the same frame ([`permit`](Self::permit), [`touch`](Self::touch)), or, through *busy*, from one frame to
///   another ([`exchange`](Self::exchange)). Each is one compare-and-swap on what was read, so nothing is lost.
/// - [`exchange`](Self::exchange) breaks before it makes, on every architecture: the old leaf becomes busy, that is
///   flushed, and only then the new one is there. Else one CPU could write the new frame while another still reads the
///   old.
/// - `protect` never lets an owned leaf be written that could not be: its frame may have other owners. The next write
///   faults, and decides. A leaf that could be written before, and shall be now, stays so.
/// - `protect` keeps the accessed and the dirty mark of a leaf, of one that it hides, too.
/// - An owned frame leaves under `&self` only by `exchange`, which refuses one that is not
///   [counted](crate::FrameAllocator::counts), or by [`settle`](PageTableBackend::settle), when its page was unmapped
///   under `&mut self`. So [`hold`](Self::hold) may do without a reference there.
pub trait Paging: PageTableBackend {
    /// The kernel's side: where frames come from, and who must forget.
    type Platform: Platform;

    /// The platform that the page table was made with. O(1).
    fn platform(&self) -> &Self::Platform;

    /// Whether every leaf is made with its accessed and dirty bits set, so that [`touch`](Self::touch) finds nothing to
    /// do. O(1).
    fn is_preset(&self) -> bool;

    /// Maps the page at `page` to `frame`, which becomes the page table's own. Reserved as
    /// [`Edit::Map`](crate::backend::Edit::Map) of that page; without a reservation it does where there is a table for
    /// the page. O(levels), no flush.
    ///
    /// # Errors
    /// The frame comes back, and the page is as it was. With the entry that is there, when another CPU was first, or
    /// [`Entry::Busy`], where a page waits to be retired. With [`MapError::OutOfFrames`](crate::MapError::OutOfFrames),
    /// when no table was reserved; [`MapError::ForeignFrame`](crate::MapError::ForeignFrame), for another allocator's
    /// frame; or an error of [`check_edit`](crate::backend::check_edit).
    fn install(
        &self,
        page: VirtAddr,
        frame: Frame,
        attributes: Attributes,
        reserved: &mut Self::Reserved,
    ) -> Result<(), Lost>;

    /// As [`install`](Self::install) of the frame that `frame` answers, where one walk and no new table will do.
    ///
    /// The page is empty when `frame` is called. O(levels), no flush. The default does nothing at once.
    ///
    /// # Errors
    /// The page is as it was. [`NotAtOnce::Found`], [`NotAtOnce::Elsewise`]: `frame` was not called. After the latter,
    /// [`entry`](PageTableBackend::entry) and `install` know more.
    fn install_at_once(
        &self,
        page: VirtAddr,
        attributes: Attributes,
        frame: impl FnOnce() -> Option<Frame>,
    ) -> Result<(), NotAtOnce> {
        let _ = (page, attributes, frame);
        Err(NotAtOnce::Elsewise)
    }

    /// As [`map`](PageTableBackend::map) of `run`, where one walk and no new table will do. Answers whether that was
    /// so: else nothing has changed, and the caller reserves. O(levels + pages), no flush. The default does nothing at
    /// once.
    fn map_at_once(&self, run: Run) -> bool {
        let _ = run;
        false
    }

    /// Maps the page that `old` is to `frame` instead, which becomes the page table's own, if the page is still as
    /// `old` says: as [`entry`](PageTableBackend::entry) answered it, accessed and dirty bits aside. Flushes that page,
    /// waits, and answers the old frame, if the page table owned it: nobody reaches it through this page any more.
    /// O(levels), and one flush.
    ///
    /// The bytes of `frame` are the caller's to fill. Whoever copies them from the old frame takes WRITE from the leaf
    /// first, or loses writes in between.
    ///
    /// # Errors
    /// The frame comes back, and the page is as it was. With the entry that is there, when that is not `old`, or
    /// [`Entry::Busy`], while another CPU is at it. With [`MapError::NotMapped`](crate::MapError::NotMapped) when `old`
    /// is no single page; [`MapError::Uncounted`](crate::MapError::Uncounted) when the old frame is owned and its
    /// allocator counts no references; [`MapError::ForeignFrame`](crate::MapError::ForeignFrame), for another
    /// allocator's frame; or an error of [`check_edit`](crate::backend::check_edit).
    fn exchange(
        &self,
        old: Run,
        frame: Frame,
        attributes: Attributes,
        asid: Asid,
    ) -> Result<Option<Replaced>, Lost>;

    /// Lets the leaf that `old` is allow more, for the frame of before. Nothing is flushed; the platform's
    /// [`made_valid`](crate::Tlb::made_valid) is told. O(levels).
    ///
    /// # Errors
    /// The entry that is there, unchanged: when it is not `old`, when `permissions` lack one that it has, or when no
    /// page table can say them.
    fn permit(&self, old: Run, permissions: Permissions) -> Result<(), Entry>;

    /// Sets the accessed bit of the leaf that holds `addr`, and the dirty bit for a write, as an MMU would that does
    /// so. It is for an MMU that faults instead, and for writes that the kernel makes through a mapping of its own.
    /// O(levels).
    ///
    /// # Errors
    /// The entry that is there, unchanged, when it is no valid leaf that allows `access`.
    fn touch(&self, addr: VirtAddr, access: Access) -> Result<(), Entry>;

    /// This CPU forgets what it has cached of the page that holds `addr`, tables included: by
    /// [`Tlb::fence`](crate::Tlb::fence). O(1).
    fn fence(&self, addr: VirtAddr, asid: Asid);

    /// The bytes behind the owned leaf that `run` is, which stay where they are while they are held. O(levels).
    ///
    /// # Errors
    /// [`Unheld::Changed`] when the entry is not `run` (any more), or not owned; [`Unheld::Share`] when its frame has
    /// as many references as can be counted.
    fn hold(&self, run: Run) -> Result<Held<'_, Self::Platform>, Unheld>;

    /// As [`hold`](Self::hold), where nobody else is here: no reference is taken, and none need be counted. O(levels).
    ///
    /// # Errors
    /// The entry that is there, when it is not `run`, or not owned.
    fn hold_alone(&mut self, run: Run) -> Result<Held<'_, Self::Platform>, Entry>;

    /// Maps each page of `area` that this page table owns in `child`, too, with a further reference to the frame and
    /// these permissions without WRITE: hidden pages, too, which are not hidden there if the permissions allow
    /// anything. `child` has nothing in `area`, and takes tables from its platform as it needs them. O(owned pages +
    /// tables), no flush.
    ///
    /// The leaves here stay as they are. Whoever wants copies on write takes WRITE from them afterwards. Their frames
    /// are code already where they are code: [`made_code`](crate::Tlb::made_code) is not called again.
    ///
    /// # Errors
    /// Some pages may be mapped in `child`, and tables may be empty there: the caller
    /// [unmaps](PageTableBackend::unmap) the area. [`Unshared`] has the reasons.
    fn share_into(
        &mut self,
        child: &mut Self,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), Unshared>;

    /// Clears the accessed bits of all leaves in `area`, hidden ones too, and tells `sink` of each that had it set, in
    /// address order and cut at the borders. A leaf that reaches past them is cleared as a whole. Dirty bits stay.
    /// O(populated).
    ///
    /// A CPU may go on using a leaf without setting the bit until the flush that `out` asks for. Where bits are
    /// [preset](Self::is_preset), they stay set.
    fn take_accessed(&mut self, area: MemoryArea, out: &mut Retired, sink: impl FnMut(Run));

    /// Makes the dirty pages of `area` clean that this page table owns and that cannot be written, and tells `sink` of
    /// each, in address order; also where marks are [preset](Self::is_preset). O(resident), no flush: no MMU marks such
    /// a page.
    ///
    /// Whoever has just taken WRITE from them has [retired](PageTableBackend::retire) that.
    fn take_dirty(&mut self, area: MemoryArea, sink: impl FnMut(Run));

    /// Retires as [`retire`](PageTableBackend::retire) does, and hands the frames of owned pages to `sink` once nobody
    /// reaches them any more, each with the address of its page, instead of giving them back. O(resident).
    ///
    /// Nothing was owed before the edits that `retired` tells of. Else the frames go back to the platform.
    fn retire_into(&mut self, retired: Retired, asid: Asid, sink: impl FnMut(VirtAddr, Replaced));
}

/// Why a page cannot be mapped in a second page table, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unshared {
    /// There is no further reference to its frame.
    Share(ShareError),
    /// There is no frame for a table, the two page tables have different allocators, or something is there.
    Map(MapError),
}

impl From<ShareError> for Unshared {
    fn from(error: ShareError) -> Self {
        Self::Share(error)
    }
}

impl From<MapError> for Unshared {
    fn from(error: MapError) -> Self {
        Self::Map(error)
    }
}

/// Why a page was not mapped at once.
#[derive(Debug, PartialEq, Eq)]
pub enum NotAtOnce {
    /// It is not empty: this is there.
    Found(Entry),
    /// It has no table, or the attributes need a further look.
    Elsewise,
    /// There was no frame.
    OutOfFrames,
    /// The frame is not the page table's to have, or another CPU was first.
    Lost(Lost),
}

/// Why the bytes of a page cannot be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheld {
    /// The page is not as it was said to be, or not owned: this is there.
    Changed(Entry),
    /// There is no further reference to its frame.
    Share(ShareError),
}
