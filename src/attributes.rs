//! What a page-table entry says of its page beside the address.

use core::fmt;

use crate::permissions::Permissions;

/// How the hardware treats accesses to memory, apart from who may make them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum MemoryType {
    /// As the platform has it: cached main memory, or whatever the physical address itself says (RISC-V's PMAs).
    #[default]
    Normal,
    /// Main memory, not cached.
    NonCacheable,
    /// Device registers: not cached, in order, no speculation.
    Device,
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "normal",
            Self::NonCacheable => "non-cacheable",
            Self::Device => "device",
        })
    }
}

/// What a page-table entry says of its page beside the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Attributes {
    /// Who may do what.
    pub permissions: Permissions,
    /// How the hardware treats it.
    pub memory_type: MemoryType,
}

impl Attributes {
    /// The same, but for who may do what.
    pub(crate) const fn allowing(self, permissions: Permissions) -> Self {
        Self {
            permissions,
            ..self
        }
    }
}
