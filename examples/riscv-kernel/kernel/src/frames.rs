//! The frame allocator: a list through the free frames themselves, last in, first out, and a count of references for
//! each frame that is in use.

use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use kernel_vm::{Frame, PhysAddr, ShareError};

use crate::layout::{PAGE, POOL_END, Symbol, direct, phys};
use crate::lock::Lock;

/// The pool lies in here.
const POOL_START: u64 = 0x8000_0000;
const FRAMES: usize = (POOL_END - POOL_START) as usize / PAGE;

/// How many references there are to each frame. A free one has none.
static COUNTS: [AtomicU32; FRAMES] = [const { AtomicU32::new(0) }; FRAMES];

struct Free {
    /// The first free frame; 0 for none. Each begins with the address of the next.
    first: u64,
    len: usize,
}

static FREE: Lock<Free> = Lock::new(Free { first: 0, len: 0 });

/// The count of the frame that holds `at`; `None` where the pool is not.
fn count(at: PhysAddr) -> Option<&'static AtomicU32> {
    let offset = at.get().checked_sub(POOL_START)?;
    COUNTS.get(offset as usize / PAGE)
}

fn count_of(frame: PhysAddr) -> &'static AtomicU32 {
    count(frame).expect("all frames come from the pool")
}

/// Puts everything from the end of the image to the end of the pool on the list, the lowest frame first to go.
pub fn init() {
    let pool = Symbol::End.addr()..direct(PhysAddr::new(POOL_END));
    pool.step_by(PAGE).rev().for_each(|page| push(phys(page)));
}

fn push(addr: PhysAddr) {
    let mut free = FREE.lock();
    let link = core::ptr::with_exposed_provenance_mut::<u64>(direct(addr));
    // SAFETY: the frame is a whole page of the direct map, and free: nobody else uses its bytes.
    unsafe { link.write(free.first) };
    free.first = addr.get();
    free.len += 1;
}

/// A frame with one reference, whatever is in it.
pub fn alloc() -> Option<Frame> {
    let addr = {
        let mut free = FREE.lock();
        let addr = Some(free.first).filter(|&first| first != 0)?;
        let link = core::ptr::with_exposed_provenance::<u64>(direct(PhysAddr::new(addr)));
        // SAFETY: the frame is on the list, so `push` has written this word, and nobody else uses the frame.
        free.first = unsafe { link.read() };
        free.len -= 1;
        PhysAddr::new(addr)
    };
    let before = count_of(addr).swap(1, Acquire);
    assert_eq!(before, 0, "the frame at {addr} was free and in use");
    // SAFETY: the frame was on the list, once, and is not any more; its count says that this is the only reference.
    Some(unsafe { Frame::from_addr(addr) })
}

/// Whether references to the frame that holds `at` are counted.
pub fn counts(at: PhysAddr) -> bool {
    count(at).is_some()
}

/// One more reference to the frame that holds `at`, unless nobody has one: it is free then, however it came to be.
///
/// # Safety
/// As `FrameAllocator::share` has it: the frame may be a page table's.
pub unsafe fn share(at: PhysAddr) -> Result<Frame, ShareError> {
    let count = count(at).ok_or(ShareError::Uncounted)?;
    let counted = count.fetch_update(Acquire, Relaxed, |count| match count {
        0 => None,
        _ => count.checked_add(1),
    });
    let frame = at.align_down(PAGE).unwrap_or(at);
    match counted {
        // SAFETY: the count has one for this reference.
        Ok(_) => Ok(unsafe { Frame::from_addr(frame) }),
        Err(0) => Err(ShareError::Free),
        Err(_) => Err(ShareError::TooMany),
    }
}

/// Whether the frame that holds `at` has one reference. Whoever gave another up has ended with the frame then.
pub fn is_unique(at: PhysAddr) -> bool {
    count(at).is_none_or(|count| count.load(Acquire) <= 1)
}

/// Gives a reference up. The frame is free when it was the last.
pub fn release(frame: Frame) {
    let addr = frame.into_addr();
    match count_of(addr).fetch_sub(1, AcqRel) {
        1 => push(addr),
        0 => panic!("the frame at {addr} was released once too often"),
        _ => {}
    }
}

/// How many frames are free.
pub fn free() -> usize {
    FREE.lock().len
}

/// How many there are.
pub fn all() -> usize {
    (direct(PhysAddr::new(POOL_END)) - Symbol::End.addr()) / PAGE
}
