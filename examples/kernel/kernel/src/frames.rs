//! The frame allocator: a list through the free frames themselves, last in, first out; and kernel-vm's counts of
//! references over it.

use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU64, AtomicUsize};

use kernel_vm::{Counted, Frame, FrameAllocator, PhysAddr};

use crate::layout::{PAGE, POOL_SIZE, direct, pool, pool_start};
use crate::lock::Lock;
use crate::once::Once;

const FRAMES: usize = POOL_SIZE / PAGE;

struct Free {
    /// The first free frame; 0 for none. Each begins with the address of the next.
    first: u64,
    len: usize,
    /// So many frames are not handed out.
    held_back: usize,
}

static FREE: Lock<Free> = Lock::new(Free {
    first: 0,
    len: 0,
    held_back: 0,
});

static WRITTEN: AtomicUsize = AtomicUsize::new(0);

/// The frames behind the image. There is one pool, so nothing is in the value.
#[derive(Debug)]
pub struct Pool;

/// The pool, with a count of references for each frame.
static COUNTED: Once<Counted<Pool>> = Once::new();

/// Puts the whole pool on the list, the lowest frame first to go. The first CPU does so, alone.
pub fn init() {
    static mut COUNTS: [AtomicU64; FRAMES] = [const { AtomicU64::new(0) }; FRAMES];
    pool()
        .step_by(PAGE)
        .rev()
        .for_each(|frame| push(PhysAddr::new(frame as u64)));
    let counts = &raw mut COUNTS;
    // SAFETY: nothing else can name the static, and this function runs once.
    let counts = unsafe { &mut *counts };
    let counted = Counted::new(Pool, pool_start(), counts);
    // SAFETY: the first CPU is alone.
    unsafe { COUNTED.set(counted) };
}

/// The allocator, with its counts.
pub fn counted() -> &'static Counted<Pool> {
    COUNTED.get().expect("the frames are there before all else")
}

fn push(addr: PhysAddr) {
    let mut free = FREE.lock();
    let link = core::ptr::with_exposed_provenance_mut::<u64>(direct(addr));
    // SAFETY: the frame is a whole page of the direct map, and free: nobody else uses its bytes.
    unsafe { link.write(free.first) };
    free.first = addr.get();
    free.len += 1;
}

fn pop() -> Option<PhysAddr> {
    let mut free = FREE.lock();
    if free.len <= free.held_back {
        return None;
    }
    let addr = free.first;
    let link = core::ptr::with_exposed_provenance::<u64>(direct(PhysAddr::new(addr)));
    // SAFETY: the list is not empty, so `push` has written this word, and nobody else uses the frame.
    free.first = unsafe { link.read() };
    free.len -= 1;
    Some(PhysAddr::new(addr))
}

// SAFETY: the list has each free frame once, page-aligned; all of the pool is in the direct map at a constant offset,
// from the boot table on, and nobody unmaps it. `counted` is the only user of the one value.
unsafe impl FrameAllocator for Pool {
    fn alloc(&self) -> Option<Frame> {
        // SAFETY: the frame was on the list, once, and is not any more.
        pop().map(|addr| unsafe { Frame::from_addr(addr) })
    }

    fn release(&self, frame: Frame, dirty: bool) {
        WRITTEN.fetch_add(dirty.into(), Relaxed);
        push(frame.into_addr());
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        let mapped = core::ptr::with_exposed_provenance_mut(direct(at));
        NonNull::new(mapped).expect("the direct map does not begin at address 0")
    }
}

/// A frame with one reference, whatever is in it.
pub fn alloc() -> Option<Frame> {
    counted().alloc()
}

/// Gives a reference up. The frame is free when it was the last.
pub fn release(frame: Frame) {
    counted().release(frame, false);
}

/// How many frames have come back as written since the kernel began.
pub fn written() -> usize {
    WRITTEN.load(Relaxed)
}

/// How many frames are free.
pub fn free() -> usize {
    FREE.lock().len
}

/// How many there are.
pub fn all() -> usize {
    pool().step_by(PAGE).count()
}

/// A time in which frames are scarce: it ends when this is dropped.
#[derive(Debug)]
pub struct Scarcity(());

impl Scarcity {
    /// From now on so many free frames are handed out, and no more. What is given back meanwhile is handed out, too.
    pub fn all_but(left: usize) -> Self {
        let mut free = FREE.lock();
        free.held_back = free.len.saturating_sub(left);
        Self(())
    }
}

impl Drop for Scarcity {
    fn drop(&mut self) {
        FREE.lock().held_back = 0;
    }
}
