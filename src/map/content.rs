//! What a map is beside its place.

use super::payload::Payload;
use crate::addr::PhysAddr;
use crate::attributes::Attributes;
use crate::permissions::Permissions;

/// What a map is beside its place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content<T> {
    pub(super) first: PhysAddr,
    pub(super) attributes: Attributes,
    pub(super) is_shared: bool,
    pub(super) payload: T,
}

impl<T> Content<T> {
    pub(crate) const fn permissions(&self) -> Permissions {
        self.attributes.permissions
    }

    pub(crate) const fn set_permissions(&mut self, permissions: Permissions) {
        self.attributes.permissions = permissions;
    }
}

impl<T: Payload> Content<T> {
    /// Keeps what belongs to the first `offset` bytes, and answers what belongs to the rest.
    pub(crate) fn split_at(&mut self, offset: usize) -> Option<Self> {
        let first = self.first.checked_add(offset)?;
        let payload = self.payload.split_at(offset);
        Some(Self {
            first,
            payload,
            ..*self
        })
    }
}
