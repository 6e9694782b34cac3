//! The bytes of frames that are mapped: how they are read and written while CPUs in user mode do so, too.

use core::fmt;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use crate::addr::PhysAddr;
use crate::frame::{FRAME_SIZE, Frame, FrameAllocator};

/// How many bytes a word has.
const WORD: usize = size_of::<u64>();

/// The words of a frame.
const WORDS: usize = FRAME_SIZE / WORD;

/// The bytes of a frame that stays where it is meanwhile.
///
/// Whoever is in user mode may read and write them at any moment, and so may another CPU in the same verb. So every
/// byte is touched through whole words of 8 bytes, as relaxed atomics: two safe calls may race, and each byte is then
/// that of one of them.
pub struct Held<'a, P: FrameAllocator> {
    platform: &'a P,
    at: PhysAddr,
    /// The reference that keeps it, where the platform counts.
    frame: Option<Frame>,
}

impl<'a, P: FrameAllocator> Held<'a, P> {
    /// The bytes of the frame at `at`.
    ///
    /// # Safety
    /// - `at` is where a frame begins that the platform has handed out, and that is not released for `'a`, or not while
    ///   `frame` is there;
    /// - it is no table of a page table;
    /// - `frame`, if there is one, is a reference to it.
    #[expect(unsafe_code, reason = "a frame is reached by its address")]
    pub(crate) const unsafe fn new(platform: &'a P, at: PhysAddr, frame: Option<Frame>) -> Self {
        Self {
            platform,
            at,
            frame,
        }
    }

    /// The bytes of a frame that the caller holds; `None` for one of another allocator.
    #[expect(unsafe_code, reason = "a frame is reached by its address")]
    pub(crate) fn of(platform: &'a P, frame: &'a Frame) -> Option<Self> {
        let is_own = frame.allocator() == platform.id();
        // SAFETY:
        // - a `Frame` is a reference to a frame of the allocators with its id, and is borrowed for `'a`;
        // - whoever holds a reference holds no table, since those are their page table's own.
        is_own.then(|| unsafe { Self::new(platform, frame.addr(), None) })
    }

    /// Where the frame is.
    #[must_use]
    pub const fn addr(&self) -> PhysAddr {
        self.at
    }

    /// Copies the bytes from `offset` on to `to`, up to the end of the frame. O(bytes).
    pub fn read(&self, offset: usize, to: &mut [u8]) {
        let words = self.words();
        for part in parts(offset, to.len()) {
            let bytes = word(words, part.word).load(Relaxed).to_ne_bytes();
            let to = to.get_mut(part.done..part.done + part.len);
            let from = bytes.get(part.skip..part.skip + part.len);
            if let (Some(to), Some(from)) = (to, from) {
                to.copy_from_slice(from);
            }
        }
    }

    /// Copies `from` to the bytes from `offset` on, up to the end of the frame. O(bytes).
    pub(crate) fn write(&self, offset: usize, from: &[u8]) {
        self.write_with(offset, from.len(), |part, bytes| {
            let from = from.get(part.done..part.done + part.len);
            if let Some(from) = from {
                bytes.copy_from_slice(from);
            }
        });
    }

    /// Writes zeroes to `len` bytes from `offset` on, up to the end of the frame. O(bytes).
    pub(crate) fn zero(&self, offset: usize, len: usize) {
        self.write_with(offset, len, |_, bytes| bytes.fill(0));
    }

    fn write_with(&self, offset: usize, len: usize, set: impl Fn(Part, &mut [u8])) {
        let words = self.words();
        for part in parts(offset, len) {
            let change = |word: u64| {
                let mut bytes = word.to_ne_bytes();
                set(part, bytes.get_mut(part.skip..part.skip + part.len)?);
                Some(u64::from_ne_bytes(bytes))
            };
            let word = word(words, part.word);
            if part.len == WORD {
                // None of the old bytes stays.
                change(0)
                    .into_iter()
                    .for_each(|new| word.store(new, Relaxed));
            } else {
                // Somebody else may write the others of these bytes.
                let _ = word.fetch_update(Relaxed, Relaxed, change);
            }
        }
    }

    /// A new frame with the same bytes, or `None` when there is none. O(page).
    pub(crate) fn copy(&self) -> Option<Frame> {
        alloc(self.platform, |words| {
            let from = self.words();
            words
                .iter_mut()
                .zip(from)
                .for_each(|(to, from)| *to = from.load(Relaxed));
        })
    }

    /// Copies all bytes of another frame to this one. O(page).
    pub(crate) fn copy_from(&self, from: &Held<'_, P>) {
        let words = self.words().iter().zip(from.words());
        words.for_each(|(to, from)| to.store(from.load(Relaxed), Relaxed));
    }

    /// The reference that keeps the frame, if there is one: to keep it longer.
    pub(crate) fn into_frame(mut self) -> Option<Frame> {
        self.frame.take()
    }

    #[inline]
    #[expect(unsafe_code, reason = "a frame is reached by its address")]
    fn words(&self) -> &[AtomicU64; WORDS] {
        let words = self.platform.reach(self.at).cast::<[AtomicU64; WORDS]>();
        // SAFETY:
        // - `at` is where a frame of the platform begins, which is handed out as long as `self` lives (see `new`), so
        //   `reach` answers a pointer to all of it that is aligned to a page;
        // - it is no page table's, and whoever else reads or writes it meanwhile does so as atomic words of this size,
        //   or from a CPU's user mode.
        unsafe { words.as_ref() }
    }
}

impl<P: FrameAllocator> Drop for Held<'_, P> {
    fn drop(&mut self) {
        if let Some(frame) = self.frame.take() {
            // Whoever wrote through this has marked the entry.
            self.platform.release(frame, false);
        }
    }
}

impl<P: FrameAllocator> fmt::Debug for Held<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.at).finish()
    }
}

/// The word with this number, which `parts` has answered: so it is less than the number of words.
#[inline]
fn word(words: &[AtomicU64; WORDS], number: usize) -> &AtomicU64 {
    words.get(number).unwrap_or(&words[0])
}

/// A frame full of zeroes, or `None` when there is none. O(page).
pub(crate) fn alloc_zeroed<P: FrameAllocator>(platform: &P) -> Option<Frame> {
    alloc(platform, |words| words.fill(0))
}

/// A frame that `fill` has filled.
#[expect(unsafe_code, reason = "a frame is reached by its address")]
fn alloc<P: FrameAllocator>(platform: &P, fill: impl FnOnce(&mut [u64; WORDS])) -> Option<Frame> {
    let frame = platform.alloc()?;
    if frame.allocator() != platform.id() {
        // The platform forgets whose its frames are: nobody here reaches this one.
        platform.release(frame, false);
        return None;
    }
    let mut words = platform.reach(frame.addr()).cast::<[u64; WORDS]>();
    // SAFETY:
    // - the frame was handed out just now, with this platform's id, so `reach` answers a pointer to all of it that is
    //   aligned to a page, and nobody else touches its bytes;
    // - any bytes are words.
    fill(unsafe { words.as_mut() });
    Some(frame)
}

/// A part of a word that is read or written.
#[derive(Clone, Copy)]
struct Part {
    /// The word's number in the frame.
    word: usize,
    /// How many of its bytes come before the part.
    skip: usize,
    /// How many bytes of the whole come before it.
    done: usize,
    len: usize,
}

/// `len` bytes from `offset` on, word by word, up to the end of a frame.
#[inline]
fn parts(offset: usize, len: usize) -> impl Iterator<Item = Part> {
    let offset = offset.min(FRAME_SIZE);
    let len = len.min(FRAME_SIZE - offset);
    let mut done = 0;
    core::iter::from_fn(move || {
        let at = offset + done;
        let part = Part {
            word: at / WORD,
            skip: at % WORD,
            done,
            len: (WORD - at % WORD).min(len - done),
        };
        done += part.len;
        (part.len > 0).then_some(part)
    })
}
