//! Before there is a heap: maps in static nodes, tables in static frames.
//!
//! `RUSTFLAGS="--cfg kernel_vm_no_alloc" cargo run --no-default-features --example no_heap` builds the library without
//! `alloc`.

use std::{cell::Cell, error::Error, ptr, ptr::NonNull};

use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{FRAME_SIZE, Flush, Frame, FrameAllocator, MapError, MemoryArea, Node};
use kernel_vm::{Permissions, PhysAddr, Tlb, VirtAddr};
use kernel_vm::{VirtualMemoryManager, VirtualMemoryMap};

#[repr(align(4096))]
struct Page(#[expect(dead_code, reason = "reached by its address")] [u8; FRAME_SIZE]);
static mut PAGES: [Page; 3] = [const { Page([0; FRAME_SIZE]) }; 3];
static mut NODES: [Node; 1] = [const { Node::new() }; 1];

/// How many of `PAGES` it has handed out. It takes none back.
struct Boot(Cell<usize>);
#[expect(unsafe_code, reason = "the promises of the trait")]
// SAFETY: `alloc` hands each page out once, and nothing else names `PAGES`.
unsafe impl FrameAllocator for Boot {
    fn alloc(&self) -> Option<Frame> {
        let number = self.0.get();
        let at = (&raw mut PAGES).expose_provenance() + number * FRAME_SIZE;
        self.0.set(3.min(number + 1));
        // SAFETY: the number only grows, so nobody had this page before.
        (number < 3).then(|| unsafe { Frame::from_addr(PhysAddr::new(at as u64)) })
    }
    fn release(&self, _: Frame, _: bool) {}
    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        let addr = usize::try_from(at.get()).unwrap_or_default();
        let byte = NonNull::new(ptr::with_exposed_provenance_mut(addr));
        byte.unwrap_or_else(|| unreachable!("no page is at 0"))
    }
}
impl Tlb for Boot {
    fn flush(&self, _: &Flush<'_>) {} // no CPU uses the page table yet
}
fn main() -> Result<(), Box<dyn Error>> {
    let nodes = &raw mut NODES;
    #[expect(unsafe_code, reason = "a static that changes")]
    // SAFETY: nothing else names it, and `main` runs once.
    let nodes = unsafe { &mut *nodes };
    let mut space = VirtualMemoryManager::with_nodes(Sv39::new(Boot(0.into()))?, nodes);
    let refused = loop {
        let start = VirtAddr::new(space.memory_maps().len() * 0x2000);
        let vmarea = MemoryArea::from_start_size(start, 0x1000)?;
        let pmarea = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x1000)?;
        let map = VirtualMemoryMap::new(vmarea, pmarea, Permissions::READ, false)?;
        if let Err(refused) = space.add_memory_map(map) {
            break refused.error();
        }
    };
    space.populate(MemoryArea::from_start_size(VirtAddr::new(0), 0x20_0000)?)?;
    println!("{} maps in one node: {refused}", space.memory_maps().len());
    assert_eq!(refused, MapError::OutOfNodes { needed: 2 });
    let last = space.backend().translate(VirtAddr::new(61 * 0x2000));
    assert_eq!(last, Some(PhysAddr::new(0x8000_0000)), "the last of 62");
    Ok(())
}
