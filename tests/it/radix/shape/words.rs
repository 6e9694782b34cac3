//! The words of tables, as the hardware reads and writes them.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use kernel_vm::{FrameAllocator, PhysAddr};

/// The word at `at`, which is in a frame that is in use.
#[expect(unsafe_code, reason = "the test reads what the hardware would")]
pub fn word(frames: &impl FrameAllocator, at: PhysAddr) -> u64 {
    let word = frames.reach(at).cast::<AtomicU64>();
    // SAFETY: `reach` answers a pointer into a frame that is in use, aligned as `at` is, and tables are read and
    // written by atomic accesses alone while they are shared.
    unsafe { word.as_ref() }.load(Acquire)
}

/// Writes the answer of `change` over the word at `at`, in one step.
#[expect(unsafe_code, reason = "the test writes what the hardware would")]
pub fn change_word(frames: &impl FrameAllocator, at: PhysAddr, change: impl Fn(u64) -> u64) {
    let word = frames.reach(at).cast::<AtomicU64>();
    // SAFETY: as in `word`.
    let word = unsafe { word.as_ref() };
    let change = |word| Some(change(word));
    word.fetch_update(AcqRel, Acquire, change).unwrap();
}

#[expect(unsafe_code, reason = "the test writes what the hardware would")]
pub fn store_word(frames: &impl FrameAllocator, at: PhysAddr, value: u64) {
    let word = frames.reach(at).cast::<AtomicU64>();
    // SAFETY: as in `word`.
    unsafe { word.as_ref() }.store(value, Release);
}
