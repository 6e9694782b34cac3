//! Who must forget which translations: the other half of the platform.

use arrayvec::ArrayVec;

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::asid::Asid;

/// How many ranges a flush names before it says 'everything'.
const MAX_RANGES: usize = 4;

/// What one verb took out of a page table: the ranges in which a translation was valid and no longer is, or is another.
///
/// A backend fills it while it edits, and empties it in
/// [`PageTableBackend::retire`](crate::backend::PageTableBackend::retire).
#[derive(Debug, Default)]
#[must_use = "what was taken out must be flushed: give it to `PageTableBackend::retire`"]
pub struct Retired {
    ranges: ArrayVec<MemoryArea, MAX_RANGES>,
    everything: bool,
    tables: bool,
}

impl Retired {
    /// Nothing was taken out yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Translations in `area` changed. When there are more ranges than a flush can name, everything counts as changed.
    pub fn note(&mut self, area: MemoryArea) {
        if self.everything || self.ranges.try_push(area).is_err() {
            self.everything = true;
            self.ranges.clear();
        }
    }

    /// Page tables were taken out, not only leaves.
    pub fn note_tables(&mut self) {
        self.tables = true;
    }

    /// Whether there is nothing to flush and nothing to give back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && !self.everything && !self.tables
    }

    /// Whether page tables were taken out.
    #[must_use]
    pub const fn tables(&self) -> bool {
        self.tables
    }

    /// The ranges that were noted; `None`: everything.
    #[must_use]
    pub fn ranges(&self) -> Option<&[MemoryArea]> {
        (!self.everything).then_some(self.ranges.as_slice())
    }

    /// What the platform is to flush, in the space with this root and ASID.
    #[must_use]
    pub fn flush(&self, root: PhysAddr, asid: Asid) -> Flush<'_> {
        Flush {
            root,
            asid: Some(asid),
            ranges: self.ranges(),
            tables: self.tables,
        }
    }
}

/// What must be forgotten: an order to [`Tlb::flush`].
#[derive(Clone, Copy, Debug)]
pub struct Flush<'a> {
    root: PhysAddr,
    asid: Option<Asid>,
    ranges: Option<&'a [MemoryArea]>,
    tables: bool,
}

impl Flush<'_> {
    /// Everything in the space with this root, tables included, under every ASID it may have had.
    #[must_use]
    pub const fn everything(root: PhysAddr) -> Self {
        Self {
            root,
            asid: None,
            ranges: None,
            tables: true,
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
/// [`FrameAllocator`]: crate::FrameAllocator
pub trait Tlb {
    /// Makes every CPU that may have cached a translation of this space forget what `flush` names, and waits until
    /// they have. Called at most once a verb, after the page table was changed and before any frame is given back.
    fn flush(&self, flush: &Flush<'_>);

    /// Pages in `area` were not valid before and are now. Architectures that may cache 'invalid' (RISC-V without
    /// Svvptc), or that need a barrier before the entry is seen (Arm), act here; others may have a spurious fault at
    /// worst.
    fn made_valid(&self, area: MemoryArea) {
        let _ = area;
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

    fn made_valid(&self, area: MemoryArea) {
        (**self).made_valid(area);
    }

    fn made_code(&self, area: MemoryArea<PhysAddr>) {
        (**self).made_code(area);
    }
}
