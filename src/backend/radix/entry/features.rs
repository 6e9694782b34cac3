//! The abilities of the MMU at hand.

/// Who sets the accessed and dirty bits of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum AccessedDirty {
    /// Nobody: the bits are set from the start. Right on every MMU, and the fastest: nobody writes entries but this
    /// crate.
    #[default]
    Preset,
    /// The MMU, whenever it likes (RISC-V's Svadu, Arm's FEAT_HAFDBS, every x86-64). Edits then read and write an entry
    /// in one step, so that no bit is lost, which costs several times as much.
    Hardware,
    /// The kernel: the MMU faults on a clear bit (RISC-V's Svade, Arm; no x86-64), and the kernel's handler calls
    /// [`Paging::touch`](crate::backend::Paging::touch).
    Software,
}

/// The abilities of the MMU at hand, as the kernel has found them out.
///
/// The default is right on every MMU, as long as all memory lies where its physical addresses reach.
///
/// A page table is told of them once, when it is made. They never change afterwards, so each edit may rest on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Features {
    /// Who sets the accessed and dirty bits.
    pub accessed_dirty: AccessedDirty,
    /// Whether entries can say all memory types of their format: RISC-V's Svpbmt; on x86-64, that entry 1 of the page
    /// attribute table is write-combining.
    pub memory_types: bool,
    /// How many bits a physical address has (x86-64's MAXPHYADDR, Arm's PARange). The format's own number counts where
    /// it is less: so the default is as many as the format has.
    pub physical_bits: u32,
    /// Whether there are leaves of 1 GiB, where that is up to the CPU (x86-64's Page1GB). Elsewhere it says nothing.
    pub gib_leaves: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self::new()
    }
}

impl Features {
    /// The default. O(1).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            accessed_dirty: AccessedDirty::Preset,
            memory_types: false,
            physical_bits: u64::BITS,
            gib_leaves: false,
        }
    }

    /// These features, but with `accessed_dirty` for who sets the accessed and dirty bits. O(1).
    #[must_use]
    pub const fn with_accessed_dirty(self, accessed_dirty: AccessedDirty) -> Self {
        Self {
            accessed_dirty,
            ..self
        }
    }

    /// These features, but with `memory_types` for whether entries can say all memory types of their format. O(1).
    #[must_use]
    pub const fn with_memory_types(self, memory_types: bool) -> Self {
        Self {
            memory_types,
            ..self
        }
    }

    /// These features, but with `physical_bits` for how many bits a physical address has. O(1).
    ///
    /// ```
    /// use kernel_vm::backend::{PageTableBackend, mock::HostFrames, radix::Features, x86_64::X86_64};
    ///
    /// let cpu = Features::new().with_physical_bits(47);
    /// let table = X86_64::with_features(HostFrames::new(8), cpu)?;
    /// assert_eq!(table.physical_range().end().get(), 0x7fff_ffff_ffff);
    /// # Ok::<(), kernel_vm::MapError>(())
    /// ```
    #[must_use]
    pub const fn with_physical_bits(self, physical_bits: u32) -> Self {
        Self {
            physical_bits,
            ..self
        }
    }

    /// These features, but with `gib_leaves` for whether there are leaves of 1 GiB, where that is up to the CPU. O(1).
    #[must_use]
    pub const fn with_gib_leaves(self, gib_leaves: bool) -> Self {
        Self { gib_leaves, ..self }
    }
}
