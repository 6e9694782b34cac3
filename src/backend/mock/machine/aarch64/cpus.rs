//! What the CPUs of an Arm machine have, and how TCR_EL1 and SCTLR_EL1 are set up on all of them.

/// How many bits of a virtual address each half translates: TCR_EL1.T0SZ and T1SZ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum VaBits {
    /// T0SZ and T1SZ are 25: three levels, the first of which is level 1.
    Bits39,
    /// T0SZ and T1SZ are 16: four levels.
    #[default]
    Bits48,
}

impl VaBits {
    /// The number of bits.
    pub(super) const fn count(self) -> usize {
        12 + 9 * self.levels()
    }

    pub(super) const fn levels(self) -> usize {
        match self {
            Self::Bits39 => 3,
            Self::Bits48 => 4,
        }
    }
}

/// What the hardware writes into leaves (FEAT_HAFDBS): TCR_EL1.HA and HD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Hafdbs {
    /// Nothing: a leaf without AF faults, and DBM is ignored.
    #[default]
    Off,
    /// AF (HA).
    Flag,
    /// AF, and with DBM a write clears AP\[2\] (HA and HD).
    FlagAndDirty,
}

impl Hafdbs {
    pub(super) fn flag(self) -> bool {
        self != Self::Off
    }

    pub(super) fn dirty(self) -> bool {
        self == Self::FlagAndDirty
    }
}

/// AArch64 CPUs, all alike and set up alike.
///
/// The default has 48 bits, ASIDs of 16 bits of which TTBR0_EL1 has the one that counts, and physical addresses of 48
/// bits; the hardware writes no leaves, and SCTLR_EL1.WXN and EPAN are clear. What a kernel sets up once and leaves is
/// here; what it goes on to change is in the CPUs' registers.
///
/// For a [`Flush`](crate::Flush) the kernel issues `DSB ISHST`, then one `TLBI` by address for each page, inner
/// shareable, where pages are few, and `DSB ISH` and `ISB` at the end. These are `VALE1IS` where leaves alone have
/// changed, and `VAE1IS` where tables went; `VAALE1IS` and `VAAE1IS` where the ASID is not known or all spaces are
/// meant. For more pages it is `ASIDE1IS`, or `VMALLE1IS`. All CPUs hear of it, and none is interrupted. For entries
/// that became valid it issues `DSB ISHST` and `ISB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AArch64 {
    /// How much each half translates (TCR_EL1.T0SZ and T1SZ).
    pub va_bits: VaBits,
    /// How many bits an ASID has, 8 or 16 (TCR_EL1.AS): those above are ignored.
    pub asid_bits: u32,
    /// TCR_EL1.A1: the ASID in TTBR1_EL1 counts, and not that in TTBR0_EL1.
    pub a1: bool,
    /// How many bits a physical address has, 48 at most (TCR_EL1.IPS and ID_AA64MMFR0_EL1.PARange): others are an
    /// address size fault.
    pub physical_bits: u32,
    /// What the hardware writes into leaves.
    pub hafdbs: Hafdbs,
    /// SCTLR_EL1.WXN: what can be written cannot be executed.
    pub wxn: bool,
    /// SCTLR_EL1.EPAN: PSTATE.PAN is also for pages that user mode can only execute.
    pub epan: bool,
}

impl AArch64 {
    /// CPUs as the default has them. O(1).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            va_bits: VaBits::Bits48,
            asid_bits: 16,
            a1: false,
            physical_bits: 48,
            hafdbs: Hafdbs::Off,
            wxn: false,
            epan: false,
        }
    }

    /// These CPUs with halves of so many bits. O(1).
    #[must_use]
    pub const fn with_va_bits(self, va_bits: VaBits) -> Self {
        Self { va_bits, ..self }
    }

    /// These CPUs with ASIDs of so many bits. O(1).
    #[must_use]
    pub const fn with_asid_bits(self, asid_bits: u32) -> Self {
        Self { asid_bits, ..self }
    }

    /// These CPUs with the ASID of TTBR1_EL1, or that of TTBR0_EL1. O(1).
    #[must_use]
    pub const fn with_a1(self, a1: bool) -> Self {
        Self { a1, ..self }
    }

    /// These CPUs with physical addresses of so many bits. O(1).
    #[must_use]
    pub const fn with_physical_bits(self, physical_bits: u32) -> Self {
        Self {
            physical_bits,
            ..self
        }
    }

    /// These CPUs with that hardware management. O(1).
    #[must_use]
    pub const fn with_hafdbs(self, hafdbs: Hafdbs) -> Self {
        Self { hafdbs, ..self }
    }

    /// These CPUs with SCTLR_EL1.WXN set, or clear. O(1).
    #[must_use]
    pub const fn with_wxn(self, wxn: bool) -> Self {
        Self { wxn, ..self }
    }

    /// These CPUs with SCTLR_EL1.EPAN set, or clear. O(1).
    #[must_use]
    pub const fn with_epan(self, epan: bool) -> Self {
        Self { epan, ..self }
    }

    /// The ASID without the bits that these CPUs do not have.
    pub(super) fn within(self, asid: u16) -> u16 {
        let unused = 16_u32.saturating_sub(self.asid_bits);
        asid & u16::MAX.checked_shr(unused).unwrap_or(0)
    }
}

impl Default for AArch64 {
    fn default() -> Self {
        Self::new()
    }
}
