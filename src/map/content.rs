//! A map without its addresses, as the tree's leaves keep it.
//!
//! A map that moves, or whose neighbours are cut away, keeps its content: only the area beside it changes.

use super::payload::Payload;
use crate::addr::PhysAddr;
use crate::attributes::Attributes;
use crate::permissions::Permissions;

/// The facts about a map that do not depend on its virtual addresses, and its payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content<T> {
    /// The physical address of the first byte. The others follow in order.
    pub(super) first: PhysAddr,
    /// The permissions and the memory type.
    pub(super) attributes: Attributes,
    /// The kernel's word on sharing, which the crate keeps and compares.
    pub(super) is_shared: bool,
    /// The kernel's own data.
    pub(super) payload: T,
}

impl<T> Content<T> {
    /// The accesses that the map allows.
    pub(crate) const fn permissions(&self) -> Permissions {
        self.attributes.permissions
    }

    /// Replaces the permissions; the memory type stays.
    pub(crate) const fn set_permissions(&mut self, permissions: Permissions) {
        self.attributes.permissions = permissions;
    }
}

impl<T: Payload> Content<T> {
    /// Splits the content of a map of more than `offset` bytes: `self` keeps the first `offset` bytes, and the answer
    /// has the rest. `None`, and nothing has changed, where the physical address would overflow. O(1), and one
    /// [`Payload::split_at`].
    pub(crate) fn split_at(&mut self, offset: usize) -> Option<Self> {
        // Before the payload is asked: it cannot take a split back.
        let first = self.first.checked_add(offset)?;
        let payload = self.payload.split_at(offset);
        Some(Self {
            first,
            payload,
            ..*self
        })
    }
}
