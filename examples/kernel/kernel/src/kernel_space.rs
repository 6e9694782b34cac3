//! The kernel's own space: the upper half, which every other space shares.

use kernel_vm::{MapError, MemoryArea, MemoryType, Node, PhysAddr, VirtAddr};

use crate::arch;
use crate::layout::{
    HEAP, HEAP_PHYS, HEAP_SIZE, MAX_CPUS, RAM_END, Symbol, area, direct, guard, phys,
};
use crate::lock::Lock;
use crate::memory::{Memory, R, RW, RX, Space, SpaceLock, map};
use crate::mode::{PageTable, UPPER_HALF};
use crate::{cpus, platform};

/// What keeps the maps while there is no heap. One node has room for all that is mapped before there is.
static NODES: Lock<Option<&'static mut [Node<Memory>]>> = {
    static mut NODES: [Node<Memory>; 1] = [const { Node::new() }; 1];
    let nodes = &raw mut NODES;
    // SAFETY: nothing else can name the static.
    Lock::new(Some(unsafe { &mut *nodes }))
};

static SPACE: SpaceLock<Option<Space>> = SpaceLock::new(None);

/// Changes something in the kernel's space, under its lock.
pub fn with<R>(f: impl FnOnce(&mut Space) -> R) -> R {
    let mut space = SPACE.write();
    f(space.as_mut().expect("the kernel's space is made first"))
}

/// Looks at the kernel's space, beside others who do.
pub fn look<R>(f: impl FnOnce(&Space) -> R) -> R {
    let space = SPACE.read(cpus::this().id());
    f(space.as_ref().expect("the kernel's space is made first"))
}

/// All of the upper half, whose root entries are made once and for all.
fn upper_half() -> MemoryArea {
    let (start, end) = (VirtAddr::new(UPPER_HALF), VirtAddr::new(usize::MAX));
    MemoryArea::new(start, end).expect("the upper half is not empty")
}

/// Makes the kernel's own map, without a heap: the image with the permissions of its parts, guards below the stacks,
/// the rest of memory, and devices, all at one offset. The page table is the kernel's first; the boot table's day is
/// over once it is [active](activate).
pub fn init() -> Result<(), MapError> {
    let nodes = NODES
        .lock()
        .take()
        .expect("the kernel's space is made once");
    let table = PageTable::kernel(platform::for_kernel(), arch::features(), upper_half())?;
    let mut space = Space::with_nodes(table, nodes);

    let [text, rodata, data] = [Symbol::Text, Symbol::Rodata, Symbol::Data].map(Symbol::addr);
    let end = direct(PhysAddr::new(RAM_END));
    // Behind data and stacks, the last of these is the direct map of the rest of memory.
    let parts = [(text, rodata, RX), (rodata, data, R), (data, end, RW)];
    for (start, end, permissions) in parts {
        space.add_memory_map(map(start, phys(start), end - start, permissions)?)?;
    }
    for &(at, size) in arch::DEVICES {
        let device = map(direct(PhysAddr::new(at)), PhysAddr::new(at), size, RW)?;
        space.add_memory_map(device.with_memory_type(MemoryType::Device))?;
    }
    for cpu in 0..MAX_CPUS {
        space.unmap(guard(cpu))?;
    }
    space.populate(upper_half())?;
    *SPACE.write() = Some(space);
    Ok(())
}

/// Makes this CPU translate through the kernel's own table.
pub fn activate() {
    let root = look(|space| space.root_page_table());
    // SAFETY: the table maps the image and the stacks where the boot table has them, in the mode that the CPU is in
    // already; it is never dropped.
    unsafe { arch::activate_kernel(root) };
}

/// Maps the heap, and lets the maps themselves grow there from now on.
pub fn add_heap() -> Result<(), MapError> {
    with(|space| {
        let heap = map(HEAP, PhysAddr::new(HEAP_PHYS), HEAP_SIZE, RW)?;
        space.add_memory_map(heap)?;
        space.populate(area(HEAP, HEAP_SIZE))
    })?;
    crate::heap::init();
    with(|space| space.allow_heap());
    Ok(())
}
