//! A look at a map that stays where it is.

use core::fmt;

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::attributes::{Attributes, MemoryType};
use crate::map::VirtualMemoryMap;
use crate::permissions::Permissions;

/// One map of a space, as lookups and iterators answer it: a small `Copy` view with a map's getters.
pub struct MapRef<'a, T = ()> {
    map: &'a VirtualMemoryMap<T>,
}

impl<'a, T> MapRef<'a, T> {
    pub(crate) const fn new(map: &'a VirtualMemoryMap<T>) -> Self {
        Self { map }
    }

    /// Where it is.
    #[must_use]
    pub const fn vmarea(self) -> MemoryArea {
        self.map.vmarea()
    }

    /// The physical memory that backs it; see [`VirtualMemoryMap::pmarea`].
    #[must_use]
    pub fn pmarea(self) -> Option<MemoryArea<PhysAddr>> {
        self.map.pmarea()
    }

    /// Who may do what.
    #[must_use]
    pub const fn permissions(self) -> Permissions {
        self.map.permissions()
    }

    /// How the hardware treats it.
    #[must_use]
    pub const fn memory_type(self) -> MemoryType {
        self.map.memory_type()
    }

    /// Permissions and memory type, as an entry has them.
    #[must_use]
    pub const fn attributes(self) -> Attributes {
        self.map.attributes()
    }

    /// Whether the kernel said that it is shared.
    #[must_use]
    pub const fn is_shared(self) -> bool {
        self.map.is_shared()
    }

    /// The kernel's own data.
    #[must_use]
    pub const fn payload(self) -> &'a T {
        self.map.payload()
    }

    /// The map as a value.
    #[must_use]
    pub fn to_map(self) -> VirtualMemoryMap<T>
    where
        T: Clone,
    {
        self.map.clone()
    }

    /// Where `vaddr` leads, or `None` outside the map. O(1).
    #[must_use]
    pub fn translate(self, vaddr: VirtAddr) -> Option<PhysAddr> {
        self.map.translate(vaddr)
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
        self.map == other.map
    }
}

impl<T: Eq> Eq for MapRef<'_, T> {}

impl<T> fmt::Debug for MapRef<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.map.fmt(f)
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
