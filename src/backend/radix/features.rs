//! What the MMU at hand can do.

/// Who sets the accessed and dirty bits of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum AccessedDirty {
    /// Nobody: they are set from the start. Right on every MMU, and the fastest: nobody writes entries but this crate.
    #[default]
    Preset,
    /// The MMU, whenever it likes (RISC-V's Svadu). Edits then read and write an entry in one step, so that no bit is
    /// lost, which costs several times as much.
    Hardware,
    /// The kernel: the MMU faults on a clear bit (RISC-V's Svade), and the kernel's handler calls
    /// [`set_accessed`](super::Radix::set_accessed).
    Software,
}

/// What the MMU at hand can do, as the kernel has found out. The default is right on every MMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Features {
    /// Who sets the accessed and dirty bits.
    pub accessed_dirty: AccessedDirty,
    /// Whether entries can say memory types other than normal (RISC-V's Svpbmt).
    pub memory_types: bool,
}
