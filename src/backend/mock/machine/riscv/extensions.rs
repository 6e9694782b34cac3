//! The extensions of a machine's CPUs.

/// The extensions and the width of ASIDs that a machine's CPUs have, all alike.
///
/// The default has none of the extensions, and 16 bits of ASID: most fences, most faults, fewest rollovers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extensions {
    /// Svadu: the hardware sets A and D. Without it (Svade) an access that would have to set them is a page fault.
    pub svadu: bool,
    /// Svpbmt: leaves may say a memory type, which makes no difference here.
    pub svpbmt: bool,
    /// Svvptc: entries that are not valid are forgotten soon, here at once.
    pub svvptc: bool,
    /// How many bits an ASID has (ASIDLEN), 16 at most: those above are ignored.
    pub asid_bits: u32,
}

impl Extensions {
    /// CPUs with none of the extensions, and with 16 bits of ASID: the default. O(1).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            svadu: false,
            svpbmt: false,
            svvptc: false,
            asid_bits: 16,
        }
    }

    /// These extensions with Svadu, or without. O(1).
    #[must_use]
    pub const fn with_svadu(self, svadu: bool) -> Self {
        Self { svadu, ..self }
    }

    /// These extensions with Svpbmt, or without. O(1).
    #[must_use]
    pub const fn with_svpbmt(self, svpbmt: bool) -> Self {
        Self { svpbmt, ..self }
    }

    /// These extensions with Svvptc, or without. O(1).
    #[must_use]
    pub const fn with_svvptc(self, svvptc: bool) -> Self {
        Self { svvptc, ..self }
    }

    /// These extensions with ASIDs of so many bits. O(1).
    #[must_use]
    pub const fn with_asid_bits(self, asid_bits: u32) -> Self {
        Self { asid_bits, ..self }
    }
}

impl Default for Extensions {
    fn default() -> Self {
        Self::new()
    }
}
