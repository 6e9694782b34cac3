//! A map without its addresses, as the tree's leaves keep it.
//!
//! A map that moves, or whose neighbours are cut away, keeps its content: only the area beside it changes.

use super::backing::Backing;
use super::facts::Facts;
use super::payload::Payload;
use crate::permissions::Permissions;

/// The facts about a map that do not depend on its virtual addresses, and its payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content<T> {
    /// The physical address of the first byte, or its offset in the kernel's object; the others follow in order. 0 for
    /// anonymous memory.
    pub(super) first: u64,
    /// The kind of memory, which says what `first` means; permissions, memory type, and the kernel's word on sharing.
    pub(super) facts: Facts,
    /// The kernel's own data.
    pub(super) payload: T,
}

impl<T> Content<T> {
    /// The accesses that the map allows.
    pub(crate) const fn permissions(&self) -> Permissions {
        self.facts.permissions()
    }

    /// Replaces the permissions; the memory type stays.
    pub(crate) const fn set_permissions(&mut self, permissions: Permissions) {
        self.facts = self.facts.allowing(permissions);
    }
}

impl<T> Content<T> {
    /// The content with another payload.
    pub(super) fn with_payload<U>(&self, payload: U) -> Content<U> {
        Content {
            first: self.first,
            facts: self.facts,
            payload,
        }
    }

    /// The address or offset of the byte `offset` bytes behind the first; `None` where that would overflow.
    pub(super) fn first_behind(&self, offset: u64) -> Option<u64> {
        if self.facts.is(Backing::Anonymous) {
            return Some(0);
        }
        self.first.checked_add(offset)
    }
}

impl<T: Payload> Content<T> {
    /// Splits the content of a map of more than `offset` bytes: `self` keeps the first `offset` bytes, and the answer
    /// has the rest. `None`, and nothing has changed, where the address or offset would overflow. O(1), and one
    /// [`Payload::split_at`].
    pub(crate) fn split_at(&mut self, offset: usize) -> Option<Self> {
        // Before the payload is asked: it cannot take a split back.
        let first = self.first_behind(offset as u64)?;
        let payload = self.payload.split_at(offset);
        Some(Self {
            first,
            payload,
            ..*self
        })
    }
}
