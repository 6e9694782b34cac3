//! The kernel's platform, which fails on demand.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

use spin::Mutex;

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::flush::{Flush, Tlb};
use crate::frame::{AllocatorId, Frame, FrameAllocator, ShareError};

/// A call that a platform must obey, and that a kernel with a mistake forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Duty {
    /// [`Tlb::flush`].
    Flush,
    /// [`Tlb::made_valid`].
    MadeValid,
    /// [`Tlb::made_code`].
    MadeCode,
    /// [`Tlb::fence`].
    Fence,
}

/// A platform under which the `n`-th allocation fails, or the `n`-th flush is left out, and which counts both.
///
/// All else goes to the platform within. Clones share orders and counts, so that a test keeps one while a page table
/// has the other.
///
/// ```
/// use kernel_vm::backend::{mock::HostFrames, sv39::Sv39};
/// use kernel_vm::testing::{Duty, Faulty};
/// use kernel_vm::{MapError, MemoryArea, Permissions, VirtAddr};
/// use kernel_vm::{VirtualMemoryManager, VirtualMemoryMap};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let platform = Faulty::new(HostFrames::new(16)); // the kernel has its own there
/// let mut space = VirtualMemoryManager::<Sv39<_>>::new(Sv39::new(platform.clone())?);
/// let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x2000)?;
/// space.add_memory_map(VirtualMemoryMap::anonymous(area, Permissions::READ)?)?;
///
/// platform.fail_alloc(1);
/// let stopped = space.prefault(area).unwrap_err();
/// assert_eq!((stopped.done, platform.frames_in_use()), (0, 1)); // its root
/// space.prefault(area)?;
///
/// platform.skip(Duty::Flush, 1);
/// space.unmap(area)?;
/// assert_eq!(platform.calls(Duty::Flush), 1);
/// assert_eq!(platform.inner().flushes(), 0); // nobody has forgotten anything
/// # Ok(())
/// # }
/// ```
pub struct Faulty<P> {
    shared: Arc<Shared<P>>,
}

/// What clones share: the platform, orders and counts.
struct Shared<P> {
    inner: P,
    allocs: Order,
    duties: [Order; 4],
    in_use: AtomicUsize,
    watch: Mutex<Option<Watch>>,
}

/// Whoever hears of each frame that is given back, before the platform has it.
type Watch = Box<dyn Fn(PhysAddr) + Send>;

/// Calls so far, and how many there are to the one that fails; 0 for none.
#[derive(Debug, Default)]
struct Order {
    calls: AtomicUsize,
    left: AtomicUsize,
}

impl Order {
    fn set(&self, n: usize) {
        self.left.store(n, Relaxed);
    }

    /// Counts a call, and answers whether it is the one that fails.
    fn strikes(&self) -> bool {
        self.calls.fetch_add(1, Relaxed);
        let one_less = |left: usize| left.checked_sub(1);
        self.left.fetch_update(Relaxed, Relaxed, one_less) == Ok(1)
    }
}

impl<P> Faulty<P> {
    /// The platform, which does not fail yet. Its frames in use are counted from here on. O(1).
    #[must_use]
    pub fn new(inner: P) -> Self {
        Self {
            shared: Arc::new(Shared {
                inner,
                allocs: Order::default(),
                duties: Default::default(),
                in_use: AtomicUsize::new(0),
                watch: Mutex::new(None),
            }),
        }
    }

    /// The platform within. O(1).
    #[must_use]
    pub fn inner(&self) -> &P {
        &self.shared.inner
    }

    /// Lets the `n`-th allocation from now (1 is the next) answer `None`, once. 0 takes the order back. O(1).
    pub fn fail_alloc(&self, n: usize) {
        self.shared.allocs.set(n);
    }

    /// Lets the `n`-th such call from now (1 is the next) do nothing, once. 0 takes the order back. O(1).
    pub fn skip(&self, duty: Duty, n: usize) {
        self.order(duty).set(n);
    }

    /// The number of such calls so far, those included that were left out. O(1).
    #[must_use]
    pub fn calls(&self, duty: Duty) -> usize {
        self.order(duty).calls.load(Relaxed)
    }

    /// The number of references to frames that were handed out here, and have not come back. O(1).
    #[must_use]
    pub fn frames_in_use(&self) -> usize {
        self.shared.in_use.load(Relaxed)
    }

    /// Lets `watch` hear of each frame that is given back, before the platform has it.
    pub(super) fn watch_releases(&self, watch: impl Fn(PhysAddr) + Send + 'static) {
        *self.shared.watch.lock() = Some(Box::new(watch));
    }

    fn order(&self, duty: Duty) -> &Order {
        let [flush, made_valid, made_code, fence] = &self.shared.duties;
        match duty {
            Duty::Flush => flush,
            Duty::MadeValid => made_valid,
            Duty::MadeCode => made_code,
            Duty::Fence => fence,
        }
    }

    /// Does the duty, unless this is the time to forget it.
    fn obey(&self, duty: Duty, call: impl FnOnce(&P)) {
        if !self.order(duty).strikes() {
            call(&self.shared.inner);
        }
    }

    fn took<E>(&self, frame: Result<Frame, E>) -> Result<Frame, E> {
        self.shared
            .in_use
            .fetch_add(usize::from(frame.is_ok()), Relaxed);
        frame
    }
}

#[expect(unsafe_code, reason = "the promises of the trait")]
// SAFETY: the platform within keeps the promises, and every call goes to it. An allocation that fails hands out
// nothing.
unsafe impl<P: FrameAllocator> FrameAllocator for Faulty<P> {
    fn id(&self) -> AllocatorId {
        self.shared.inner.id()
    }

    fn alloc(&self) -> Option<Frame> {
        if self.shared.allocs.strikes() {
            return None;
        }
        self.took(self.shared.inner.alloc().ok_or(())).ok()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        if let Some(watch) = &*self.shared.watch.lock() {
            watch(frame.addr());
        }
        // A frame that was taken before is none of those that are counted.
        let one_less = |in_use: usize| in_use.checked_sub(1);
        let _ = self.shared.in_use.fetch_update(Relaxed, Relaxed, one_less);
        self.shared.inner.release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.shared.inner.reach(at)
    }

    fn counts(&self, at: PhysAddr) -> bool {
        self.shared.inner.counts(at)
    }

    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        // SAFETY: the caller's promise is the one that is asked for.
        self.took(unsafe { self.shared.inner.share(at) })
    }

    fn is_unique(&self, at: PhysAddr) -> bool {
        self.shared.inner.is_unique(at)
    }
}

impl<P: Tlb> Tlb for Faulty<P> {
    fn flush(&self, flush: &Flush<'_>) {
        self.obey(Duty::Flush, |inner| inner.flush(flush));
    }

    #[inline]
    fn cpu(&self) -> usize {
        self.shared.inner.cpu()
    }

    fn made_valid(&self, made: &Flush<'_>) {
        self.obey(Duty::MadeValid, |inner| inner.made_valid(made));
    }

    fn fence(&self, stale: &Flush<'_>) {
        self.obey(Duty::Fence, |inner| inner.fence(stale));
    }

    fn made_code(&self, area: MemoryArea<PhysAddr>) {
        self.obey(Duty::MadeCode, |inner| inner.made_code(area));
    }
}

impl<P> Clone for Faulty<P> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<P: fmt::Debug> fmt::Debug for Faulty<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty")
            .field("inner", &self.shared.inner)
            .field("frames_in_use", &self.frames_in_use())
            .finish_non_exhaustive()
    }
}
