//! Access to the frames as hardware has it: any physical address may be asked for, and may lead nowhere.

use core::sync::atomic::AtomicU64;

use super::host_frames::HostFrames;
use crate::addr::PhysAddr;
use crate::frame::FRAME_SIZE;

/// The number of 8-byte words in a frame.
pub(super) const WORDS: usize = FRAME_SIZE / size_of::<u64>();

/// The reason for which a physical address leads to no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoFrame {
    /// No frame of these was ever at the address.
    Outside,
    /// The frame is nobody's: it was never handed out, or has been given back.
    Free,
}

impl HostFrames {
    /// Lets `with` see the words of the frame that holds `at`, and tells it which of them does. The frame stays in use
    /// meanwhile; `with` must not call the allocator. O(1).
    ///
    /// # Safety
    /// Whoever the frame was handed out to uses its bytes as atomics of 8 bytes, or not at all meanwhile.
    #[expect(unsafe_code, reason = "the frame is somebody else's")]
    pub(super) unsafe fn with_words<R>(
        &self,
        at: PhysAddr,
        with: impl FnOnce(&[AtomicU64; WORDS], usize) -> R,
    ) -> Result<R, NoFrame> {
        let _pool = self.host.pool.lock();
        let (index, within) = self.host.locate(at).ok_or(NoFrame::Outside)?;
        let frame = self.host.memory.byte(index, 0).ok_or(NoFrame::Outside)?;
        if !self.host.is_in_use(index) {
            return Err(NoFrame::Free);
        }
        // SAFETY:
        // - `frame` points to the first of `FRAME_SIZE` bytes, and is aligned to `FRAME_SIZE`.
        // - Any bytes are words.
        // - The frame is in use, and stays so while the pool is locked: so `alloc` and `release` do not fill it.
        // - Whoever has the frame uses its bytes as atomics of 8 bytes: that is the caller's promise.
        let words = unsafe { frame.cast::<[AtomicU64; WORDS]>().as_ref() };
        Ok(with(words, within / size_of::<u64>()))
    }
}
