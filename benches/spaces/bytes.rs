//! The bytes of frames: cleared and copied alike on both sides, and taken off from what is counted.

use std::hint::black_box;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use kernel_vm::{FrameAllocator, PhysAddr};

use super::platform::alloc;
use crate::clock::clock;
use crate::pages::Frames;

const WORDS: usize = 512;

/// What a duty does to the bytes of one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bytes {
    Zeroed,
    Copied,
}

/// Clears the frame at `at`, which is the caller's.
#[inline]
#[expect(unsafe_code, reason = "a frame is reached by its address")]
pub(super) fn zero(platform: &impl FrameAllocator, at: PhysAddr) {
    let mut words = platform.reach(at).cast::<[u64; WORDS]>();
    // SAFETY: the frame is handed out, and its one user is the caller.
    unsafe { words.as_mut() }.fill(0);
}

/// Copies the frame at `from` to that at `to`, as memory that others may write meanwhile must be: word by word.
#[inline]
#[expect(unsafe_code, reason = "frames are reached by their addresses")]
pub(super) fn copy(platform: &impl FrameAllocator, from: PhysAddr, to: PhysAddr) {
    let from = platform.reach(from).cast::<[AtomicU64; WORDS]>();
    let mut to = platform.reach(to).cast::<[u64; WORDS]>();
    // SAFETY: the frame is handed out, and whoever writes it does so by words.
    let from = unsafe { from.as_ref() };
    // SAFETY: the frame was handed out just now, and is another one.
    let to = unsafe { to.as_mut() };
    to.iter_mut()
        .zip(from)
        .for_each(|(to, from)| *to = from.load(Relaxed));
}

impl Bytes {
    /// How long it takes alone, `count` times.
    pub(crate) fn time(self, count: u64) -> Duration {
        let [from, to] = [(); 2].map(|()| alloc(&Frames));
        let (at, new) = (from.addr(), to.addr());
        let ((), time) = clock(|| {
            for _ in 0..count {
                match self {
                    Self::Zeroed => zero(&Frames, black_box(new)),
                    Self::Copied => copy(&Frames, black_box(at), black_box(new)),
                }
            }
        });
        for frame in [from, to] {
            Frames.release(frame, false);
        }
        time
    }
}
