//! Anonymous memory that several spaces share.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::sync::Arc;
use core::fmt;

use spin::Mutex;

use crate::bytes::alloc_zeroed;
use crate::fault::FaultError;
use crate::frame::{FRAME_SIZE, Frame, FrameAllocator, ShareError};

/// Pages of zeroes that come when they are first touched, by whoever shares them: what stands behind a *provided*,
/// shared map that shows no file.
///
/// The map's payload leads here, by an `Arc` for example. A fault that [needs a frame](crate::Answer::NeedsFrame) is
/// answered with [`page`](Self::page), and so two spaces see one page, also where it was first touched after a fork.
///
/// The allocator must count references, as [`Counted`](crate::Counted) does. Dropping this gives its references back;
/// frames that are still mapped go when they are unmapped.
///
/// ```
/// use kernel_vm::backend::mock::HostFrames;
/// use kernel_vm::{FrameAllocator, SharedPages};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let frames = HostFrames::new(4);
/// let pages = SharedPages::new(frames.clone());
/// let (one, other) = (pages.page(0x1000)?, pages.page(0x1fff)?);
/// assert_eq!((one.addr(), frames.references(one.addr())), (other.addr(), 3));
/// frames.release(one, false);
/// frames.release(other, false);
/// drop(pages);
/// assert_eq!(frames.frames_in_use(), 0);
/// # Ok(())
/// # }
/// ```
pub struct SharedPages<P: FrameAllocator> {
    platform: P,
    /// By their number. None goes before this value does, so the platform need not be asked under the lock.
    pages: Mutex<BTreeMap<u64, Arc<Frame>>>,
}

impl<P: FrameAllocator> SharedPages<P> {
    /// No page yet. O(1), allocates nothing.
    ///
    /// ```
    /// use kernel_vm::SharedPages;
    /// use kernel_vm::backend::mock::HostFrames;
    ///
    /// let frames = HostFrames::new(4);
    /// let pages = SharedPages::new(frames.clone());
    /// assert!(pages.is_empty() && frames.frames_in_use() == 0);
    /// ```
    pub const fn new(platform: P) -> Self {
        Self {
            platform,
            pages: Mutex::new(BTreeMap::new()),
        }
    }

    /// One more reference to the page that holds the byte at `offset`: of zeroes when it is first asked for. Many CPUs
    /// may ask at once. O(log pages), and O(page) for a new one. An offset inside a page means that page. A new page
    /// takes memory from the heap, under a spin lock: the heap must not be such a map. Aborts when the heap is full.
    ///
    /// # Errors
    /// No page has come: [`FaultError::OutOfFrames`]; [`FaultError::Share`], where the allocator does not count, or the
    /// page has as many references as can be counted.
    pub fn page(&self, offset: u64) -> Result<Frame, FaultError> {
        let number = offset / FRAME_SIZE as u64;
        let found = self.pages.lock().get(&number).cloned();
        let page = match found {
            Some(page) => page,
            None => self.fill(number)?,
        };
        self.platform.share_frame(&page).map_err(FaultError::Share)
    }

    /// A page that was not there, unless another CPU is quicker.
    fn fill(&self, number: u64) -> Result<Arc<Frame>, FaultError> {
        let new = alloc_zeroed(&self.platform).ok_or(FaultError::OutOfFrames { needed: 1 })?;
        if !self.platform.counts(new.addr()) {
            self.platform.release(new, false);
            return Err(FaultError::Share(ShareError::Uncounted));
        }
        let new = Arc::new(new);
        let first = match self.pages.lock().entry(number) {
            Entry::Vacant(place) => return Ok(place.insert(new).clone()),
            Entry::Occupied(first) => first.get().clone(),
        };
        if let Some(unwanted) = Arc::into_inner(new) {
            self.platform.release(unwanted, false);
        }
        Ok(first)
    }

    /// How many pages there are. O(1).
    #[must_use]
    pub fn len(&self) -> usize {
        self.pages.lock().len()
    }

    /// Whether there is no page yet. O(1).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<P: FrameAllocator> Drop for SharedPages<P> {
    fn drop(&mut self) {
        let pages = core::mem::take(self.pages.get_mut());
        // Whoever was in `page` has left it, so each is the only one.
        for frame in pages.into_values().filter_map(Arc::into_inner) {
            // Whoever wrote it through a mapping has said so with its own reference.
            self.platform.release(frame, false);
        }
    }
}

impl<P: FrameAllocator> fmt::Debug for SharedPages<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedPages")
            .field("pages", &self.len())
            .finish_non_exhaustive()
    }
}
