//! What the MMU at hand can do.

/// Who sets the accessed and dirty bits of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum AccessedDirty {
    /// Nobody: they are set from the start. Right on every MMU, and the fastest: nobody writes entries but this crate.
    #[default]
    Preset,
    /// The MMU, whenever it likes (RISC-V's Svadu). Edits then read and write an entry in one step, so that no bit is
    /// lost, which costs several times as much.
    Hardware,
    /// The kernel: the MMU faults on a clear bit (RISC-V's Svade), and the kernel's handler calls
    /// [`set_accessed`](crate::backend::radix::Radix::set_accessed).
    Software,
}

/// What the MMU at hand can do, as the kernel has found out. The default is right on every MMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Features {
    /// Who sets the accessed and dirty bits.
    pub accessed_dirty: AccessedDirty,
    /// Whether entries can say memory types other than normal (RISC-V's Svpbmt).
    pub memory_types: bool,
}

impl Features {
    /// What is right on every MMU: the default. O(1).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            accessed_dirty: AccessedDirty::Preset,
            memory_types: false,
        }
    }

    /// The same, but with this who sets the accessed and dirty bits. O(1).
    #[must_use]
    pub const fn with_accessed_dirty(self, accessed_dirty: AccessedDirty) -> Self {
        Self {
            accessed_dirty,
            ..self
        }
    }

    /// The same, but entries can say memory types other than normal, or not. O(1).
    #[must_use]
    pub const fn with_memory_types(self, memory_types: bool) -> Self {
        Self {
            memory_types,
            ..self
        }
    }
}
