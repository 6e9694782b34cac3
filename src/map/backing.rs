//! Where the memory behind a map comes from.

/// Where the memory behind a map comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Backing {
    /// Physical memory that the kernel has named, byte for byte. It stays the kernel's: a page table only leads there.
    Physical,
    /// Memory that comes when it is touched, zeroed, and belongs to the space. Always private.
    Anonymous,
    /// Memory that the kernel supplies page by page, when it is touched: a file, a device's buffers, shared memory.
    Provided,
}
