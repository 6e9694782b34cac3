//! Where things are on the host: the pool is memory of the test's own, at its own addresses.

use std::ops::Range;
use std::sync::OnceLock;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::{Frame, FrameAllocator, MemoryArea, PhysAddr, VirtAddr};

pub const MAX_CPUS: usize = 8;
pub const PAGE: usize = kernel_vm::FRAME_SIZE;
pub const POOL_SIZE: usize = 2048 * PAGE;

/// The memory of the machine, and where the pool in it begins. All of it is handed out to the kernel, for good.
struct Memory {
    frames: HostFrames,
    start: u64,
}

fn memory() -> &'static Memory {
    static MEMORY: OnceLock<Memory> = OnceLock::new();
    MEMORY.get_or_init(|| {
        let frames = HostFrames::new(POOL_SIZE / PAGE);
        let taken: Vec<PhysAddr> = std::iter::from_fn(|| frames.alloc())
            .map(Frame::into_addr)
            .collect();
        for &at in &taken {
            // The kernel makes pointers of numbers.
            frames.reach(at).as_ptr().expose_provenance();
        }
        let start = taken.iter().min().expect("there are frames").get();
        let end = taken.iter().max().expect("there are frames").get();
        assert_eq!(
            end - start,
            (POOL_SIZE - PAGE) as u64,
            "they are in one piece"
        );
        Memory { frames, start }
    })
}

/// The memory of a machine.
pub fn host_frames() -> HostFrames {
    memory().frames.clone()
}

pub fn pool_start() -> PhysAddr {
    PhysAddr::new(memory().start)
}

pub fn pool() -> Range<usize> {
    let start = memory().start as usize;
    start..start + POOL_SIZE
}

/// Memory is mapped where it is.
pub fn direct(at: PhysAddr) -> usize {
    at.get() as usize
}

pub fn phys(addr: usize) -> PhysAddr {
    PhysAddr::new(addr as u64)
}

pub fn area(start: usize, size: usize) -> MemoryArea {
    MemoryArea::from_start_size(VirtAddr::new(start), size).expect("it is no nonsense")
}

pub fn phys_area(start: u64, size: usize) -> MemoryArea<PhysAddr> {
    MemoryArea::from_start_size(PhysAddr::new(start), size).expect("it is no nonsense")
}
