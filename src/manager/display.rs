//! The space in the words of `/proc/PID/maps`: for a kernel's own file of that name, and for people who debug one.

use core::fmt;

use super::space::VirtualMemoryManager;
use crate::backend::PageTableBackend;
use crate::map::Payload;

impl<B: PageTableBackend, T: Payload> fmt::Display for VirtualMemoryManager<B, T> {
    /// Prints one line a map, as `/proc/PID/maps` has it; the offset is the physical address. O(log n), and O(1) a map.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.memory_maps().try_for_each(|map| writeln!(f, "{map}"))
    }
}
