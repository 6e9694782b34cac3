//! Table frames, and the words in them.

use super::memory::NewTable;
use super::walk::table::Table;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::frame::{AllocatorId, FrameAllocator};

/// A new table, one of `needed`. Its content is junk.
///
/// # Errors
/// [`MapError::OutOfFrames`], also for a frame whose address no entry can say. [`MapError::ForeignFrame`] for
/// a frame that the platform hands out as another allocator's, which it must not. Such frames are released.
pub(super) fn alloc_table<P: FrameAllocator>(
    platform: &P,
    allocator: AllocatorId,
    physical: MemoryArea<PhysAddr>,
    needed: usize,
) -> Result<NewTable, MapError> {
    let frame = platform.alloc().ok_or(MapError::OutOfFrames { needed })?;
    let addr = frame.addr();
    let error = if frame.allocator() != allocator {
        MapError::ForeignFrame { addr }
    } else if physical.contains(addr) {
        return Ok(NewTable(frame.into_addr()));
    } else {
        MapError::OutOfFrames { needed }
    };
    platform.release(frame, false);
    Err(error)
}

/// The words of the table in the frame at `at`. It must be a frame that a page table on this platform owns: see
/// [`Radix::table`](super::memory::Radix::table).
#[inline]
#[expect(unsafe_code, reason = "a table is a frame of physical memory")]
pub(super) fn words<P: FrameAllocator>(platform: &P, at: PhysAddr) -> &Table {
    let words = platform.reach(at).cast::<Table>();
    // SAFETY:
    // - The frame at `at` was handed out by an allocator with this platform's id, and was not released since. For `at`
    //   comes from one of three places. The first is a page table's `root`. The second is a word in such a table: only
    //   this folder writes those, in a format that is this crate's own.
    // - The third is a `Reserved` with our root and our allocator's id. Its frames are handed out, and nobody else's,
    //   as long as it has them. That holds even when the page table that reserved them has gone and ours has its root
    //   frame, or when its allocator has gone: no other may have that id meanwhile.
    // - No borrow outlives its frame: `release_table` is called with `&mut self`, in `drop`, or for tables that were
    //   never published, and no borrow of those is alive.
    // - So `reach` promises a frame's worth of bytes that nobody else uses, aligned as the address is: to `FRAME_SIZE`,
    //   since `alloc` promises that of frames.
    // - Any bytes are valid words, and all accesses are atomic, but for those of `alike` and `sum`, which say why they
    //   may. So the MMU and other CPUs may write meanwhile.
    unsafe { words.as_ref() }
}

/// Empties a new table. O(entries).
pub(super) fn clear(table: &mut Table) {
    for word in table {
        *word.get_mut() = 0;
    }
}
