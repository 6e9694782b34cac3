//! An order to forget translations.

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::asid::Asid;

/// An order to forget translations, as [`Tlb::flush`] and [`Tlb::made_valid`] get it.
///
/// It names a space by its root and ASID, and the addresses in it. A kernel reads it; a test of a kernel's [`Tlb`]
/// makes one by [`leaves`](Self::leaves) or [`everything`](Self::everything).
///
/// [`Tlb`]: crate::Tlb
/// [`Tlb::flush`]: crate::Tlb::flush
/// [`Tlb::made_valid`]: crate::Tlb::made_valid
#[derive(Clone, Copy, Debug)]
pub struct Flush<'a> {
    pub(super) root: PhysAddr,
    /// The ASID; `None` for every ASID that the space may have had.
    pub(super) asid: Option<Asid>,
    /// The addresses, page-aligned; `None` for all.
    pub(super) ranges: Option<&'a [MemoryArea]>,
    /// Whether pointers to tables have gone, too.
    pub(super) tables: bool,
    /// Whether every space has these translations.
    pub(super) is_global: bool,
}

impl<'a> Flush<'a> {
    /// The order to forget leaves in these ranges of the space with this root, under every ASID it may have had. O(1).
    ///
    /// ```
    /// # use kernel_vm::{AreaError, Flush, MemoryArea, PhysAddr, VirtAddr};
    /// let ranges = [MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x2000)?];
    /// let flush = Flush::leaves(PhysAddr::new(0x8020_0000), &ranges);
    /// assert_eq!((flush.size(), flush.asid(), flush.tables()), (Some(0x2000), None, false));
    /// # Ok::<(), AreaError>(())
    /// ```
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

    /// Narrows the order to one ASID. O(1).
    ///
    /// ```
    /// # use kernel_vm::{Asid, Flush, PhysAddr};
    /// let flush = Flush::everything(PhysAddr::new(0x8020_0000)).under(Asid::new(7));
    /// assert_eq!(flush.asid(), Some(Asid::new(7)));
    /// ```
    #[must_use]
    pub const fn under(self, asid: Asid) -> Self {
        Self {
            asid: Some(asid),
            ..self
        }
    }

    /// Extends the order to pointers to tables. O(1).
    ///
    /// ```
    /// # use kernel_vm::{Flush, PhysAddr};
    /// assert!(Flush::leaves(PhysAddr::new(0x8020_0000), &[]).with_tables().tables());
    /// ```
    #[must_use]
    pub const fn with_tables(self) -> Self {
        Self {
            tables: true,
            ..self
        }
    }

    /// The order to forget the whole space with this root, tables included, under every ASID it may have had. O(1).
    ///
    /// ```
    /// # use kernel_vm::{Flush, PhysAddr};
    /// let flush = Flush::everything(PhysAddr::new(0x8020_0000));
    /// assert_eq!((flush.ranges(), flush.size(), flush.tables()), (None, None, true));
    /// ```
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

    /// Extends the order to all spaces: the translations are global, so no ASID and no root tells them apart. O(1).
    ///
    /// ```
    /// # use kernel_vm::{Asid, Flush, PhysAddr};
    /// let flush = Flush::everything(PhysAddr::new(0x8020_0000)).under(Asid::new(7)).global();
    /// assert_eq!((flush.is_global(), flush.asid()), (true, None));
    /// ```
    #[must_use]
    pub const fn global(self) -> Self {
        Self {
            asid: None,
            is_global: true,
            ..self
        }
    }

    /// The root of the page table that was edited: the space's, unless the order is global.
    #[must_use]
    pub const fn root(&self) -> PhysAddr {
        self.root
    }

    /// The ASID under which to forget; `None` stands for any.
    #[must_use]
    pub const fn asid(&self) -> Option<Asid> {
        self.asid
    }

    /// Whether every space has these translations, so that every CPU may have cached them, whatever space it is in.
    ///
    /// No order for one ASID covers global ones: not RISC-V's `sfence.vma` with an ASID, not `invpcid` of a PCID, not
    /// AArch64's `TLBI ASIDE1`. With pointers to tables they are cached under every PCID that was current, so an order
    /// that is global and of [tables](Self::tables) is for all of those.
    #[must_use]
    pub const fn is_global(&self) -> bool {
        self.is_global
    }

    /// The addresses to forget, page-aligned and in no particular order; `None` stands for all.
    #[must_use]
    pub const fn ranges(&self) -> Option<&[MemoryArea]> {
        self.ranges
    }

    /// Whether page tables were taken out, too: caches of pointers to them must go, not only those of leaves.
    ///
    /// On RISC-V an `sfence.vma` with an address covers leaves only, so this asks for one without (Privileged,
    /// 'Supervisor Memory-Management Fence Instruction'). x86-64's `invlpg` covers all pointers of the current PCID.
    /// AArch64's `VALE1` and `VAALE1` cover none, `VAE1` and `VAAE1` those on the way to the address.
    #[must_use]
    pub const fn tables(&self) -> bool {
        self.tables
    }

    /// The number of bytes in all ranges together, or `None` when everything is meant (or more than `usize` holds).
    ///
    /// By it a kernel weighs page-wise fences against a full one. O(ranges), of which a verb names four at most.
    #[must_use]
    pub fn size(&self) -> Option<usize> {
        self.ranges?
            .iter()
            .try_fold(0_usize, |sum, range| sum.checked_add(range.size()))
    }

    /// The ranges, where fences page by page will do; `None` where a fence without an address is wanted. O(1).
    ///
    /// They will do when all of these hold:
    /// - the ranges have `most` bytes at most;
    /// - no tables changed;
    /// - a fence has an effect for their addresses, as `reaches` says of the first and the last address of each range.
    ///
    /// It is for orders that leave pointers alone: RISC-V's. Where an order with an address covers them, a kernel asks
    /// [`size`](Self::size) and takes [`ranges`](Self::ranges).
    ///
    /// On RISC-V `reaches` asks whether an address is canonical in the mode that the CPU runs in
    /// ([`Mode::is_canonical`](crate::backend::riscv::Mode::is_canonical)).
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
