//! One mapping: where it is, what backs it, who may do what, and the kernel's own word on it.

use core::fmt;

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::attributes::{Attributes, MemoryType};
use crate::error::MapError;
use crate::permissions::Permissions;

/// The kernel's own data in a map: what file it shows, whose it is.
///
/// Verbs over part of a map split it, and neighbours that have become one join: the payload follows.
pub trait Payload: Sized {
    /// Cuts the payload of a map of more than `offset` bytes: `self` keeps what belongs to the first `offset` bytes,
    /// and the answer belongs to the rest. Offsets into an object must be carried on. It must not panic.
    fn split_at(&mut self, offset: usize) -> Self;

    /// Whether `right`, which follows on `self`'s `len` bytes, may become part of `self`. When the maps join, `right`
    /// is dropped: answer false for what must not be dropped inside a verb. It must not panic.
    fn can_join(&self, len: usize, right: &Self) -> bool;
}

impl Payload for () {
    fn split_at(&mut self, _offset: usize) -> Self {}

    fn can_join(&self, _len: usize, _right: &Self) -> bool {
        true
    }
}

/// One mapping of an area of virtual addresses.
///
/// It need not be memory that the platform hands out: device registers are mapped in the same way.
///
/// It is a value: `Copy` or `Clone` where its payload is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VirtualMemoryMap<T = ()> {
    vmarea: MemoryArea,
    first: PhysAddr,
    attributes: Attributes,
    is_shared: bool,
    payload: T,
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
        if (vmarea.end().get() - vmarea.start().get()) as u64
            != pmarea.end().get() - pmarea.start().get()
        {
            return Err(MapError::SizesDiffer { vmarea, pmarea });
        }
        if !Permissions::all().contains(permissions) {
            return Err(MapError::UnknownPermissions { permissions });
        }
        let attributes = Attributes {
            permissions,
            memory_type: MemoryType::Normal,
        };
        Ok(Self {
            vmarea,
            first: pmarea.start(),
            attributes,
            is_shared,
            payload: (),
        })
    }
}

impl<T> VirtualMemoryMap<T> {
    /// The same map with `payload` instead of its own, which is dropped.
    #[must_use]
    pub fn with_payload<U>(self, payload: U) -> VirtualMemoryMap<U> {
        let Self {
            vmarea,
            first,
            attributes,
            is_shared,
            payload: _,
        } = self;
        VirtualMemoryMap {
            vmarea,
            first,
            attributes,
            is_shared,
            payload,
        }
    }

    /// The same map as memory of this type.
    #[must_use]
    pub fn with_memory_type(mut self, memory_type: MemoryType) -> Self {
        self.attributes.memory_type = memory_type;
        self
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
        MemoryArea::from_start_size(self.first, self.vmarea.size()).ok()
    }

    /// Who may do what.
    #[must_use]
    pub const fn permissions(&self) -> Permissions {
        self.attributes.permissions
    }

    /// How the hardware treats it.
    #[must_use]
    pub const fn memory_type(&self) -> MemoryType {
        self.attributes.memory_type
    }

    /// Whether the kernel said that it is shared.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// The kernel's own data.
    #[must_use]
    pub const fn payload(&self) -> &T {
        &self.payload
    }

    /// The kernel's own data, and the end of the map.
    #[must_use]
    pub fn into_payload(self) -> T {
        self.payload
    }

    /// Where `vaddr` leads, or `None` outside the map. O(1).
    #[must_use]
    pub fn translate(&self, vaddr: VirtAddr) -> Option<PhysAddr> {
        self.first.checked_add(self.vmarea.offset_of(vaddr)?)
    }

    /// Where its first byte leads.
    pub(crate) const fn first(&self) -> PhysAddr {
        self.first
    }

    /// Permissions and memory type, as an entry has them.
    #[must_use]
    pub const fn attributes(&self) -> Attributes {
        self.attributes
    }
}

impl<T: Payload> VirtualMemoryMap<T> {
    /// Cuts the map: `self` keeps the first `offset` bytes, the answer is the rest. `None`, and nothing has changed,
    /// unless both would have a byte. O(1), and one [`Payload::split_at`].
    #[must_use]
    pub fn split_at(&mut self, offset: usize) -> Option<Self> {
        let (left, right) = self.vmarea.split_at(offset)?;
        let first = self.first.checked_add(offset)?;
        let payload = self.payload.split_at(offset);
        self.vmarea = left;
        Some(Self {
            vmarea: right,
            first,
            payload,
            ..*self
        })
    }

    /// Whether `right` continues this map: directly behind it, in virtual and physical memory, with the same
    /// permissions, sharing and memory type, and with a payload that joins. O(1).
    #[must_use]
    pub fn can_join(&self, right: &Self) -> bool {
        self.vmarea.next() == Some(right.vmarea.start())
            && self.first.checked_add(self.vmarea.size()) == Some(right.first)
            && self.attributes == right.attributes
            && self.is_shared == right.is_shared
            && MemoryArea::new(self.vmarea.start(), right.vmarea.end()).is_ok()
            && self.payload.can_join(self.vmarea.size(), &right.payload)
    }
}

/// What the tree does with the maps that it keeps.
#[cfg(feature = "alloc")]
impl<T> VirtualMemoryMap<T> {
    pub(crate) const fn set_permissions(&mut self, permissions: Permissions) {
        self.attributes.permissions = permissions;
    }

    /// The same map at another place of the same size.
    pub(crate) const fn move_to(&mut self, vmarea: MemoryArea) {
        self.vmarea = vmarea;
    }

    /// Grows over `right`, which [joins](Self::can_join) and is to be dropped.
    pub(crate) fn join(&mut self, right: &Self) {
        if let Ok(joined) = MemoryArea::new(self.vmarea.start(), right.vmarea.end()) {
            self.vmarea = joined;
        }
    }
}

impl<T> fmt::Debug for VirtualMemoryMap<T> {
    /// Without the payload, so that it needs no `Debug`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualMemoryMap")
            .field("vmarea", &self.vmarea)
            .field("first", &self.first)
            .field("permissions", &self.attributes.permissions)
            .field("memory_type", &self.attributes.memory_type)
            .field("is_shared", &self.is_shared)
            .finish_non_exhaustive()
    }
}
