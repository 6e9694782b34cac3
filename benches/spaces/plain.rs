//! A small space as a plain kernel has it: its own walker for pages, and a list of all frames that it has taken.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, Release};

use kernel_vm::{Flush, Frame, FrameAllocator, MemoryArea, Permissions, PhysAddr, Tlb};

use super::bytes::zero;
use super::layout::PAGE;
use super::process::Process;
use crate::pages::Frames;

type Table = [AtomicU64; 512];

const VALID: u64 = 1;
const ACCESSED_DIRTY: u64 = 0b11 << 6;

/// By hand.
pub(crate) struct Plain {
    root: PhysAddr,
    /// Tables and pages alike.
    taken: Vec<Frame>,
}

#[inline]
#[expect(unsafe_code, reason = "a table is a frame of physical memory")]
fn table<'a>(at: PhysAddr) -> &'a Table {
    // SAFETY: the frame is taken, and its words are touched as atomics alone.
    unsafe { Frames.reach(at).cast::<Table>().as_ref() }
}

#[inline]
const fn number(at: PhysAddr) -> u64 {
    at.get() >> 12 << 10
}

impl Plain {
    fn new() -> Self {
        let mut made = Self {
            root: PhysAddr::new(0),
            taken: Vec::with_capacity(32),
        };
        made.root = made.take_table();
        made
    }

    #[inline]
    fn take(&mut self) -> PhysAddr {
        let frame = Frames.alloc().expect("the arena is larger");
        let at = frame.addr();
        self.taken.push(frame);
        at
    }

    fn take_table(&mut self) -> PhysAddr {
        let at = self.take();
        zero(&Frames, at);
        at
    }

    /// The word for `page`; tables are made where there are none.
    #[inline]
    fn walk(&mut self, page: usize) -> &'static AtomicU64 {
        let mut at = self.root;
        for level in [2, 1] {
            let word = &table(at)[page >> (12 + 9 * level) & 511];
            let pointer = word.load(Relaxed);
            at = if pointer & VALID == 0 {
                let new = self.take_table();
                word.store(number(new) | VALID, Release);
                new
            } else {
                PhysAddr::new(pointer >> 10 << 12)
            };
        }
        &table(at)[page >> 12 & 511]
    }

    fn drop_all(self) {
        for frame in self.taken {
            Frames.release(frame, false);
        }
    }
}

impl Process for Plain {
    const NAME: &str = "by-hand";

    fn live(areas: [MemoryArea; 2], permissions: Permissions) {
        let mut space = Self::new();
        let pages = areas.map(|area| (area.start().get()..=area.end().get()).step_by(PAGE));
        let bits = u64::from(permissions.bits()) << 1 | VALID | ACCESSED_DIRTY;
        for page in pages.clone().into_iter().flatten() {
            let frame = space.take();
            space.walk(page).store(number(frame) | bits, Release);
        }
        for page in pages.into_iter().flatten() {
            space.walk(page).store(0, Relaxed);
        }
        Frames.flush(&Flush::everything(space.root));
        space.drop_all();
    }
}
