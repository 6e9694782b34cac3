//! Virtual and physical addresses as types of their own: a swap does not compile.
//!
//! Both wrap a number and hold any value. None of their methods wraps around: an address past either end is `None`.

use core::fmt;

/// A virtual address, in bytes, as wide as a pointer.
///
/// ```
/// use kernel_vm::VirtAddr;
///
/// let addr = VirtAddr::new(0x1234);
/// assert_eq!(addr.align_down(0x1000), Some(VirtAddr::new(0x1000)));
/// assert_eq!(addr.to_string(), "0x1234");
/// ```
///
/// A physical address in its place does not compile:
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

/// A physical address, in bytes, 64 bits wide everywhere: those of Sv32 and PAE are wider than a pointer.
///
/// ```
/// use kernel_vm::PhysAddr;
///
/// let addr = PhysAddr::new(0x8020_0000);
/// assert!(addr.is_aligned(0x20_0000));
/// assert_eq!(addr.checked_add(0x1000), Some(PhysAddr::new(0x8020_1000)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct PhysAddr(u64);

impl VirtAddr {
    /// The virtual address `addr`. Any value is one; whether it can be mapped is the backend's word.
    ///
    /// ```
    /// # use kernel_vm::VirtAddr;
    /// assert_eq!(VirtAddr::new(0x1000).get(), 0x1000);
    /// ```
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
    /// The physical address `addr`. Any value is one; how many bits an entry can hold is the backend's word.
    ///
    /// ```
    /// # use kernel_vm::PhysAddr;
    /// assert_eq!(PhysAddr::new(0x8020_0000).get(), 0x8020_0000);
    /// ```
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

/// The addresses that a [`MemoryArea`](crate::MemoryArea) may span: [`VirtAddr`] or [`PhysAddr`], and no others
/// (sealed).
pub trait Address: Copy + Ord + core::hash::Hash + fmt::Debug + fmt::Display + sealed::Raw {}

impl Address for VirtAddr {}
impl Address for PhysAddr {}

pub(crate) mod sealed {
    use super::{PhysAddr, VirtAddr};

    /// An address as 64 bits, which hold every address of both kinds. Areas reckon in them.
    pub trait Raw: Sized {
        /// The address as a number.
        fn raw(self) -> u64;
        /// The address with this number, or `None` where a pointer is too narrow for it.
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
