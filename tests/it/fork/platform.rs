//! A platform that counts and fails, and spaces on it.

use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

use kernel_vm::backend::Paging;
use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::radix::Radix;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{
    Access, AllocatorId, Answer, Counted, Done, Flush, Frame, FrameAllocator, Permissions,
    PhysAddr, Privilege, ShareError, Tlb, VirtAddr, VirtualMemoryManager,
};

use crate::radix::shape::Shape;
use crate::subject::PAGE;

pub const R: Permissions = Permissions::READ.union(Permissions::USER);
pub const RW: Permissions = R.union(Permissions::WRITE);

/// How many frames there are.
const FRAMES: usize = 256;

/// Counts flushes, and lets the n-th allocation or share fail.
#[derive(Clone)]
pub struct Platform {
    pub frames: HostFrames,
    counted: Rc<Counted<HostFrames>>,
    first: PhysAddr,
    pub flushes: Rc<Cell<usize>>,
    /// The number of the call that fails; 0 for none.
    pub failing: Rc<Cell<usize>>,
}

impl Platform {
    pub fn new() -> Self {
        let frames = HostFrames::new(FRAMES);
        let first = frames.alloc().unwrap();
        let base = first.addr();
        frames.release(first, false);
        let counts = Box::leak((0..FRAMES).map(|_| AtomicU64::new(0)).collect());
        Self {
            counted: Rc::new(Counted::new(frames.clone(), base, counts)),
            frames,
            first: base,
            flushes: Rc::default(),
            failing: Rc::default(),
        }
    }

    /// How many references a frame has.
    pub fn references(&self, frame: PhysAddr) -> u32 {
        self.counted.references(frame).unwrap()
    }

    /// References of each frame, and whether one came back as dirty.
    pub fn counts(&self) -> Vec<(u32, bool)> {
        let frames = (0..FRAMES as u64).map(|n| PhysAddr::new(self.first.get() + (n << 12)));
        let count = |frame| {
            (
                self.references(frame),
                self.counted.is_dirty(frame).unwrap(),
            )
        };
        frames.map(count).collect()
    }

    fn fails(&self) -> bool {
        let left = self.failing.get();
        self.failing.set(left.saturating_sub(1));
        left == 1
    }
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: `Counted` keeps the promises, and every call goes to it.
unsafe impl FrameAllocator for Platform {
    fn id(&self) -> AllocatorId {
        self.counted.id()
    }

    fn alloc(&self) -> Option<Frame> {
        (!self.fails()).then(|| self.counted.alloc())?
    }

    fn release(&self, frame: Frame, dirty: bool) {
        self.counted.release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.counted.reach(at)
    }

    fn counts(&self, at: PhysAddr) -> bool {
        self.counted.counts(at)
    }

    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        if self.fails() {
            return Err(ShareError::TooMany);
        }
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { self.counted.share(at) }
    }

    fn is_unique(&self, at: PhysAddr) -> bool {
        self.counted.is_unique(at)
    }
}

impl Tlb for Platform {
    fn flush(&self, _: &Flush<'_>) {
        self.flushes.set(self.flushes.get() + 1);
    }
}

pub type Space<B = Sv39<Platform>> = VirtualMemoryManager<B>;

/// A page table over the platform.
pub trait Forks: Paging<Platform = Platform> {
    /// How many frames its root takes.
    const ROOT: usize;

    /// How many frames a child's tables take, with so many of pages in the lowest gigabyte.
    fn tables(of_pages: usize) -> usize;

    fn over(platform: &Platform) -> Self;
}

impl<F: Shape> Forks for Radix<F, Platform> {
    const ROOT: usize = 1;

    fn tables(of_pages: usize) -> usize {
        F::DEPTH - 2 + of_pages
    }

    fn over(platform: &Platform) -> Self {
        Self::new(platform.clone()).unwrap()
    }
}

impl Forks for MockBackend<Platform> {
    const ROOT: usize = 0;

    fn tables(_of_pages: usize) -> usize {
        0
    }

    fn over(platform: &Platform) -> Self {
        Self::with_platform(platform.clone())
    }
}

/// Runs tests on each page table that owns frames.
macro_rules! on_each {
    ($($name:ident)*) => {
        mod on_sv39 {
            use super::super::platform::Platform;
            use kernel_vm::backend::sv39::Sv39;
            $( #[test] fn $name() { super::$name::<Sv39<Platform>>(); } )*
        }
        #[cfg(not(kernel_vm_few_formats))]
        mod on_sv57 {
            use super::super::platform::Platform;
            use kernel_vm::backend::sv57::Sv57;
            $( #[test] fn $name() { super::$name::<Sv57<Platform>>(); } )*
        }
        #[cfg(not(kernel_vm_few_formats))]
        mod on_x86_64 {
            use super::super::platform::Platform;
            use kernel_vm::backend::x86_64::X86_64;
            $( #[test] fn $name() { super::$name::<X86_64<Platform>>(); } )*
        }
        #[cfg(not(kernel_vm_few_formats))]
        mod on_aarch64 {
            use super::super::platform::Platform;
            use kernel_vm::backend::aarch64::Aarch64;
            $( #[test] fn $name() { super::$name::<Aarch64<Platform>>(); } )*
        }
        mod on_aarch64_va39 {
            use super::super::platform::Platform;
            use kernel_vm::backend::aarch64::Aarch64Va39;
            $( #[test] fn $name() { super::$name::<Aarch64Va39<Platform>>(); } )*
        }
        mod on_mock {
            use super::super::platform::Platform;
            use kernel_vm::backend::mock::MockBackend;
            $( #[test] fn $name() { super::$name::<MockBackend<Platform>>(); } )*
        }
    };
}

pub(crate) use on_each;

pub fn space(platform: &Platform) -> Space {
    space_on(platform)
}

pub fn space_on<B: Forks>(platform: &Platform) -> Space<B> {
    Space::new(B::over(platform))
}

pub fn at(page: usize) -> VirtAddr {
    VirtAddr::new(page * PAGE)
}

pub fn word<B: Paging>(space: &Space<B>, page: usize) -> u64 {
    let mut bytes = [0; 8];
    space.read(at(page), &mut bytes, Privilege::User).unwrap();
    u64::from_ne_bytes(bytes)
}

/// Faults as often as it takes; the last answer.
pub fn write<B: Paging>(space: &Space<B>, page: usize, word: u64) -> Option<Done> {
    let mut done = None;
    while space
        .write(at(page), &word.to_ne_bytes(), Privilege::User)
        .is_err()
    {
        let answer = space.handle_fault(at(page), Access::Write, Privilege::User);
        let Ok(Answer::Resolved { done: now, .. }) = answer else {
            panic!("{answer:?}");
        };
        done = Some(now);
    }
    done
}
