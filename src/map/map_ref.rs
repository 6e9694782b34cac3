//! A look at a map that stays where it is.

use core::fmt;

use super::content::Content;
use super::payload::Payload;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::attributes::{Attributes, MemoryType};
use crate::permissions::Permissions;

/// One map of a space, as lookups and iterators answer it: a small `Copy` view with a map's getters.
pub struct MapRef<'a, T = ()> {
    pub(super) vmarea: MemoryArea,
    pub(super) content: &'a Content<T>,
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

    /// The physical memory that backs it; see [`VirtualMemoryMap::pmarea`](super::VirtualMemoryMap::pmarea).
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
    /// Whether `right` continues this map; see [`VirtualMemoryMap::can_join`](super::VirtualMemoryMap::can_join).
    #[must_use]
    pub fn can_join(self, right: MapRef<'_, T>) -> bool {
        self.permissions() == right.permissions() && self.continues_in(right)
    }

    /// Whether `right` would continue this map if both had the same permissions.
    pub(crate) fn continues_in(self, right: MapRef<'_, T>) -> bool {
        self.vmarea.next() == Some(right.vmarea.start())
            && self.content.first.checked_add(self.vmarea.size()) == Some(right.content.first)
            && self.attributes().allowing(right.permissions()) == right.attributes()
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
