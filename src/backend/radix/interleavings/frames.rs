//! Frames, with a count of references each.

use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU64;

use crate::addr::PhysAddr;
use crate::count;
use crate::frame::{FRAME_SIZE, ShareError};

const BASE: u64 = 0x8000_0000;

/// A frame. loom checks that whoever has it alone does not meet others: either of two accesses has ended before the
/// other begins, and both CPUs know.
pub(super) struct Bytes {
    count: AtomicU64,
    /// No bytes: only the accesses matter.
    bytes: UnsafeCell<()>,
    /// Whether the frame is handed out, as the course of events has it, which no CPU knows.
    is_handed_out: AtomicBool,
}

#[expect(unsafe_code, reason = "frames are shared by CPUs")]
// SAFETY: there are no bytes, so nothing is read or written through the cell.
unsafe impl Sync for Bytes {}

/// A reference to the frame with this number.
#[derive(Debug)]
pub(super) struct Reference(pub(super) usize);

pub(super) struct Frames([Bytes; 3]);

impl Frames {
    /// Frames that have this many references each.
    pub(super) fn new(counts: [u64; 3]) -> Self {
        Self(counts.map(|references| Bytes {
            count: AtomicU64::new(references),
            bytes: UnsafeCell::new(()),
            is_handed_out: AtomicBool::new(references > 0),
        }))
    }

    pub(super) fn addr(number: usize) -> PhysAddr {
        PhysAddr::new(BASE + (number * FRAME_SIZE) as u64)
    }

    pub(super) fn number(addr: PhysAddr) -> usize {
        let offset = addr.get().checked_sub(BASE).unwrap();
        usize::try_from(offset).unwrap() / FRAME_SIZE
    }

    /// Reads bytes, or writes some that others may write, too, as a user's program does.
    pub(super) fn access(&self, number: usize) {
        self.0[number].bytes.with(|_| ());
    }

    /// Writes all bytes, for who has the frame alone.
    pub(super) fn fill(&self, number: usize) {
        self.0[number].bytes.with_mut(|_| ());
    }

    /// Hands out a frame that is free. Its owner fills it.
    pub(super) fn alloc(&self, number: usize) {
        let Bytes {
            count,
            is_handed_out,
            ..
        } = &self.0[number];
        assert!(!is_handed_out.swap(true, Relaxed), "handed out twice");
        count::first(count);
        self.fill(number);
    }

    pub(super) fn share(&self, number: usize) -> Result<Reference, ShareError> {
        count::share(&self.0[number].count).map(|()| Reference(number))
    }

    pub(super) fn is_unique(&self, number: usize) -> bool {
        count::is_unique(&self.0[number].count)
    }

    /// Gives a reference back. After the last, answers whether the frame is dirty: it is free then, and somebody fills
    /// it.
    pub(super) fn release(&self, Reference(number): Reference, dirty: bool) -> Option<bool> {
        let last = count::release(&self.0[number].count, dirty);
        if last.is_some() {
            let was_handed_out = self.0[number].is_handed_out.swap(false, Relaxed);
            assert!(was_handed_out, "given back twice");
            self.fill(number);
        }
        last
    }

    /// How many references each frame has, when all is over.
    pub(super) fn counts(&self) -> [u64; 3] {
        self.0
            .each_ref()
            .map(|frame| frame.count.load(Relaxed) & count::COUNT)
    }
}
