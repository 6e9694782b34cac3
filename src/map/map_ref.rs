//! A look at a map that stays in its tree.
//!
//! Lookups answer looks, not values: payloads need not be `Clone`, and nothing is copied but an area and a reference.

use core::fmt;

use super::backing::Backing;
use super::content::Content;
use super::payload::Payload;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::attributes::{Attributes, MemoryType};
use crate::permissions::Permissions;

/// One map of a space, as lookups and iterators answer it: a small `Copy` view with a map's getters.
///
/// It borrows the space, so the space cannot change while it is held; [`to_map`](Self::to_map) makes a value of it
/// where the payload is `Clone`. All getters are O(1). `Display` writes one line of `/proc/PID/maps`.
pub struct MapRef<'a, T = ()> {
    /// The virtual addresses, which the tree keeps apart from the content.
    pub(super) vmarea: MemoryArea,
    /// The rest of the map, in a leaf of the tree or in a value.
    pub(super) content: &'a Content<T>,
}

impl<'a, T> MapRef<'a, T> {
    /// A look at the map with this content at `vmarea`. The tree may look at a map where it is not yet.
    pub(crate) const fn new(vmarea: MemoryArea, content: &'a Content<T>) -> Self {
        Self { vmarea, content }
    }

    /// The map's virtual addresses.
    #[must_use]
    pub const fn vmarea(self) -> MemoryArea {
        self.vmarea
    }

    /// The kind of memory behind the map.
    #[must_use]
    pub const fn backing(self) -> Backing {
        self.content.facts.backing()
    }

    /// The physical memory that backs the map; see [`VirtualMemoryMap::pmarea`](super::VirtualMemoryMap::pmarea).
    #[must_use]
    pub fn pmarea(self) -> Option<MemoryArea<PhysAddr>> {
        MemoryArea::from_start_size(self.first()?, self.vmarea.size()).ok()
    }

    /// The offset in the kernel's object of the byte that `vaddr` shows; `None` outside the map, or unless the map is
    /// [provided](Backing::Provided). O(1).
    #[must_use]
    pub fn offset_of(self, vaddr: VirtAddr) -> Option<u64> {
        if self.content.facts.is(Backing::Provided) {
            return self.behind(vaddr);
        }
        None
    }

    /// The accesses that the map allows, and to whom.
    #[must_use]
    pub const fn permissions(self) -> Permissions {
        self.content.facts.permissions()
    }

    /// The memory type: how the hardware caches and orders accesses.
    #[must_use]
    pub const fn memory_type(self) -> MemoryType {
        self.content.facts.memory_type()
    }

    /// Permissions and memory type together, as a page-table entry has them.
    #[must_use]
    pub const fn attributes(self) -> Attributes {
        self.content.facts.attributes()
    }

    /// Whether the kernel said that the map is shared.
    #[must_use]
    pub const fn is_shared(self) -> bool {
        self.content.facts.is_shared()
    }

    /// The kernel's own data, for as long as the space is borrowed.
    #[must_use]
    pub const fn payload(self) -> &'a T {
        &self.content.payload
    }

    /// The physical address of the map's first byte, if its memory is physical.
    pub(crate) const fn first(self) -> Option<PhysAddr> {
        if self.content.facts.is(Backing::Physical) {
            return Some(PhysAddr::new(self.content.first));
        }
        None
    }

    /// The physical address that `vaddr` leads to; `None` outside the map, or unless its memory is
    /// [physical](Backing::Physical): of other memory the page table alone knows. O(1), and no look at the page table.
    #[must_use]
    pub fn translate(self, vaddr: VirtAddr) -> Option<PhysAddr> {
        if self.content.facts.is(Backing::Physical) {
            return self.behind(vaddr).map(PhysAddr::new);
        }
        None
    }

    fn behind(self, vaddr: VirtAddr) -> Option<u64> {
        let offset = self.vmarea.offset_of(vaddr)?;
        self.content.first_behind(offset as u64)
    }
}

impl<T: Payload> MapRef<'_, T> {
    /// Whether `right` continues this map, so that both are one in a space; see
    /// [`VirtualMemoryMap::can_join`](super::VirtualMemoryMap::can_join).
    #[must_use]
    pub fn can_join(self, right: MapRef<'_, T>) -> bool {
        self.content.facts == right.content.facts && self.leads_on_in(right)
    }

    /// Whether `right` would continue this map if both had the same permissions. O(1), and one [`Payload::can_join`]
    /// when all else agrees.
    pub(crate) fn continues_in(self, right: MapRef<'_, T>) -> bool {
        self.content.facts.allowing(right.permissions()) == right.content.facts
            && self.leads_on_in(right)
    }

    /// Whether `right` continues this map's addresses, memory and payload.
    ///
    /// The last test but one refuses two maps that cover all 2^64 bytes together: no area has that size.
    #[inline]
    fn leads_on_in(self, right: MapRef<'_, T>) -> bool {
        self.vmarea.next() == Some(right.vmarea.start())
            && self.content.first_behind(self.vmarea.size() as u64) == Some(right.content.first)
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
            .field("backing", &self.content.facts.backing())
            .field("first", &format_args!("{:#x}", self.content.first))
            .field("attributes", &self.content.facts.attributes())
            .field("is_shared", &self.content.facts.is_shared())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for MapRef<'_, T> {
    /// One line of `/proc/PID/maps`: `start-end rwxs offset dev inode`, hexadecimal, the end exclusive. The offset is
    /// the physical address, or that in the kernel's object; 0 for anonymous memory.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (area, permissions) = (self.vmarea(), self.permissions());
        // The exclusive end of the last page is 2^64, which is not a `usize`.
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
            self.content.first,
        )
    }
}
