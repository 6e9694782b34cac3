//! Where things are: what the machine has, what the linker says, and where the kernel maps what.
//!
//! A kernel for more than one machine reads the first part from the device tree.

use core::ops::Range;

use kernel_vm::{MemoryArea, PhysAddr, VirtAddr};

use crate::arch::RAM;
use crate::mode::UPPER_HALF;

/// The most CPUs that the kernel runs on; the linker script has a stack for each.
pub const MAX_CPUS: usize = 8;
/// A stack and the guard page below it.
pub const STACK_STRIDE: usize = 0x1_1000;
pub const PAGE: usize = kernel_vm::FRAME_SIZE;

/// What the frame allocator has: the first part of memory, behind the image that lies there.
pub const POOL_SIZE: usize = 128 << 20;
const POOL_END: u64 = RAM + POOL_SIZE as u64;
/// What backs the heap: a piece of memory in one piece, so that superpages map it.
pub const HEAP_PHYS: u64 = POOL_END;
pub const HEAP_SIZE: usize = 8 << 20;
/// The second GiB of memory, aligned to 1 GiB. Nobody owns it: the checks map parts of it here and there.
pub const SPARE: u64 = RAM + (1 << 30);
pub const SPARE_SIZE: usize = 1 << 30;
/// Memory ends here (QEMU's `-m 2G`).
pub const RAM_END: u64 = SPARE + SPARE_SIZE as u64;
const _: () = assert!(RAM % SPARE_SIZE as u64 == 0);

/// Behind what the direct map may ever need in Sv39, whose half is the smallest: the heap.
pub const HEAP: usize = UPPER_HALF + (64 << 30);
/// And behind it what the checks map in the kernel's half.
pub const SCRATCH: usize = UPPER_HALF + (128 << 30);

/// Where the pool begins, with the image.
pub const fn pool_start() -> PhysAddr {
    PhysAddr::new(RAM)
}

/// The frames of the pool, by their addresses.
pub fn pool() -> Range<usize> {
    phys(Symbol::End.addr()).get() as usize..POOL_END as usize
}

/// The bounds of the image's parts, page-aligned.
#[derive(Clone, Copy, Debug)]
pub enum Symbol {
    Text,
    Rodata,
    Data,
    Stacks,
    End,
}

unsafe extern "C" {
    static __text_start: u8;
    static __rodata_start: u8;
    static __data_start: u8;
    static __stacks_start: u8;
    static __image_end: u8;
}

impl Symbol {
    /// Where it is, in the upper half.
    pub fn addr(self) -> usize {
        let symbol = match self {
            Self::Text => &raw const __text_start,
            Self::Rodata => &raw const __rodata_start,
            Self::Data => &raw const __data_start,
            Self::Stacks => &raw const __stacks_start,
            Self::End => &raw const __image_end,
        };
        symbol.addr()
    }
}

/// The guard page below the stack of a CPU.
pub fn guard(cpu: usize) -> MemoryArea {
    area(Symbol::Stacks.addr() + cpu * STACK_STRIDE, PAGE)
}

/// Where physical memory is mapped.
pub const fn direct(at: PhysAddr) -> usize {
    UPPER_HALF + at.get() as usize
}

/// What lies at an address of the direct map.
pub const fn phys(addr: usize) -> PhysAddr {
    PhysAddr::new((addr - UPPER_HALF) as u64)
}

/// An area that the kernel itself has chosen.
pub fn area(start: usize, size: usize) -> MemoryArea {
    MemoryArea::from_start_size(VirtAddr::new(start), size)
        .expect("the kernel's own areas are no nonsense")
}

/// The same for physical memory.
pub fn phys_area(start: u64, size: usize) -> MemoryArea<PhysAddr> {
    MemoryArea::from_start_size(PhysAddr::new(start), size)
        .expect("the kernel's own areas are no nonsense")
}
