//! The registers of an Arm CPU that decide how it translates.

use alloc::vec::Vec;

use super::abort::Fault;
use super::cpus::AArch64;
use crate::addr::{PhysAddr, VirtAddr};
use crate::asid::Asid;
use crate::backend::mock::machine::privilege::Privilege;
use crate::backend::mock::machine::rules::{Reach, Root, Route};

/// The TTBRs, SCTLR_EL1.M, and PSTATE.
#[derive(Clone, Copy, Debug, Default)]
pub struct Registers {
    pub(super) ttbr0: Ttbr,
    pub(super) ttbr1: Ttbr,
    /// TCR_EL1.EPD0: the lower half has no tables.
    pub(super) epd0: bool,
    /// SCTLR_EL1.M: addresses are translated.
    pub(super) mmu: bool,
    pub(super) privilege: Privilege,
    /// PSTATE.PAN: EL1 cannot load from or store to what EL0 can.
    pub(super) pan: bool,
}

/// `TTBR0_EL1` or `TTBR1_EL1`. Until it is written, its half has no tables, as with TCR_EL1.EPD0 or EPD1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ttbr(pub(super) Option<u64>);

impl Ttbr {
    /// BADDR, bits 12 to 47. Below are CnP, which says nothing here, and bits that are RES0.
    const ROOT: u64 = ((1 << 48) - 1) & !0xfff;

    /// The ASID, bits 48 to 63.
    fn asid(self) -> u16 {
        u16::try_from(self.0.unwrap_or(0) >> 48).unwrap_or(0)
    }
}

impl Registers {
    /// How an address is translated: bits above those that the halves have choose the half ('Selection between
    /// TTBR0_ELx and TTBR1_ELx when two VA ranges are supported').
    #[inline]
    pub(super) fn route(&self, cpus: AArch64, vaddr: VirtAddr) -> Route<Fault> {
        if !self.mmu {
            return Route::Physical;
        }
        let root = match vaddr.get() as isize >> cpus.va_bits.count() {
            0 => self.lower(cpus),
            -1 => self.upper(cpus),
            _ => None,
        };
        match root {
            None => Route::Fault(Fault::Translation(0)),
            Some(root) if root.table.get() >> cpus.physical_bits.min(48) != 0 => {
                Route::Fault(Fault::AddressSize(0))
            }
            Some(root) => Route::Tables(root),
        }
    }

    /// The tables of both halves, as far as there are any.
    pub(super) fn roots(&self, cpus: AArch64) -> Vec<Root> {
        if !self.mmu {
            return Vec::new();
        }
        let lower = self.lower(cpus).into_iter();
        lower.chain(self.upper(cpus)).collect()
    }

    #[inline]
    fn lower(&self, cpus: AArch64) -> Option<Root> {
        let root = self.root(self.ttbr0, Reach::Lower, cpus);
        root.filter(|_| !self.epd0)
    }

    #[inline]
    fn upper(&self, cpus: AArch64) -> Option<Root> {
        self.root(self.ttbr1, Reach::Upper, cpus)
    }

    /// The tables of one half.
    #[inline]
    fn root(&self, ttbr: Ttbr, reach: Reach, cpus: AArch64) -> Option<Root> {
        Some(Root {
            table: PhysAddr::new(ttbr.0? & Ttbr::ROOT),
            levels: cpus.va_bits.levels(),
            asid: self.asid(cpus),
            reach,
        })
    }

    /// The current ASID, of both halves: that of the TTBR which TCR_EL1.A1 names.
    #[inline]
    pub(super) fn asid(&self, cpus: AArch64) -> Asid {
        let ttbr = if cpus.a1 { self.ttbr1 } else { self.ttbr0 };
        Asid::new(cpus.within(ttbr.asid()))
    }
}
