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
pub trait Payload: Sized + 'static {
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
    content: Content<T>,
}

/// What a map is beside its place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content<T> {
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

impl<T> fmt::Debug for VirtualMemoryMap<T> {
    /// Without the payload, so that it needs no `Debug`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VirtualMemoryMap")
            .field(&self.view())
            .finish()
    }
}

/// One map of a space, as lookups and iterators answer it: a small `Copy` view with a map's getters.
pub struct MapRef<'a, T = ()> {
    vmarea: MemoryArea,
    content: &'a Content<T>,
}

impl<'a, T> MapRef<'a, T> {
    pub(crate) const fn new(vmarea: MemoryArea, content: &'a Content<T>) -> Self {
        Self { vmarea, content }
    }

    /// Where it is.
    #[must_use]
    pub const fn vmarea(self) -> MemoryArea {
        self.vmarea
    }

    /// The physical memory that backs it; see [`VirtualMemoryMap::pmarea`].
    #[must_use]
    pub fn pmarea(self) -> Option<MemoryArea<PhysAddr>> {
        MemoryArea::from_start_size(self.content.first, self.vmarea.size()).ok()
    }

    /// Who may do what.
    #[must_use]
    pub const fn permissions(self) -> Permissions {
        self.content.attributes.permissions
    }

    /// How the hardware treats it.
    #[must_use]
    pub const fn memory_type(self) -> MemoryType {
        self.content.attributes.memory_type
    }

    /// Permissions and memory type, as an entry has them.
    #[must_use]
    pub const fn attributes(self) -> Attributes {
        self.content.attributes
    }

    /// Whether the kernel said that it is shared.
    #[must_use]
    pub const fn is_shared(self) -> bool {
        self.content.is_shared
    }

    /// The kernel's own data.
    #[must_use]
    pub const fn payload(self) -> &'a T {
        &self.content.payload
    }

    /// The map as a value.
    #[must_use]
    pub fn to_map(self) -> VirtualMemoryMap<T>
    where
        T: Clone,
    {
        VirtualMemoryMap {
            vmarea: self.vmarea,
            content: self.content.clone(),
        }
    }

    /// Where its first byte leads.
    pub(crate) const fn first(self) -> PhysAddr {
        self.content.first
    }

    /// Where `vaddr` leads, or `None` outside the map. O(1).
    #[must_use]
    pub fn translate(self, vaddr: VirtAddr) -> Option<PhysAddr> {
        self.content
            .first
            .checked_add(self.vmarea.offset_of(vaddr)?)
    }
}

impl<T: Payload> MapRef<'_, T> {
    /// Whether `right` continues this map; see [`VirtualMemoryMap::can_join`].
    #[must_use]
    pub fn can_join(self, right: MapRef<'_, T>) -> bool {
        self.vmarea.next() == Some(right.vmarea.start())
            && self.content.first.checked_add(self.vmarea.size()) == Some(right.content.first)
            && self.content.attributes == right.content.attributes
            && self.content.is_shared == right.content.is_shared
            && self.vmarea.hull(right.vmarea).is_ok()
            && self
                .content
                .payload
                .can_join(self.vmarea.size(), &right.content.payload)
    }
}

impl<T> Clone for MapRef<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for MapRef<'_, T> {}

impl<T: PartialEq> PartialEq for MapRef<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.vmarea == other.vmarea && self.content == other.content
    }
}

impl<T: Eq> Eq for MapRef<'_, T> {}

impl<T> fmt::Debug for MapRef<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapRef")
            .field("vmarea", &self.vmarea)
            .field("first", &self.content.first)
            .field("attributes", &self.content.attributes)
            .field("is_shared", &self.content.is_shared)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for MapRef<'_, T> {
    /// One line of `/proc/PID/maps`: `start-end rwxs offset dev inode`, hexadecimal, the end exclusive; the offset is
    /// the physical address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (area, permissions) = (self.vmarea(), self.permissions());
        // 2^64, the exclusive end of the last page, is not a `usize`.
        let end = area.end().get() as u128 + 1;
        let letter = |bit, letter| {
            if permissions.contains(bit) {
                letter
            } else {
                '-'
            }
        };
        write!(
            f,
            "{:08x}-{:08x} {}{}{}{} {:08x} 00:00 0",
            area.start().get(),
            end,
            letter(Permissions::READ, 'r'),
            letter(Permissions::WRITE, 'w'),
            letter(Permissions::EXECUTE, 'x'),
            if self.is_shared() { 's' } else { 'p' },
            self.pmarea().map_or(0, |pmarea| pmarea.start().get()),
        )
    }
}
