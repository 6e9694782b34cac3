//! Memory at low addresses.
//!
//! A physical address of the mock's frames is the host's own, and hosts keep their heaps near 2^47. Unicorn's x86 has
//! physical addresses of 40 bits: so here what is large lies from 2^36 on. A test has its own seat there, so that its
//! tables have the same addresses each time, whatever runs beside it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;

/// The host's allocator, but for what is large.
pub struct Low;

thread_local! {
    /// Where this thread's next low one goes; 0 where it has no seat.
    static NEXT: Cell<usize> = const { Cell::new(0) };
}

/// The size from which an allocation of a thread that has a seat is a low one.
const LARGE: usize = 1 << 17;

/// All seats. Hosts have nothing there.
const SEATS: std::ops::Range<usize> = 1 << 36..1 << 38;

/// Gives this thread, which runs a test, the seat with this number: 4 GiB. No other test has it.
pub fn sit(seat: usize) {
    NEXT.set(SEATS.start + (seat << 32));
}

#[expect(unsafe_code, reason = "an allocator")]
// SAFETY: what is low is a mapping of its own, page-aligned and zeroed, at an address that no other mapping has, and it
// is unmapped whole. The rest is the host's allocator's both ways: nothing of its is at a low address.
unsafe impl GlobalAlloc for Low {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() < LARGE || NEXT.get() == 0 {
            // SAFETY: as the caller promises.
            return unsafe { System.alloc(layout) };
        }
        map(layout)
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if !SEATS.contains(&at.addr()) {
            // SAFETY: as the caller promises; it came from there.
            return unsafe { System.dealloc(at, layout) };
        }
        // SAFETY: `map` mapped this many bytes there, and the caller is done with them.
        unsafe { libc::munmap(at.cast(), layout.size()) };
    }
}

/// A new mapping at this thread's next low address, or null.
#[expect(unsafe_code, reason = "an allocator")]
fn map(layout: Layout) -> *mut u8 {
    if layout.align() > 4096 {
        return null_mut();
    }
    let at = NEXT.get();
    NEXT.set(at + layout.size().next_multiple_of(4096));
    let (read_write, new) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE,
    );
    let hint = std::ptr::without_provenance_mut(at);
    // SAFETY: nothing that is mapped is replaced.
    let mapped = unsafe { libc::mmap(hint, layout.size(), read_write, new, -1, 0) };
    if mapped == libc::MAP_FAILED {
        return null_mut();
    }
    mapped.cast()
}
