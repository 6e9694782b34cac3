//! How many page faults a second one CPU resolves, and two that fault at once in one space, on different pages.
//!
//! Twice as many is what there is to reach. Each fault is the first touch of a page, which is cleared; frames come from
//! a pool of each thread's own, so no allocator is measured. A machine that has other work disturbs some rounds: the
//! quickest of many count. It takes seconds:
//!
//! ```sh
//! cargo bench --bench faulters
//! ```
#![expect(clippy::expect_used, reason = "a bench stops where it is wrong")]

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::cell::Cell;
use std::hint::spin_loop;
use std::ptr::{NonNull, with_exposed_provenance_mut};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::thread;
use std::time::{Duration, Instant};

use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{
    Access, Answer, Done, FRAME_SIZE, Flush, Frame, FrameAllocator, MemoryArea, Permissions,
    PhysAddr, Privilege, Tlb, VirtAddr, VirtualMemoryManager, VirtualMemoryMap,
};

type Space = VirtualMemoryManager<Sv39<Pools>>;

/// How many pages each thread faults in a round.
const PAGES: usize = 512;

/// How many frames a thread has for them, and for tables.
const FRAMES: usize = PAGES + 64;

const ROUNDS: usize = 2000;

thread_local! {
    /// The next frame of this thread, and how many it has left.
    static POOL: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// Frames of the thread that asks, one after the other. None comes back: each round begins anew.
#[derive(Clone, Copy)]
struct Pools;

#[expect(unsafe_code, reason = "the promises of the trait")]
// SAFETY: a pool is memory that is never given back, aligned, with its provenance exposed; each round hands a frame out
// once, to one thread, when no page table of an earlier round is left.
unsafe impl FrameAllocator for Pools {
    fn alloc(&self) -> Option<Frame> {
        let (next, left) = POOL.get();
        POOL.set((next + FRAME_SIZE, left.checked_sub(1)?));
        // SAFETY: see above.
        Some(unsafe { Frame::from_addr(PhysAddr::new(next as u64)) })
    }

    fn release(&self, frame: Frame, _dirty: bool) {
        let _ = frame.into_addr();
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        let at = usize::try_from(at.get()).expect("an address of the host");
        NonNull::new(with_exposed_provenance_mut(at)).expect("no frame is at 0")
    }
}

impl Tlb for Pools {
    fn flush(&self, _flush: &Flush<'_>) {}
}

/// Memory for a pool.
#[expect(unsafe_code, reason = "frames are memory of the host")]
fn pool() -> usize {
    let layout = Layout::from_size_align(FRAMES * FRAME_SIZE, FRAME_SIZE).expect("a size");
    // SAFETY: the size is not 0.
    let start = unsafe { alloc_zeroed(layout) };
    if start.is_null() {
        handle_alloc_error(layout);
    }
    start.expose_provenance()
}

fn area(thread: usize) -> MemoryArea {
    let start = VirtAddr::new((1 + thread) << 30);
    MemoryArea::from_start_size(start, PAGES * FRAME_SIZE).expect("far from the top")
}

/// How long the thread takes that is last.
fn round(pools: &[usize], root: usize) -> Duration {
    POOL.set((root, FRAMES));
    let mut space = Space::new(Sv39::new(Pools).expect("a frame"));
    let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    for thread in 0..pools.len() {
        let map = VirtualMemoryMap::anonymous(area(thread), rw).expect("pages");
        space.add_memory_map(map).expect("apart");
    }
    let (space, missing) = (&space, &AtomicUsize::new(pools.len()));
    thread::scope(|scope| {
        let threads = pools.iter().enumerate().map(|(thread, &pool)| {
            scope.spawn(move || {
                POOL.set((pool, FRAMES));
                // They spin, so that both begin at once.
                missing.fetch_sub(1, AcqRel);
                while missing.load(Acquire) > 0 {
                    spin_loop();
                }
                touch_all(space, area(thread))
            })
        });
        let threads: Vec<_> = threads.collect();
        let times = threads.into_iter().map(|thread| thread.join());
        let times = times.map(|time| time.expect("no fault panics"));
        times.max().unwrap_or_default()
    })
}

fn touch_all(space: &Space, area: MemoryArea) -> Duration {
    let begin = Instant::now();
    for page in (area.start().get()..=area.end().get()).step_by(FRAME_SIZE) {
        let answer = space.handle_fault(VirtAddr::new(page), Access::Write, Privilege::User);
        let done = matches!(
            answer,
            Ok(Answer::Resolved {
                done: Done::Zeroed,
                ..
            })
        );
        assert!(done, "{answer:?}");
    }
    begin.elapsed()
}

fn main() {
    let (root, pools) = (pool(), [pool(), pool()]);
    let [mut one, mut two] = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        one = one.min(round(&pools[..1], root));
        two = two.min(round(&pools, root));
    }
    let rate = |threads: usize, time: Duration| (threads * PAGES) as f64 / time.as_secs_f64() / 1e6;
    let (one, two) = (rate(1, one), rate(2, two));
    println!("million first touches a second; the quickest of {ROUNDS} rounds");
    println!(
        "1 thread {one:.2}   2 threads {two:.2}   ratio {:.2}",
        two / one
    );
}
