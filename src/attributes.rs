//! Attributes of a page: all that its entry says beside the address.

use core::fmt;

use crate::permissions::Permissions;

/// The way in which hardware treats accesses to memory, apart from who may make them.
///
/// A backend refuses a type that its entries cannot encode, with [`MapError::UnsupportedMemoryType`].
///
/// [`MapError::UnsupportedMemoryType`]: crate::MapError::UnsupportedMemoryType
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum MemoryType {
    /// The platform's own choice: cached main memory, or the type of the physical address itself (RISC-V's PMAs,
    /// x86-64's MTRRs).
    #[default]
    Normal,
    /// Main memory that is not cached. RISC-V: Svpbmt's NC; x86-64: UC-; AArch64: Normal non-cacheable.
    NonCacheable,
    /// Device registers: not cached, in order, without speculation. RISC-V: Svpbmt's IO; x86-64: UC; AArch64:
    /// Device-nGnRE.
    Device,
    /// Memory of a device, such as a frame buffer: not cached, but writes may be joined on their way. x86-64: WC, where
    /// the page attribute table has it; AArch64: Normal non-cacheable. RISC-V refuses it: there
    /// [`NonCacheable`](Self::NonCacheable) memory is so, and entries have no second word for it.
    WriteCombining,
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "normal",
            Self::NonCacheable => "non-cacheable",
            Self::Device => "device",
            Self::WriteCombining => "write-combining",
        })
    }
}

/// The attributes of a page: all that its page-table entry says beside the address.
///
/// ```
/// use kernel_vm::{Attributes, MemoryType, Permissions};
///
/// let memory = Attributes::from(Permissions::READ);
/// assert_eq!(memory, Attributes::new(Permissions::READ, MemoryType::Normal));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Attributes {
    /// The accesses that are allowed, and to whom.
    pub permissions: Permissions,
    /// The way in which hardware treats those accesses.
    pub memory_type: MemoryType,
}

impl Attributes {
    /// The attributes of memory of this type with these permissions. O(1), checks nothing.
    ///
    /// ```
    /// # use kernel_vm::{Attributes, MemoryType, Permissions};
    /// let registers = Attributes::new(Permissions::READ | Permissions::WRITE, MemoryType::Device);
    /// assert_eq!(registers.memory_type, MemoryType::Device);
    /// ```
    #[must_use]
    pub const fn new(permissions: Permissions, memory_type: MemoryType) -> Self {
        Self {
            permissions,
            memory_type,
        }
    }

    /// These attributes with other permissions, of one memory type.
    pub(crate) const fn allowing(self, permissions: Permissions) -> Self {
        Self {
            permissions,
            ..self
        }
    }
}

/// The attributes of normal memory with these permissions.
impl From<Permissions> for Attributes {
    fn from(permissions: Permissions) -> Self {
        Self::new(permissions, MemoryType::Normal)
    }
}
