//! The abilities of the MMU at hand.

/// Who sets the accessed and dirty bits of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum AccessedDirty {
    /// Nobody: the bits are set from the start. Right on every MMU, and the fastest: nobody writes entries but this
    /// crate.
    #[default]
    Preset,
    /// The MMU, whenever it likes (RISC-V's Svadu). Edits then read and write an entry in one step, so that no bit is
    /// lost, which costs several times as much.
    Hardware,
    /// The kernel: the MMU faults on a clear bit (RISC-V's Svade), and the kernel's handler calls
    /// [`Paging::touch`](crate::backend::Paging::touch).
    Software,
}

/// The abilities of the MMU at hand, as the kernel has found them out. The default is right on every MMU.
///
/// A page table is told of them once, when it is made. They never change afterwards, so each edit may rest on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Features {
    /// Who sets the accessed and dirty bits.
    pub accessed_dirty: AccessedDirty,
    /// Whether entries can say memory types other than normal (RISC-V's Svpbmt).
    pub memory_types: bool,
}

impl Features {
    /// Features that are right on every MMU: the default. O(1).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            accessed_dirty: AccessedDirty::Preset,
            memory_types: false,
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

    /// These features, but with `memory_types` for whether entries can say memory types other than normal. O(1).
    #[must_use]
    pub const fn with_memory_types(self, memory_types: bool) -> Self {
        Self {
            memory_types,
            ..self
        }
    }
}
