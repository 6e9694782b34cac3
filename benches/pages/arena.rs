//! Frames for all page tables alike, so that none pays for `malloc`, or for the host's own page faults.

use std::alloc::{Layout, alloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{NonNull, with_exposed_provenance_mut};

use kernel_vm::{FRAME_SIZE, Flush, Frame, FrameAllocator, PhysAddr, Tlb};

/// More than the tables of the largest page table.
const TABLES: usize = 2048;

/// As many as the largest bench has pages. Nobody writes in them, so the host has no memory to find for them.
const PAGES: usize = 1 << 18;

/// As large as the host's own large leaves, so that it can use them.
const ALIGN: usize = 2 << 20;

/// What frames for tables are filled with at first: no table is right by chance.
const JUNK: u8 = 0xdb;

/// Frames in one stretch of the host's memory.
struct Stack {
    /// Where the stretch begins.
    start: Cell<u64>,
    /// The addresses of frames; how many of them, from the first on, are free.
    frames: Cell<&'static [Cell<u64>]>,
    free: Cell<usize>,
}

/// Apart, so that pages never get the frames that tables are quick in.
struct Arena {
    tables: Stack,
    pages: Stack,
}

thread_local! {
    static ARENA: Arena = const {
        Arena {
            tables: Stack::new(),
            pages: Stack::new(),
        }
    };
}

/// A handle to this thread's frames. Physical addresses are the host's own, so that reaching a frame costs nobody
/// anything. The last to come back is the first to go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames;

impl Frames {
    /// How many frames are handed out.
    pub(crate) fn in_use(self) -> usize {
        ARENA.with(|arena| arena.tables.in_use() + arena.pages.in_use())
    }

    /// Makes the lowest free frame the next to go, and so on: what one page table has left does not slow the next.
    pub(crate) fn sort(self) {
        ARENA.with(|arena| [&arena.tables, &arena.pages].map(Stack::sort));
    }

    /// Where the frames begin that [`alloc`](FrameAllocator::alloc) hands out, and how many they are.
    pub(crate) fn tables(self) -> (PhysAddr, usize) {
        ARENA.with(|Arena { tables, .. }| {
            if tables.is_new() {
                tables.fill(TABLES, Some(JUNK));
            }
            (PhysAddr::new(tables.start.get()), TABLES)
        })
    }

    /// Where the frames begin that [`alloc_page`](Self::alloc_page) hands out, and how many they are.
    pub(crate) fn pages(self) -> (PhysAddr, usize) {
        ARENA.with(|Arena { pages, .. }| {
            if pages.is_new() {
                pages.fill(PAGES, None);
            }
            (PhysAddr::new(pages.start.get()), PAGES)
        })
    }

    /// A frame for a page.
    #[inline]
    pub(crate) fn alloc_page(self) -> Frame {
        let page = ARENA.with(|arena| {
            if arena.pages.is_new() {
                arena.pages.fill(PAGES, None);
            }
            arena.pages.pop()
        });
        page.expect("no bench has more pages")
    }

    /// Takes back the frame at `at`, for page tables that know addresses alone.
    ///
    /// # Safety
    /// [`alloc`](FrameAllocator::alloc) has answered it, it is not back yet, and nobody uses it.
    #[inline]
    #[expect(unsafe_code, reason = "a frame is forged from its address")]
    pub(crate) unsafe fn release_addr(self, at: u64) {
        // SAFETY: the caller gives up the one reference.
        self.release(unsafe { Frame::from_addr(PhysAddr::new(at)) }, false);
    }
}

impl Stack {
    const fn new() -> Self {
        Self {
            start: Cell::new(0),
            frames: Cell::new(&[]),
            free: Cell::new(0),
        }
    }

    fn is_new(&self) -> bool {
        self.frames.get().is_empty()
    }

    fn in_use(&self) -> usize {
        self.frames.get().len() - self.free.get()
    }

    /// Whether the frame at `at` is one of these.
    #[inline]
    fn holds(&self, at: u64) -> bool {
        let offset = at.wrapping_sub(self.start.get());
        offset < (self.frames.get().len() * FRAME_SIZE) as u64
    }

    /// Makes the frames, the lowest on top.
    #[cold]
    #[expect(unsafe_code, reason = "frames are memory of the host")]
    fn fill(&self, count: usize, junk: Option<u8>) {
        let layout = Layout::from_size_align(count * FRAME_SIZE, ALIGN).expect("a size");
        // SAFETY: the size is not 0.
        let start = unsafe { alloc(layout) };
        if start.is_null() {
            handle_alloc_error(layout);
        }
        if let Some(junk) = junk {
            // SAFETY: the memory is as large as the layout, and nobody else's.
            unsafe { start.write_bytes(junk, layout.size()) };
        }
        let start = start.expose_provenance();
        let frames = (0..count).rev();
        let frames = frames.map(|index| Cell::new((start + index * FRAME_SIZE) as u64));
        self.start.set(start as u64);
        self.frames.set(frames.collect::<Vec<_>>().leak());
        self.free.set(count);
    }

    fn sort(&self) {
        let free = &self.frames.get()[..self.free.get()];
        let mut sorted: Vec<u64> = free.iter().map(Cell::get).collect();
        sorted.sort_unstable_by(|left, right| right.cmp(left));
        free.iter().zip(sorted).for_each(|(slot, at)| slot.set(at));
    }

    #[inline]
    #[expect(unsafe_code, reason = "frames are made of addresses")]
    fn pop(&self) -> Option<Frame> {
        let top = self.free.get().checked_sub(1)?;
        let at = self.frames.get().get(top)?.get();
        self.free.set(top);
        // SAFETY: it was in the stack, and now it is not.
        Some(unsafe { Frame::from_addr(PhysAddr::new(at)) })
    }

    #[inline]
    fn push(&self, frame: Frame) {
        let top = self.free.get();
        // A stack that is full loses it: it is another thread's.
        if let Some(slot) = self.frames.get().get(top) {
            slot.set(frame.into_addr().get());
            self.free.set(top + 1);
        }
    }
}

#[expect(unsafe_code, reason = "the promises of the trait")]
// SAFETY: the frames lie in memory that is never given back, aligned, and their provenance is exposed. Each is in a
// stack once, and what `alloc` answers is above its top until it is released, to this thread's stack or another's.
unsafe impl FrameAllocator for Frames {
    #[inline]
    fn alloc(&self) -> Option<Frame> {
        ARENA.with(|arena| {
            if arena.tables.is_new() {
                arena.tables.fill(TABLES, Some(JUNK));
            }
            arena.tables.pop()
        })
    }

    #[inline]
    fn release(&self, frame: Frame, _dirty: bool) {
        ARENA.with(|Arena { tables, pages }| {
            let is_page = pages.holds(frame.addr().get());
            if is_page { pages } else { tables }.push(frame);
        });
    }

    #[inline]
    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        let byte = with_exposed_provenance_mut(at.get() as usize);
        // SAFETY: no frame is at 0, and nothing but frames is asked for.
        unsafe { NonNull::new_unchecked(byte) }
    }
}

impl Tlb for Frames {
    #[inline]
    fn flush(&self, _flush: &Flush<'_>) {}
}
