//! A whole page table, as it is shipped, that two CPUs settle at once while a third looks up.
//!
//! Its words are `core`'s, so CPUs meet at hooks alone: wherever a table is reached, a flush is asked for, or a frame
//! goes back. The steps on one word between two hooks are checked by the other models.

use alloc::sync::Arc;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;

use loom::sync::atomic::AtomicU64;
use loom::thread;

use super::check;
use super::space::WRITE;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::{Attributes, MemoryType};
use crate::backend::mock::HostFrames;
use crate::backend::radix::memory::Radix;
use crate::backend::run::Run;
use crate::backend::sv39::Sv39Format;
use crate::backend::{Edit, Entry, PageTableBackend, Paging};
use crate::flush::{Flush, Retired, Tlb};
use crate::frame::{AllocatorId, FRAME_SIZE, Frame, FrameAllocator};

/// Frames of the host, and a word by which hooks of several CPUs come in every order.
struct Hooks {
    frames: HostFrames,
    turn: AtomicU64,
}

impl Hooks {
    fn turn(&self) {
        self.turn.fetch_add(1, Relaxed);
    }
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: the host's frames keep the promises, and every call goes to them.
unsafe impl FrameAllocator for Hooks {
    fn id(&self) -> AllocatorId {
        self.frames.id()
    }

    fn alloc(&self) -> Option<Frame> {
        self.frames.alloc()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        self.turn();
        self.frames.release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.turn();
        self.frames.reach(at)
    }
}

impl Tlb for Hooks {
    fn flush(&self, flush: &Flush<'_>) {
        self.turn();
        self.frames.flush(flush);
    }
}

type Table = Radix<Sv39Format, Hooks>;

const BLOCK: usize = 512 * FRAME_SIZE;

fn page(start: usize) -> MemoryArea {
    MemoryArea::block(VirtAddr::new(start), FRAME_SIZE)
}

/// Maps a page with a frame of its own.
fn install(table: &Table, start: usize) {
    let frame = table.platform().alloc().unwrap();
    let attributes = Attributes {
        permissions: WRITE,
        memory_type: MemoryType::Normal,
    };
    let run = Run {
        area: page(start),
        first: frame.addr(),
        attributes,
    };
    let mut reserved = table.reserve([Edit::Map(run)].into_iter()).unwrap();
    let installed = table.install(run.area.start(), frame, attributes, &mut reserved);
    assert!(installed.is_ok());
    table.unreserve(reserved);
}

/// A table with a page that waits, and a page that waits beside one that stays.
fn waiting(frames: &HostFrames) -> (Table, Retired) {
    let hooks = Hooks {
        frames: frames.clone(),
        turn: AtomicU64::new(0),
    };
    let mut table = Table::new(hooks).unwrap();
    for start in [BLOCK, 2 * BLOCK, 2 * BLOCK + FRAME_SIZE] {
        install(&table, start);
    }
    let (mut reserved, mut told) = (
        <Table as PageTableBackend>::Reserved::default(),
        Retired::new(),
    );
    for start in [BLOCK, 2 * BLOCK] {
        table.unmap(page(start), &mut reserved, &mut told);
    }
    table.unreserve(reserved);
    (table, told)
}

/// A CPU that looks up: where nothing is owed, nothing waits.
fn look(table: &Table) {
    let is_settled = !table.owed.is_any();
    let entry = table.entry(VirtAddr::new(BLOCK));
    let is_flushed = table.platform().frames.flushes() > 0;
    assert!(entry == Entry::Empty && is_flushed || entry == Entry::Busy && !is_settled);
}

#[test]
fn each_frame_of_a_tree_goes_back_once() {
    check(Some(3), || {
        let frames = HostFrames::new(8);
        let shared = Arc::new(waiting(&frames));
        assert_eq!(frames.frames_in_use(), 7, "4 tables and 3 pages");
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.0.settle(&shared.1, Asid::new(0)))
        };
        let walker = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || look(&shared.0))
        };
        shared.0.settle(&shared.1, Asid::new(0));
        other.join().unwrap();
        walker.join().unwrap();
        assert!(!shared.0.owed.is_any());
        assert_eq!(
            frames.frames_in_use(),
            4,
            "3 tables and the page that stays"
        );
        drop(shared);
        assert_eq!(frames.frames_in_use(), 0);
    });
}
