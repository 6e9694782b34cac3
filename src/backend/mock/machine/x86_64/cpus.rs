//! What the CPUs of an x86-64 machine have, and what was set up before paging was.

use crate::addr::VirtAddr;

/// How many levels of tables an x86-64 CPU walks: CR4.LA57, which is set before long mode is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Levels {
    /// Four levels, 48 bits.
    #[default]
    Four,
    /// Five levels, 57 bits.
    Five,
}

impl Levels {
    pub(super) const fn count(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Five => 5,
        }
    }

    /// Whether the bits above those that are translated all equal the highest of them.
    pub(super) const fn is_canonical(self, vaddr: VirtAddr) -> bool {
        let above = vaddr.get() as isize >> (11 + 9 * self.count());
        above == 0 || above == -1
    }
}

/// x86-64 CPUs in long mode, all alike.
///
/// The default has four levels, leaves of 1 GiB, 52 bits of physical address, and EFER.NXE set.
///
/// For a [`Flush`](crate::Flush) a CPU does what a kernel's shootdown would. Where pages are few, and their PCID is the
/// current one, that is `invlpg` for each, whether tables went or not. For another PCID it is `invpcid` of type 0 for
/// each, or of type 1 where tables went or pages are many. A flush of any PCID is one of type 3. One of all spaces is
/// `invlpg` for each page where leaves are global and no tables went, and of type 2 otherwise. Where there are no
/// PCIDs, every space has number 0.
///
/// For entries that became valid it does nothing: none that is not present is cached, and a page fault makes the CPU
/// forget what was cached for its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct X86_64 {
    /// The levels of tables.
    pub levels: Levels,
    /// How many bits a physical address has (CPUID.80000008H:EAX), 52 at most: those above are reserved in entries.
    pub physical_bits: u32,
    /// Whether there are leaves of 1 GiB (CPUID.80000001H:EDX bit 26).
    pub gigabytes: bool,
    /// EFER.NXE: entries may forbid to execute. Otherwise that bit is reserved.
    pub nxe: bool,
}

impl X86_64 {
    /// CPUs with four levels and all that there is: the default. O(1).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            levels: Levels::Four,
            physical_bits: 52,
            gigabytes: true,
            nxe: true,
        }
    }

    /// These CPUs with so many levels. O(1).
    #[must_use]
    pub const fn with_levels(self, levels: Levels) -> Self {
        Self { levels, ..self }
    }

    /// These CPUs with physical addresses of so many bits. O(1).
    #[must_use]
    pub const fn with_physical_bits(self, physical_bits: u32) -> Self {
        Self {
            physical_bits,
            ..self
        }
    }

    /// These CPUs with leaves of 1 GiB, or without. O(1).
    #[must_use]
    pub const fn with_gigabytes(self, gigabytes: bool) -> Self {
        Self { gigabytes, ..self }
    }

    /// These CPUs with EFER.NXE, or without. O(1).
    #[must_use]
    pub const fn with_nxe(self, nxe: bool) -> Self {
        Self { nxe, ..self }
    }
}

impl Default for X86_64 {
    fn default() -> Self {
        Self::new()
    }
}
