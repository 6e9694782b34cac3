//! Two allocators whose memories begin at the same address, and what was set aside for a page table that has gone.

use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::Rc;

use kernel_vm::backend::Paging;
use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::radix::{AccessedDirty, Format, Radix, Reserved};
use kernel_vm::backend::sv39::Sv39Format;
use kernel_vm::backend::{Edit, Entry, PageTableBackend};
use kernel_vm::{
    AllocatorId, FRAME_SIZE, Flush, Frame, FrameAllocator, MapError, PhysAddr, Platform, Tlb,
    VirtAddr,
};

use super::shape::{ASID, GIB, RW, Shape, allowing, install, policy, run};
use crate::subject::{PAGE, area};

on_every_format! {
    frames_set_aside_in_another_memory_are_left_alone
    frames_of_another_memory_come_back
    frames_set_aside_before_the_root_frame_changed_hands_are_its_allocators_own
    frames_set_aside_in_memory_that_has_gone_are_left_alone
}

/// Where a guest's memory begins, whoever's it is.
const BASE: u64 = 0x8000_0000;

/// The memory of a guest: a handle.
#[derive(Clone)]
struct Guest(Rc<Memory>);

struct Memory {
    frames: Vec<Page>,
    free: Cell<u64>,
}

#[repr(align(4096))]
struct Page(Cell<[u64; FRAME_SIZE / 8]>);

impl Guest {
    fn new() -> Self {
        let page = || Page(Cell::new([0xdbdb_dbdb_dbdb_dbdb; 512]));
        Self(Rc::new(Memory {
            frames: (0..32).map(|_| page()).collect(),
            free: Cell::new(u32::MAX.into()),
        }))
    }

    fn in_use(&self) -> u32 {
        32 - self.0.free.get().count_ones()
    }
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: each frame is a `Page` of memory that is this guest's own, and its bit says who has it. A guest that goes
// while frames are in use leaks them.
unsafe impl FrameAllocator for Guest {
    fn id(&self) -> AllocatorId {
        AllocatorId::of(&self.0.frames[0])
    }

    fn alloc(&self) -> Option<Frame> {
        let free = self.0.free.get();
        self.0.free.set(free & free.wrapping_sub(1));
        let at = PhysAddr::new(BASE + u64::from(free.trailing_zeros()) * 4096);
        // SAFETY: its bit was set until just now.
        (free != 0).then(|| unsafe { Frame::of(self.id(), at) })
    }

    fn release(&self, frame: Frame, _dirty: bool) {
        assert_eq!(frame.allocator(), self.id(), "another guest's");
        let bit = 1 << ((frame.addr().get() - BASE) / 4096);
        assert_eq!(self.0.free.get() & bit, 0, "freed twice");
        self.0.free.set(self.0.free.get() | bit);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        let offset = usize::try_from(at.get() - BASE).unwrap();
        let page = &self.0.frames[offset / FRAME_SIZE];
        let start = NonNull::new(page.0.as_ptr().cast::<u8>()).unwrap();
        // SAFETY: that is less than the size of the page.
        unsafe { start.add(offset % FRAME_SIZE) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if self.free.get() != u32::MAX.into() {
            std::mem::forget(std::mem::take(&mut self.frames));
        }
    }
}

impl Tlb for Guest {
    fn flush(&self, _flush: &Flush<'_>) {}
}

fn table<F: Format, P: Platform>(platform: P) -> Radix<F, P> {
    Radix::with_features(platform, policy(AccessedDirty::Preset)).unwrap()
}

fn reserve<F: Format, P: Platform>(table: &Radix<F, P>, page: usize) -> Reserved {
    let edit = Edit::Map(run(page, 0x1000, PAGE, RW));
    table.reserve([edit].into_iter()).unwrap()
}

fn frames_set_aside_in_another_memory_are_left_alone<F: Shape>() {
    let guests = [(); 2].map(|()| Guest::new());
    let [one, two] = guests.clone().map(table::<F, _>);
    assert_eq!(one.root(), two.root(), "both memories begin at one address");
    let mut reserved = reserve(&one, GIB);
    two.map(run(GIB, 0x1000, PAGE, RW), &mut reserved);
    assert_eq!(two.entry(VirtAddr::new(GIB)), Entry::Empty);
    two.check_invariants().unwrap();
    one.map(run(GIB, 0x1000, PAGE, RW), &mut reserved);
    assert_eq!(
        one.translate(VirtAddr::new(GIB)),
        Some(PhysAddr::new(0x1000))
    );
    one.unreserve(reserved);
    drop((one, two));
    assert_eq!(guests.map(|guest| guest.in_use()), [0, 0]);
}

fn frames_of_another_memory_come_back<F: Shape>() {
    let [one, two] = [(); 2].map(|()| Guest::new());
    let table = table::<F, _>(one.clone());
    install(&table, PAGE, RW);
    let before = table.entry(VirtAddr::new(PAGE));
    let Entry::Leaf(old) = before else {
        panic!("{before:?}")
    };
    let frame = two.alloc().unwrap();
    let foreign = MapError::ForeignFrame { addr: frame.addr() };
    let mut reserved = reserve(&table, GIB);
    let lost = table.install(VirtAddr::new(GIB), frame, allowing(RW), &mut reserved);
    table.unreserve(reserved);
    let lost = lost.unwrap_err();
    assert_eq!((lost.error(), lost.found()), (Some(foreign), None));
    let lost = table.exchange(old, lost.into_frame(), allowing(RW), ASID);
    let lost = lost.unwrap_err();
    assert_eq!((lost.error(), lost.found()), (Some(foreign), None));
    two.release(lost.into_frame(), false);
    assert_eq!(table.entry(VirtAddr::new(PAGE)), before);
    assert_eq!(table.entry(VirtAddr::new(GIB)), Entry::Empty);
    drop(table);
    assert_eq!((one.in_use(), two.in_use()), (0, 0));
}

fn frames_set_aside_before_the_root_frame_changed_hands_are_its_allocators_own<F: Shape>() {
    let frames = HostFrames::new(64);
    let first = table::<F, _>(frames.clone());
    let root = first.root();
    let mut reserved = reserve(&first, GIB);
    drop(first);
    let mut second = table::<F, _>(frames.clone());
    assert_eq!(second.root(), root);
    second.map(run(GIB, 0x1000, PAGE, RW), &mut reserved);
    second.unreserve(reserved);
    second.check_invariants().unwrap();
    second.edit(Edit::Unmap(area(0, 2 * GIB)), ASID).unwrap();
    assert_eq!(frames.frames_in_use(), 1);
    drop(second);
    assert_eq!(frames.frames_in_use(), 0, "each was given back once");
}

fn frames_set_aside_in_memory_that_has_gone_are_left_alone<F: Shape>() {
    let mut reserved = reserve(&table::<F, _>(Guest::new()), GIB);
    let guest = Guest::new();
    let table = table::<F, _>(guest.clone());
    table.map(run(GIB, 0x1000, PAGE, RW), &mut reserved);
    assert_eq!(table.entry(VirtAddr::new(GIB)), Entry::Empty);
    table.unreserve(reserved);
    assert_eq!(guest.in_use(), 1);
}

/// A platform that hands frames on, and does not say whose.
struct Forgetful(HostFrames);

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: every call goes to `HostFrames`, which keeps the promises. The id is not theirs, so no page table takes them.
unsafe impl FrameAllocator for Forgetful {
    fn alloc(&self) -> Option<Frame> {
        self.0.alloc()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        self.0.release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.0.reach(at)
    }
}

impl Tlb for Forgetful {
    fn flush(&self, _flush: &Flush<'_>) {}
}

#[test]
fn a_platform_that_forgets_whose_its_frames_are_is_told_so() {
    let frames = HostFrames::new(4);
    let error = Radix::<Sv39Format, _>::new(Forgetful(frames.clone())).unwrap_err();
    assert!(matches!(error, MapError::ForeignFrame { .. }), "{error}");
    assert_eq!(frames.frames_in_use(), 0);
}
