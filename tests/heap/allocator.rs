//! A heap that fails when it is told to.
#![expect(
    unsafe_code,
    reason = "an allocator deals in memory that nobody owns yet"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;
use std::thread;

/// What the allocator knows of a thread. Other threads, of the test harness, go on as ever.
struct Thread {
    /// Which allocation from now on fails; 0: none does.
    fails: Cell<usize>,
    /// How many there were since then, the one that failed included.
    allocations: Cell<usize>,
    /// How many blocks were allocated and not given back, less those that other threads allocated.
    held: Cell<isize>,
}

thread_local! {
    static THREAD: Thread = const {
        Thread {
            fails: Cell::new(0),
            allocations: Cell::new(0),
            held: Cell::new(0),
        }
    };
}

/// The system's heap, but for the allocation that is to fail.
struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

// SAFETY: all blocks are the system's, which is asked for just what the caller asked for; an allocator may refuse.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if THREAD.with(Thread::refuses) {
            return ptr::null_mut();
        }
        // SAFETY: the caller of this `alloc` promises what the other one asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        THREAD.with(|thread| thread.held.set(thread.held.get() - 1));
        // SAFETY: `block` is from `alloc`, so from the system, with this layout, as the caller promises.
        unsafe { System.dealloc(block, layout) };
    }
}

impl Thread {
    fn refuses(&self) -> bool {
        let allocation = self.allocations.get() + 1;
        self.allocations.set(allocation);
        // A panic that gets no memory for its message would hang.
        let refuses = allocation == self.fails.get() && !thread::panicking();
        self.held.set(self.held.get() + isize::from(!refuses));
        refuses
    }
}

/// What `run` answers when the `n`-th of its allocations fails (0: none does), and how many it made.
pub fn failing<R>(n: usize, run: impl FnOnce() -> R) -> (R, usize) {
    THREAD.with(|thread| {
        thread.fails.set(n);
        thread.allocations.set(0);
    });
    let answer = run();
    THREAD.with(|thread| {
        thread.fails.set(0);
        (answer, thread.allocations.get())
    })
}

/// How many more blocks this thread has allocated than given back.
pub fn held() -> isize {
    THREAD.with(|thread| thread.held.get())
}
