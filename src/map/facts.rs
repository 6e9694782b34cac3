//! All that is known of a map beside its memory and its payload, in one word.
//!
//! ```text
//! byte 0  permissions    byte 1  memory type    byte 2  backing    byte 3  1 private, 2 shared
//! ```
//!
//! Leaves move maps about and compare them all the time: a word is moved, and compared, at once. It is never 0, so an
//! `Option` of it takes no more, and is asked at once, too.

use core::num::NonZeroU32;

use super::backing::Backing;
use crate::attributes::{Attributes, MemoryType};
use crate::permissions::Permissions;

/// The backing, the attributes and the sharing of a map.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts(NonZeroU32);

/// The last byte of a private map.
const PRIVATE: u8 = 1;

/// The last byte of a shared map.
const SHARED: u8 = 2;

impl Facts {
    pub(super) const fn new(backing: Backing, attributes: Attributes, is_shared: bool) -> Self {
        Self::from_bytes([
            attributes.permissions.bits(),
            memory_type_number(attributes.memory_type),
            backing_number(backing),
            if is_shared { SHARED } else { PRIVATE },
        ])
    }

    const fn from_bytes(bytes: [u8; 4]) -> Self {
        match NonZeroU32::new(u32::from_le_bytes(bytes)) {
            Some(word) => Self(word),
            // No value has this: the last byte is never 0.
            None => Self(NonZeroU32::MAX),
        }
    }

    const fn bytes(self) -> [u8; 4] {
        self.0.get().to_le_bytes()
    }

    /// Whether the map's memory is of this kind. One comparison, where [`backing`](Self::backing) makes a value.
    #[inline]
    pub(super) const fn is(self, backing: Backing) -> bool {
        let [_, _, byte, _] = self.bytes();
        byte == backing_number(backing)
    }

    #[inline]
    pub(super) const fn backing(self) -> Backing {
        let [_, _, backing, _] = self.bytes();
        // In order, and nothing else, so that the byte is the answer.
        match backing & 3 {
            0 => Backing::Physical,
            1 => Backing::Anonymous,
            _ => Backing::Provided,
        }
    }

    #[inline]
    pub(super) const fn permissions(self) -> Permissions {
        let [permissions, ..] = self.bytes();
        Permissions::from_bits_retain(permissions)
    }

    #[inline]
    pub(super) const fn memory_type(self) -> MemoryType {
        let [_, memory_type, ..] = self.bytes();
        match memory_type & 3 {
            0 => MemoryType::Normal,
            1 => MemoryType::NonCacheable,
            2 => MemoryType::Device,
            _ => MemoryType::WriteCombining,
        }
    }

    #[inline]
    pub(super) const fn attributes(self) -> Attributes {
        Attributes::new(self.permissions(), self.memory_type())
    }

    #[inline]
    pub(super) const fn is_shared(self) -> bool {
        let [.., sharing] = self.bytes();
        sharing == SHARED
    }

    /// The facts with other permissions.
    #[inline]
    pub(super) const fn allowing(self, permissions: Permissions) -> Self {
        let [_, memory_type, backing, sharing] = self.bytes();
        Self::from_bytes([permissions.bits(), memory_type, backing, sharing])
    }

    /// The facts with another memory type.
    pub(super) const fn with_memory_type(self, memory_type: MemoryType) -> Self {
        Self::new(
            self.backing(),
            Attributes::new(self.permissions(), memory_type),
            self.is_shared(),
        )
    }
}

/// The byte of a backing. A variant more does not compile until it has one, here and in [`Facts::backing`].
const fn backing_number(backing: Backing) -> u8 {
    match backing {
        Backing::Physical => 0,
        Backing::Anonymous => 1,
        Backing::Provided => 2,
    }
}

/// The byte of a memory type, as that of a backing.
const fn memory_type_number(memory_type: MemoryType) -> u8 {
    match memory_type {
        MemoryType::Normal => 0,
        MemoryType::NonCacheable => 1,
        MemoryType::Device => 2,
        MemoryType::WriteCombining => 3,
    }
}
