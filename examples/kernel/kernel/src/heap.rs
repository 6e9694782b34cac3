//! The heap: blocks of powers of two, each size with a list of its free blocks.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;

use crate::layout::{HEAP, HEAP_SIZE};
use crate::lock::Lock;

/// The smallest block is 16 bytes, and no two sizes share a list.
const SMALLEST: u32 = 4;
const SIZES: usize = 24;

struct Heap {
    /// Where nothing was handed out yet.
    fresh: usize,
    end: usize,
    /// The first free block of each size; 0 for none. Each begins with the address of the next.
    free: [usize; SIZES],
}

struct Global(Lock<Heap>);

#[global_allocator]
static GLOBAL: Global = Global(Lock::new(Heap {
    fresh: 0,
    end: 0,
    free: [0; SIZES],
}));

/// Opens the heap, which is mapped from now on.
pub fn init() {
    let mut heap = GLOBAL.0.lock();
    (heap.fresh, heap.end) = (HEAP, HEAP + HEAP_SIZE);
}

/// The size of the block for `layout`, as a power of two.
fn order(layout: Layout) -> Option<u32> {
    let size = layout.size().max(layout.align());
    let order = size
        .checked_next_power_of_two()?
        .trailing_zeros()
        .max(SMALLEST);
    (order < SMALLEST + SIZES as u32).then_some(order)
}

impl Heap {
    fn take(&mut self, order: u32) -> Option<usize> {
        let list = &mut self.free[(order - SMALLEST) as usize];
        if *list != 0 {
            let block = *list;
            // SAFETY: the block is free and on the list, so `give` has written this word.
            *list = unsafe { core::ptr::with_exposed_provenance::<usize>(block).read() };
            return Some(block);
        }
        let block = self.fresh.checked_next_multiple_of(1 << order)?;
        let next = block.checked_add(1 << order)?;
        if next > self.end {
            return None;
        }
        self.fresh = next;
        Some(block)
    }

    fn give(&mut self, block: usize, order: u32) {
        let list = &mut self.free[(order - SMALLEST) as usize];
        // SAFETY: the block has at least 16 bytes, aligned to its size, and its owner has just given it up.
        unsafe { core::ptr::with_exposed_provenance_mut::<usize>(block).write(*list) };
        *list = block;
    }
}

// SAFETY: blocks lie in the heap's area, which is mapped for good, are aligned to their size, do not overlap, and are
// handed out again only after they were given back.
unsafe impl GlobalAlloc for Global {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let block = order(layout).and_then(|order| self.0.lock().take(order));
        block.map_or(null_mut(), core::ptr::with_exposed_provenance_mut)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(order) = order(layout) {
            self.0.lock().give(block.expose_provenance(), order);
        }
    }
}
