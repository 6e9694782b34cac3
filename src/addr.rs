//! Virtual and physical addresses as types of their own: a swap does not compile.

use core::fmt;

/// A virtual address, in bytes. A physical one in its place does not compile:
///
/// ```compile_fail,E0308
/// # use kernel_vm::{MemoryArea, PhysAddr, VirtAddr};
/// let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x1000)?;
/// assert!(area.contains(PhysAddr::new(0x1000)));
/// # Ok::<(), kernel_vm::AreaError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct VirtAddr(usize);

/// A physical address, in bytes. 64 bits wide everywhere: Sv32 and PAE have physical addresses wider than a pointer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct PhysAddr(u64);

impl VirtAddr {
    /// The address `addr`. Any value is one; whether a backend can map it is the backend's word.
    #[must_use]
    pub const fn new(addr: usize) -> Self {
        Self(addr)
    }

    /// The address as a number.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0
    }

    /// The address `bytes` above, or `None` past the end of the space.
    #[must_use]
    pub const fn checked_add(self, bytes: usize) -> Option<Self> {
        match self.0.checked_add(bytes) {
            Some(addr) => Some(Self(addr)),
            None => None,
        }
    }

    /// The address `bytes` below, or `None` before address 0.
    #[must_use]
    pub const fn checked_sub(self, bytes: usize) -> Option<Self> {
        match self.0.checked_sub(bytes) {
            Some(addr) => Some(Self(addr)),
            None => None,
        }
    }

    /// Whether the address is a multiple of `align` bytes. Nothing is a multiple of 0.
    #[must_use]
    pub const fn is_aligned(self, align: usize) -> bool {
        align != 0 && self.0 % align == 0
    }

    /// The greatest multiple of `align` bytes that is not above; `None` unless `align` is a power of two.
    #[must_use]
    pub const fn align_down(self, align: usize) -> Option<Self> {
        if align.is_power_of_two() {
            Some(Self(self.0 & !(align - 1)))
        } else {
            None
        }
    }

    /// The least multiple of `align` bytes that is not below; `None` past the end of the space, or unless `align` is
    /// a power of two.
    #[must_use]
    pub const fn align_up(self, align: usize) -> Option<Self> {
        if !align.is_power_of_two() {
            return None;
        }
        match self.checked_add(align - 1) {
            Some(addr) => addr.align_down(align),
            None => None,
        }
    }
}

impl PhysAddr {
    /// The address `addr`. Any value is one; how many bits a page table can hold is the backend's word.
    #[must_use]
    pub const fn new(addr: u64) -> Self {
        Self(addr)
    }

    /// The address as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The address `bytes` above, or `None` past 2^64.
    #[must_use]
    pub const fn checked_add(self, bytes: usize) -> Option<Self> {
        match self.0.checked_add(bytes as u64) {
            Some(addr) => Some(Self(addr)),
            None => None,
        }
    }

    /// The address `bytes` below, or `None` before address 0.
    #[must_use]
    pub const fn checked_sub(self, bytes: usize) -> Option<Self> {
        match self.0.checked_sub(bytes as u64) {
            Some(addr) => Some(Self(addr)),
            None => None,
        }
    }

    /// Whether the address is a multiple of `align` bytes. Nothing is a multiple of 0.
    #[must_use]
    pub const fn is_aligned(self, align: usize) -> bool {
        align != 0 && self.0 % align as u64 == 0
    }

    /// The greatest multiple of `align` bytes that is not above; `None` unless `align` is a power of two.
    #[must_use]
    pub const fn align_down(self, align: usize) -> Option<Self> {
        if align.is_power_of_two() {
            Some(Self(self.0 & !(align as u64 - 1)))
        } else {
            None
        }
    }

    /// The least multiple of `align` bytes that is not below; `None` past 2^64, or unless `align` is a power of two.
    #[must_use]
    pub const fn align_up(self, align: usize) -> Option<Self> {
        if !align.is_power_of_two() {
            return None;
        }
        match self.checked_add(align - 1) {
            Some(addr) => addr.align_down(align),
            None => None,
        }
    }
}

impl fmt::Display for VirtAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for VirtAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VirtAddr({:#x})", self.0)
    }
}

impl fmt::Display for PhysAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for PhysAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhysAddr({:#x})", self.0)
    }
}

/// What a [`MemoryArea`](crate::MemoryArea) spans: [`VirtAddr`] or [`PhysAddr`], and nothing else (sealed).
pub trait Address: Copy + Ord + core::hash::Hash + fmt::Debug + fmt::Display + sealed::Raw {}

impl Address for VirtAddr {}
impl Address for PhysAddr {}

pub(crate) mod sealed {
    use super::{PhysAddr, VirtAddr};

    /// An address as 64 bits, which hold every address of both kinds.
    pub trait Raw: Sized {
        fn raw(self) -> u64;
        fn from_raw(raw: u64) -> Option<Self>;
    }

    impl Raw for VirtAddr {
        fn raw(self) -> u64 {
            self.0 as u64
        }

        fn from_raw(raw: u64) -> Option<Self> {
            usize::try_from(raw).ok().map(Self)
        }
    }

    impl Raw for PhysAddr {
        fn raw(self) -> u64 {
            self.0
        }

        fn from_raw(raw: u64) -> Option<Self> {
            Some(Self(raw))
        }
    }
}
