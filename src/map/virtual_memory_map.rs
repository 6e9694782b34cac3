//! A map as a value: verbs take it in, and hand out the pieces that they cut out of a space.

use core::fmt;

use super::backing::Backing;
use super::content::Content;
use super::facts::Facts;
use super::map_ref::MapRef;
use super::payload::Payload;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::area_error::AreaError;
use crate::attributes::{Attributes, MemoryType};
use crate::error::MapError;
use crate::permissions::Permissions;

/// One mapping of an area of virtual addresses.
///
/// The memory behind a map need not be the platform's to hand out: device registers are mapped in the same way.
///
/// A map is a value: `Copy` or `Clone` where its payload is. It maps nothing until
/// [`add_memory_map`](crate::VirtualMemoryManager::add_memory_map) or another verb records it in a space. Sizes are in
/// bytes, and areas include their last byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VirtualMemoryMap<T = ()> {
    /// The virtual addresses.
    vmarea: MemoryArea,
    /// The rest: of the same size as `vmarea`, by construction.
    content: Content<T>,
}

impl VirtualMemoryMap {
    /// Maps `vmarea` onto `pmarea`, byte for byte, as normal memory without a payload. O(1).
    ///
    /// `is_shared` is the kernel's word: the crate keeps it, and joins only maps that agree on it.
    ///
    /// ```
    /// # use kernel_vm::{MapError, MemoryArea, Permissions, PhysAddr, VirtAddr, VirtualMemoryMap};
    /// let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// let map = VirtualMemoryMap::new(area, memory, Permissions::READ, false)?;
    /// assert_eq!(map.translate(VirtAddr::new(0x2345)), Some(PhysAddr::new(0x8000_1345)));
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// [`MapError::SizesDiffer`] when the two areas are not of one size; [`MapError::UnknownPermissions`] for bits
    /// without a meaning. Alignment and range depend on the backend, and are checked when the map is added.
    pub const fn new(
        vmarea: MemoryArea,
        pmarea: MemoryArea<PhysAddr>,
        permissions: Permissions,
        is_shared: bool,
    ) -> Result<Self, MapError> {
        // Sizes less one: they cannot overflow.
        let sizes = (
            (vmarea.end().get() - vmarea.start().get()) as u64,
            pmarea.end().get() - pmarea.start().get(),
        );
        if sizes.0 != sizes.1 {
            return Err(MapError::SizesDiffer { vmarea, pmarea });
        }
        Self::backed(
            vmarea,
            Backing::Physical,
            pmarea.start().get(),
            permissions,
            is_shared,
        )
    }

    /// Maps `area` onto the physical memory at the same addresses: device registers, or what runs before and after
    /// translation is switched on. Not shared.
    ///
    /// ```
    /// # use kernel_vm::*;
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// let map = VirtualMemoryMap::identity(area, Permissions::READ)?;
    /// assert_eq!(map.translate(VirtAddr::new(0x2345)), Some(PhysAddr::new(0x2345)));
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub const fn identity(area: MemoryArea, permissions: Permissions) -> Result<Self, MapError> {
        let first = area.start().get() as u64;
        Self::backed(area, Backing::Physical, first, permissions, false)
    }

    /// Memory that comes when it is touched, zeroed, and belongs to the space: heaps and stacks. It is private.
    /// Without permissions it is a reservation, or a guard.
    ///
    /// ```
    /// # use kernel_vm::*;
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// let heap = VirtualMemoryMap::anonymous(area, Permissions::READ | Permissions::WRITE)?;
    /// assert_eq!((heap.backing(), heap.pmarea()), (Backing::Anonymous, None));
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// [`MapError::UnknownPermissions`] for bits without a meaning.
    pub const fn anonymous(vmarea: MemoryArea, permissions: Permissions) -> Result<Self, MapError> {
        Self::backed(vmarea, Backing::Anonymous, 0, permissions, false)
    }

    /// Memory that the kernel supplies page by page, from `offset` bytes on in an object of its own, which the payload
    /// names: a file, shared memory. The offset follows every split, join and move.
    ///
    /// Where `is_shared`, writes reach the object's own frames. Otherwise a page is copied before it is written.
    ///
    /// ```
    /// # use kernel_vm::*;
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// let file = VirtualMemoryMap::provided(area, 0x5000, Permissions::READ, false)?;
    /// assert_eq!(file.offset_of(VirtAddr::new(0x2345)), Some(0x6345));
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// [`MapError::Area`] when the last byte's offset is more than 2^64; [`MapError::UnknownPermissions`] for bits
    /// without a meaning.
    pub const fn provided(
        vmarea: MemoryArea,
        offset: u64,
        permissions: Permissions,
        is_shared: bool,
    ) -> Result<Self, MapError> {
        let span = vmarea.end().get() - vmarea.start().get();
        if offset.checked_add(span as u64).is_none() {
            // The size of an area is a `usize`, so this does not wrap.
            let (start, size) = (offset, span.wrapping_add(1));
            return Err(MapError::Area(AreaError::Overflow { start, size }));
        }
        Self::backed(vmarea, Backing::Provided, offset, permissions, is_shared)
    }

    const fn backed(
        vmarea: MemoryArea,
        backing: Backing,
        first: u64,
        permissions: Permissions,
        is_shared: bool,
    ) -> Result<Self, MapError> {
        if !Permissions::all().contains(permissions) {
            return Err(MapError::UnknownPermissions { permissions });
        }
        let content = Content {
            first,
            facts: Facts::new(
                backing,
                Attributes::new(permissions, MemoryType::Normal),
                is_shared,
            ),
            payload: (),
        };
        Ok(Self { vmarea, content })
    }
}

impl<T> VirtualMemoryMap<T> {
    /// Replaces the payload, which is dropped, and may change its type. The rest of the map stays. O(1).
    #[must_use]
    pub fn with_payload<U>(self, payload: U) -> VirtualMemoryMap<U> {
        VirtualMemoryMap {
            vmarea: self.vmarea,
            content: self.content.with_payload(payload),
        }
    }

    /// Replaces the memory type. The rest of the map stays. O(1).
    #[must_use]
    pub fn with_memory_type(mut self, memory_type: MemoryType) -> Self {
        self.content.facts = self.content.facts.with_memory_type(memory_type);
        self
    }

    /// A look at the map, with its getters and its `Display`. O(1).
    #[must_use]
    pub const fn view(&self) -> MapRef<'_, T> {
        MapRef {
            vmarea: self.vmarea,
            content: &self.content,
        }
    }

    /// The map's virtual addresses.
    #[must_use]
    pub const fn vmarea(&self) -> MemoryArea {
        self.vmarea
    }

    /// The kind of memory behind the map. O(1).
    #[must_use]
    pub const fn backing(&self) -> Backing {
        self.content.facts.backing()
    }

    /// The physical memory that backs the map, of the virtual area's size. `None` for maps that are backed otherwise.
    /// O(1).
    #[must_use]
    pub fn pmarea(&self) -> Option<MemoryArea<PhysAddr>> {
        self.view().pmarea()
    }

    /// The accesses that the map allows, and to whom.
    #[must_use]
    pub const fn permissions(&self) -> Permissions {
        self.content.facts.permissions()
    }

    /// The memory type: how the hardware caches and orders accesses.
    #[must_use]
    pub const fn memory_type(&self) -> MemoryType {
        self.content.facts.memory_type()
    }

    /// Permissions and memory type together, as a page-table entry has them.
    #[must_use]
    pub const fn attributes(&self) -> Attributes {
        self.content.facts.attributes()
    }

    /// Whether the kernel said that the map is shared.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.content.facts.is_shared()
    }

    /// The kernel's own data.
    #[must_use]
    pub const fn payload(&self) -> &T {
        &self.content.payload
    }

    /// Takes the kernel's own data out, and ends the map.
    #[must_use]
    pub fn into_payload(self) -> T {
        self.content.payload
    }

    /// The offset in the kernel's object of the byte that `vaddr` shows; see [`MapRef::offset_of`]. O(1).
    #[must_use]
    pub fn offset_of(&self, vaddr: VirtAddr) -> Option<u64> {
        self.view().offset_of(vaddr)
    }

    /// The physical address that `vaddr` leads to; see [`MapRef::translate`]. O(1).
    #[must_use]
    pub fn translate(&self, vaddr: VirtAddr) -> Option<PhysAddr> {
        self.view().translate(vaddr)
    }

    /// A map of a content at `vmarea`. The tree keeps the two apart, and their sizes in agreement.
    pub(crate) const fn from_parts(vmarea: MemoryArea, content: Content<T>) -> Self {
        Self { vmarea, content }
    }

    /// The area and the content, for the tree to keep.
    pub(crate) fn into_parts(self) -> (MemoryArea, Content<T>) {
        (self.vmarea, self.content)
    }
}

impl<T: Payload> VirtualMemoryMap<T> {
    /// Splits the map: `self` keeps the first `offset` bytes, and the answer is the rest. `None`, and nothing has
    /// changed, unless both would have a byte. O(1), and one [`Payload::split_at`].
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

    /// Whether `right` continues this map. It lies directly behind, in virtual and in physical memory, with equal
    /// permissions, sharing and memory type, and its payload joins. O(1), and one [`Payload::can_join`] at most.
    ///
    /// A space joins such neighbours by itself.
    #[must_use]
    pub fn can_join(&self, right: &Self) -> bool {
        self.view().can_join(right.view())
    }
}

impl<T> MapRef<'_, T> {
    /// The map as a value with a payload of its own.
    pub(crate) fn with_payload<U>(self, payload: U) -> VirtualMemoryMap<U> {
        VirtualMemoryMap::from_parts(self.vmarea, self.content.with_payload(payload))
    }
}

impl<T: Clone> MapRef<'_, T> {
    /// The map as a value with a clone of the payload.
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
