//! Who must forget which translations: the other half of the platform.

use arrayvec::{ArrayVec, CapacityError};

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::asid::Asid;

/// How many ranges a flush names before it says 'everything'.
const MAX_RANGES: usize = 4;

/// What one verb took out of a page table: the ranges in which a translation was valid and no longer is, or is another;
/// and where memory waits for the flush, to be given back.
///
/// A backend fills it while it edits, and empties it in
/// [`PageTableBackend::retire`](crate::backend::PageTableBackend::retire). The backend keeps the same in mind: a value
/// that is dropped delays the flush until something else is retired, and what waits stays busy until then.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use = "what was taken out must be flushed: give it to `PageTableBackend::retire`"]
pub struct Retired {
    ranges: ArrayVec<MemoryArea, MAX_RANGES>,
    everything: bool,
    tables: bool,
    waiting: ArrayVec<MemoryArea, MAX_RANGES>,
    entries: bool,
}

impl Retired {
    /// Nothing was taken out yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Translations in `area` changed. Ranges that touch become one; when there are more than a flush can name,
    /// everything counts as changed.
    pub fn note(&mut self, area: MemoryArea) {
        if !self.everything && add(&mut self.ranges, area).is_err() {
            self.everything = true;
            self.ranges.clear();
        }
    }

    /// Page tables were taken out, not only leaves.
    pub fn note_tables(&mut self) {
        self.tables = true;
    }

    /// Entries wait, too: nothing can be mapped there before everything is retired. Those of frames that the space owns
    /// do, or where entries must be broken before others are made (Arm's break-before-make), all.
    pub fn note_entries(&mut self) {
        self.entries = true;
    }

    /// In `area` there is something to give back after the flush. When there are more such areas than fit, the gaps
    /// between the nearest count as well.
    pub fn note_waiting(&mut self, area: MemoryArea) {
        if add(&mut self.waiting, area).is_ok() {
            return;
        }
        let distance = |other: &MemoryArea| {
            let behind = other.start().get().saturating_sub(area.end().get());
            behind.max(area.start().get().saturating_sub(other.end().get()))
        };
        // Only one of them can make all of the space with it, which is no area.
        let others = self.waiting.iter_mut();
        let nearest = others
            .filter(|other| other.hull(area).is_ok())
            .min_by_key(|other| distance(other));
        if let Some(nearest) = nearest {
            *nearest = nearest.hull(area).unwrap_or(area);
        }
    }

    /// All translations changed, and maybe tables were taken out.
    #[cfg(target_pointer_width = "64")]
    pub(crate) fn note_everything(&mut self) {
        self.everything = true;
        self.tables = true;
        self.ranges.clear();
    }

    /// Nothing was taken out any more.
    #[cfg(target_pointer_width = "64")]
    pub(crate) fn clear(&mut self) {
        self.ranges.clear();
        self.waiting.clear();
        (self.everything, self.tables, self.entries) = (false, false, false);
    }

    /// What the other has noted, too. What comes to nothing is copied as it is: mostly it does.
    #[cfg(target_pointer_width = "64")]
    pub(crate) fn absorb(&mut self, other: &Self) {
        if other.everything {
            self.everything = true;
            self.ranges.clear();
        }
        if self.ranges.is_empty() && !self.everything {
            self.ranges.clone_from(&other.ranges);
        } else {
            other.ranges.iter().for_each(|&area| self.note(area));
        }
        if self.waiting.is_empty() {
            self.waiting.clone_from(&other.waiting);
        } else {
            other
                .waiting
                .iter()
                .for_each(|&area| self.note_waiting(area));
        }
        self.tables |= other.tables;
        self.entries |= other.entries;
    }

    /// Whether there is nothing to flush and nothing to give back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.needs_flush() && self.waiting.is_empty()
    }

    /// Whether a CPU may have cached what was taken out.
    #[must_use]
    pub fn needs_flush(&self) -> bool {
        !self.ranges.is_empty() || self.everything || self.tables
    }

    /// Whether page tables were taken out.
    #[must_use]
    pub const fn tables(&self) -> bool {
        self.tables
    }

    /// Whether entries wait (see [`note_entries`](Self::note_entries)).
    #[must_use]
    pub const fn entries(&self) -> bool {
        self.entries
    }

    /// The ranges that were noted; `None`: everything.
    #[must_use]
    pub fn ranges(&self) -> Option<&[MemoryArea]> {
        (!self.everything).then_some(self.ranges.as_slice())
    }

    /// Where something waits to be given back, and maybe more.
    #[must_use]
    pub fn waiting(&self) -> &[MemoryArea] {
        &self.waiting
    }

    /// What the platform is to flush, in the space with this root and ASID.
    #[must_use]
    pub fn flush(&self, root: PhysAddr, asid: Asid) -> Flush<'_> {
        self.flush_under(root, Some(asid))
    }

    /// The same, under every ASID that the space may have had, if none is named.
    pub(crate) fn flush_under(&self, root: PhysAddr, asid: Option<Asid>) -> Flush<'_> {
        Flush {
            root,
            asid,
            ranges: self.ranges(),
            tables: self.tables,
            is_global: false,
        }
    }
}

/// Adds `area` to areas that do not touch, or makes it one with those that it touches.
fn add<const N: usize>(
    areas: &mut ArrayVec<MemoryArea, N>,
    area: MemoryArea,
) -> Result<(), CapacityError<MemoryArea>> {
    let mut sum = area;
    let touches = |one: MemoryArea, other: MemoryArea| {
        one.overlaps(&other)
            || one.next() == Some(other.start())
            || other.next() == Some(one.start())
    };
    areas.retain(|other| {
        let hull = sum.hull(*other).ok().filter(|_| touches(sum, *other));
        sum = hull.unwrap_or(sum);
        hull.is_none()
    });
    areas.try_push(sum)
}

/// What must be forgotten: an order to [`Tlb::flush`] or [`Tlb::made_valid`].
#[derive(Clone, Copy, Debug)]
pub struct Flush<'a> {
    root: PhysAddr,
    asid: Option<Asid>,
    ranges: Option<&'a [MemoryArea]>,
    tables: bool,
    is_global: bool,
}

impl<'a> Flush<'a> {
    /// Leaves in these ranges of the space with this root, under every ASID it may have had.
    #[must_use]
    pub const fn leaves(root: PhysAddr, ranges: &'a [MemoryArea]) -> Self {
        Self {
            root,
            asid: None,
            ranges: Some(ranges),
            tables: false,
            is_global: false,
        }
    }

    /// The same, under this ASID.
    #[must_use]
    pub const fn under(self, asid: Asid) -> Self {
        Self {
            asid: Some(asid),
            ..self
        }
    }

    /// The same, and tables.
    #[must_use]
    pub const fn with_tables(self) -> Self {
        Self {
            tables: true,
            ..self
        }
    }

    /// Everything in the space with this root, tables included, under every ASID it may have had.
    #[must_use]
    pub const fn everything(root: PhysAddr) -> Self {
        Self {
            root,
            asid: None,
            ranges: None,
            tables: true,
            is_global: false,
        }
    }

    /// The same, in all spaces: the translations are global, so no ASID and no root tells them apart.
    #[must_use]
    pub const fn global(self) -> Self {
        Self {
            asid: None,
            is_global: true,
            ..self
        }
    }

    /// The root table of the space.
    #[must_use]
    pub const fn root(&self) -> PhysAddr {
        self.root
    }

    /// Under which ASID; `None`: under any.
    #[must_use]
    pub const fn asid(&self) -> Option<Asid> {
        self.asid
    }

    /// Whether every space has these translations, so that every CPU may have cached them, whatever space it is in. On
    /// RISC-V an `sfence.vma` with an ASID does not cover global ones (Privileged, 'Supervisor Memory-Management Fence
    /// Instruction').
    #[must_use]
    pub const fn is_global(&self) -> bool {
        self.is_global
    }

    /// Which addresses, page-aligned and in no particular order; `None`: all.
    #[must_use]
    pub const fn ranges(&self) -> Option<&[MemoryArea]> {
        self.ranges
    }

    /// Whether page tables were taken out, too: caches of their entries must go, not only those of leaves. On RISC-V
    /// an `sfence.vma` with an address covers leaves only, so this asks for one without (Privileged, 'Supervisor
    /// Memory-Management Fence Instruction').
    #[must_use]
    pub const fn tables(&self) -> bool {
        self.tables
    }

    /// How many bytes the ranges have in all, or `None` when everything is meant (or more than `usize` holds): what
    /// a kernel weighs page-wise fences against a full one with.
    #[must_use]
    pub fn size(&self) -> Option<usize> {
        self.ranges?
            .iter()
            .try_fold(0_usize, |sum, range| sum.checked_add(range.size()))
    }

    /// The ranges, where fences page by page do all that is meant: they have `most` bytes at most, tables did not change,
    /// and a fence has an effect for their addresses, as `reaches` says. `None`: a fence without an address is wanted.
    /// O(1).
    ///
    /// On RISC-V `reaches` asks whether an address is canonical in the mode that the CPU runs in
    /// ([`Mode::is_canonical`](crate::backend::riscv::Mode::is_canonical)). It is asked of the first and the last address
    /// of each range.
    ///
    /// ```
    /// use kernel_vm::backend::riscv::Mode;
    /// use kernel_vm::{AreaError, Flush, MemoryArea, PhysAddr, VirtAddr};
    ///
    /// let page = MemoryArea::from_start_size(VirtAddr::new(0x40_0000_0000), 0x1000)?; // of an Sv48 space
    /// let ranges = [page];
    /// let flush = Flush::leaves(PhysAddr::new(0x8020_0000), &ranges);
    /// let asked = |mode: Mode| flush.page_by_page(64 << 12, |addr| mode.is_canonical(addr));
    /// assert_eq!((asked(Mode::Sv48), asked(Mode::Sv39)), (Some(&ranges[..]), None));
    /// assert_eq!(flush.with_tables().page_by_page(64 << 12, |_| true), None);
    /// # Ok::<(), AreaError>(())
    /// ```
    #[must_use]
    pub fn page_by_page(
        &self,
        most: usize,
        reaches: impl Fn(VirtAddr) -> bool,
    ) -> Option<&'a [MemoryArea]> {
        let is_few = self.size().is_some_and(|bytes| bytes <= most) && !self.tables;
        let ranges = self.ranges.filter(|_| is_few)?;
        let mut ends = ranges.iter().flat_map(|range| [range.start(), range.end()]);
        ends.all(reaches).then_some(ranges)
    }
}

/// Who must hear of changed translations: half of what a kernel brings (the other is [`FrameAllocator`]).
///
/// *For who implements it:* the hook runs inside a verb, so the kernel's own lock around the address space may be
/// held and interrupts may be off. While a CPU waits here for others, it must serve their shootdowns, or two CPUs that
/// flush at once wait for each other for ever. It must not call back into the same address space.
///
/// The page table was changed by plain stores: whatever makes another CPU flush must order them before (on RISC-V a
/// `fence` before the interrupt is sent; SBI's remote fences do so themselves).
///
/// *For who calls it:* when [`flush`](Self::flush) returns, no CPU uses a translation of the named ranges that was
/// cached before the call. Frames are reused only after that.
///
/// The simplest that is right on RISC-V with one hart forgets everything each time; the README's is finer:
///
/// ```
/// use kernel_vm::{Flush, Tlb};
/// # mod riscv { pub fn sfence_vma_all() {} }
///
/// struct OneHart;
///
/// impl Tlb for OneHart {
///     fn flush(&self, _flush: &Flush<'_>) {
///         riscv::sfence_vma_all();
///     }
///
///     // May be left out if the fault handler fences and tries again.
///     fn made_valid(&self, _made: &Flush<'_>) {
///         riscv::sfence_vma_all();
///     }
/// }
/// ```
///
/// A hook that panics leaves the page table sound, and makes it leak at most: see
/// [`backend::radix`](crate::backend::radix#when-a-hook-panics). A flush that panics is asked for once more, by the
/// next verb that retires something or by the drop.
///
/// [`FrameAllocator`]: crate::FrameAllocator
pub trait Tlb {
    /// Makes every CPU that may have cached a translation of this space forget what `flush` names, and waits until they
    /// have. Called at most once a verb, after the page table was changed and before any frame is given back; a
    /// move onto pages that the space owns flushes those first. Where entries must be broken before others are made
    /// (Arm, not RISC-V), any move onto pages does, and once more each large leaf that is split.
    ///
    /// On RISC-V the order to a CPU is `sfence.vma`. With an address it covers leaves only, so it will not do where
    /// [`tables`](Flush::tables) went. It has no effect where the address is not canonical in the mode that this CPU
    /// runs in at that moment (Privileged, 'Supervisor Memory-Management Fence Instruction'). That need not be the
    /// space's own: a CPU keeps what it has cached in Sv48 when it goes on to an Sv39 space under another ASID. A
    /// kernel with spaces of several modes fences without an address where one is not canonical in the narrowest
    /// ([`Mode::is_canonical`](crate::backend::riscv::Mode::is_canonical)).
    fn flush(&self, flush: &Flush<'_>);

    /// What `made` names allows more than it did: a leaf is there where none was valid, or a leaf has its accessed or
    /// dirty bit now. A CPU may have cached what was there before, and that can only make it fault.
    ///
    /// Architectures that may cache it (RISC-V without Svvptc, and with it the accessed and dirty bits), or that need a
    /// barrier before an entry is seen (Arm), act here: they do as for [`flush`](Self::flush), with the same words on
    /// tables and addresses. The ASID is not known. The default does nothing: that is for a kernel whose fault handler
    /// finds that the page table allows the access, fences, and tries again. Without such a handler, the first
    /// store to a page that was just mapped may be a fault that nobody expects.
    fn made_valid(&self, made: &Flush<'_>) {
        let _ = made;
    }

    /// The frames in `area` are about to become executable somewhere: instruction caches must see their bytes.
    fn made_code(&self, area: MemoryArea<PhysAddr>) {
        let _ = area;
    }
}

impl<P: Tlb + ?Sized> Tlb for &P {
    fn flush(&self, flush: &Flush<'_>) {
        (**self).flush(flush);
    }

    fn made_valid(&self, made: &Flush<'_>) {
        (**self).made_valid(made);
    }

    fn made_code(&self, area: MemoryArea<PhysAddr>) {
        (**self).made_code(area);
    }
}
