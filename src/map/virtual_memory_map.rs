//! A map as a value.

use core::fmt;

use super::content::Content;
use super::map_ref::MapRef;
use super::payload::Payload;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::attributes::{Attributes, MemoryType};
use crate::error::MapError;
use crate::permissions::Permissions;

/// One mapping of an area of virtual addresses.
///
/// It need not be memory that the platform hands out: device registers are mapped in the same way.
///
/// It is a value: `Copy` or `Clone` where its payload is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VirtualMemoryMap<T = ()> {
    vmarea: MemoryArea,
    content: Content<T>,
}

impl VirtualMemoryMap {
    /// Maps `vmarea` onto `pmarea`, byte for byte, as normal memory.
    ///
    /// `is_shared` is the kernel's: the crate keeps it, and joins only maps that agree on it.
    ///
    /// # Errors
    /// [`MapError::SizesDiffer`]; [`MapError::UnknownPermissions`] for bits without a meaning. Alignment and range are
    /// the backend's word, when the map is added.
    pub const fn new(
        vmarea: MemoryArea,
        pmarea: MemoryArea<PhysAddr>,
        permissions: Permissions,
        is_shared: bool,
    ) -> Result<Self, MapError> {
        let sizes = (
            (vmarea.end().get() - vmarea.start().get()) as u64,
            pmarea.end().get() - pmarea.start().get(),
        );
        if sizes.0 != sizes.1 {
            return Err(MapError::SizesDiffer { vmarea, pmarea });
        }
        if !Permissions::all().contains(permissions) {
            return Err(MapError::UnknownPermissions { permissions });
        }
        let attributes = Attributes {
            permissions,
            memory_type: MemoryType::Normal,
        };
        let content = Content {
            first: pmarea.start(),
            attributes,
            is_shared,
            payload: (),
        };
        Ok(Self { vmarea, content })
    }
}

impl<T> VirtualMemoryMap<T> {
    /// The same map with `payload` instead of its own, which is dropped.
    #[must_use]
    pub fn with_payload<U>(self, payload: U) -> VirtualMemoryMap<U> {
        let Self {
            vmarea,
            content:
                Content {
                    first,
                    attributes,
                    is_shared,
                    payload: _,
                },
        } = self;
        VirtualMemoryMap {
            vmarea,
            content: Content {
                first,
                attributes,
                is_shared,
                payload,
            },
        }
    }

    /// The same map as memory of this type.
    #[must_use]
    pub fn with_memory_type(mut self, memory_type: MemoryType) -> Self {
        self.content.attributes.memory_type = memory_type;
        self
    }

    /// A look at it, with the same getters.
    #[must_use]
    pub const fn view(&self) -> MapRef<'_, T> {
        MapRef {
            vmarea: self.vmarea,
            content: &self.content,
        }
    }

    /// Where it is.
    #[must_use]
    pub const fn vmarea(&self) -> MemoryArea {
        self.vmarea
    }

    /// The physical memory that backs it, of the same size. `None` for maps that are backed otherwise; there are none
    /// of those yet.
    #[must_use]
    pub fn pmarea(&self) -> Option<MemoryArea<PhysAddr>> {
        self.view().pmarea()
    }

    /// Who may do what.
    #[must_use]
    pub const fn permissions(&self) -> Permissions {
        self.content.attributes.permissions
    }

    /// How the hardware treats it.
    #[must_use]
    pub const fn memory_type(&self) -> MemoryType {
        self.content.attributes.memory_type
    }

    /// Permissions and memory type, as an entry has them.
    #[must_use]
    pub const fn attributes(&self) -> Attributes {
        self.content.attributes
    }

    /// Whether the kernel said that it is shared.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.content.is_shared
    }

    /// The kernel's own data.
    #[must_use]
    pub const fn payload(&self) -> &T {
        &self.content.payload
    }

    /// The kernel's own data, and the end of the map.
    #[must_use]
    pub fn into_payload(self) -> T {
        self.content.payload
    }

    /// Where `vaddr` leads, or `None` outside the map. O(1).
    #[must_use]
    pub fn translate(&self, vaddr: VirtAddr) -> Option<PhysAddr> {
        self.view().translate(vaddr)
    }

    pub(crate) const fn from_parts(vmarea: MemoryArea, content: Content<T>) -> Self {
        Self { vmarea, content }
    }

    pub(crate) fn into_parts(self) -> (MemoryArea, Content<T>) {
        (self.vmarea, self.content)
    }
}

impl<T: Payload> VirtualMemoryMap<T> {
    /// Cuts the map: `self` keeps the first `offset` bytes, the answer is the rest. `None`, and nothing has changed,
    /// unless both would have a byte. O(1), and one [`Payload::split_at`].
    #[must_use]
    pub fn split_at(&mut self, offset: usize) -> Option<Self> {
        let (left, right) = self.vmarea.split_at(offset)?;
        let content = self.content.split_at(offset)?;
        self.vmarea = left;
        Some(Self {
            vmarea: right,
            content,
        })
    }

    /// Whether `right` continues this map: directly behind it, in virtual and physical memory, with the same
    /// permissions, sharing and memory type, and with a payload that joins. O(1).
    #[must_use]
    pub fn can_join(&self, right: &Self) -> bool {
        self.view().can_join(right.view())
    }
}

impl<T: Clone> MapRef<'_, T> {
    /// The map as a value.
    #[must_use]
    pub fn to_map(self) -> VirtualMemoryMap<T> {
        VirtualMemoryMap::from_parts(self.vmarea, self.content.clone())
    }
}

impl<T> fmt::Debug for VirtualMemoryMap<T> {
    /// Without the payload, so that it needs no `Debug`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VirtualMemoryMap")
            .field(&self.view())
            .finish()
    }
}
