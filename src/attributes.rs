//! What a page-table entry says of its page beside the address.

use core::fmt;

use crate::permissions::Permissions;

/// How the hardware treats accesses to memory, apart from who may make them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
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
///
/// ```
/// use kernel_vm::{Attributes, MemoryType, Permissions};
///
/// let registers = Attributes::new(Permissions::READ | Permissions::WRITE, MemoryType::Device);
/// assert_eq!(Attributes::from(Permissions::READ).memory_type, MemoryType::Normal);
/// # assert_eq!(registers.memory_type, MemoryType::Device);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Attributes {
    /// Who may do what.
    pub permissions: Permissions,
    /// How the hardware treats it.
    pub memory_type: MemoryType,
}

impl Attributes {
    /// Memory of this type, for whom these permissions say. O(1).
    #[must_use]
    pub const fn new(permissions: Permissions, memory_type: MemoryType) -> Self {
        Self {
            permissions,
            memory_type,
        }
    }

    /// The attributes with other permissions.
    pub(crate) const fn allowing(self, permissions: Permissions) -> Self {
        Self {
            permissions,
            ..self
        }
    }
}

/// Normal memory.
impl From<Permissions> for Attributes {
    fn from(permissions: Permissions) -> Self {
        Self::new(permissions, MemoryType::Normal)
    }
}
