//! Safe code that is out for trouble: each of these was trouble once.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::rc::Rc;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::radix::{AccessedDirty, Features};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Paging, Run};
use kernel_vm::{
    Access, AllocatorId, Asid, Attributes, Done, FaultError, Flush, Frame, FrameAllocator,
    MapError, MemoryArea, Permissions, PhysAddr, Privilege, Retired, ShareError, SharedPages, Tlb,
    VirtAddr, VirtualMemoryManager,
};

use super::basics::{
    R, RW, allowed, anonymous, at, fault, frame_of, leaf, provided, space, ticket,
};
use super::kernel::{Object, Setting};
use super::process::{Process, addr};
use super::uncounted::Uncounted;
use crate::subject::{PAGE, map, pages};

const ASID: Asid = Asid::new(0);

#[test]
fn a_leaf_is_permitted_more_and_never_less() {
    let frames = HostFrames::new(16);
    let mut space = space(&frames);
    space.add_memory_map(anonymous(1, 1, RW)).unwrap();
    fault(&space, 1, Access::Write).unwrap();
    let run = leaf(&space, 1);
    for fewer in [Permissions::empty(), R, RW - Permissions::USER] {
        assert_eq!(space.backend().permit(run, fewer), Err(Entry::Leaf(run)));
    }
    assert_eq!(allowed(&space, 1), RW);
}

/// Called once, when the platform hears of code.
type Hook = Box<dyn FnOnce()>;

/// A platform that counts nothing, and calls back when it hears of code.
#[derive(Clone)]
struct Callback {
    frames: Uncounted,
    hook: Rc<RefCell<Option<Hook>>>,
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: every call goes on to the frames.
unsafe impl FrameAllocator for Callback {
    fn id(&self) -> AllocatorId {
        self.frames.id()
    }

    fn alloc(&self) -> Option<Frame> {
        self.frames.alloc()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        self.frames.release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.frames.reach(at)
    }
}

impl Tlb for Callback {
    fn flush(&self, flush: &Flush<'_>) {
        self.frames.flush(flush);
    }

    fn cpu(&self) -> usize {
        self.frames.cpu()
    }

    fn made_code(&self, _area: MemoryArea<PhysAddr>) {
        if let Some(hook) = self.hook.take() {
            hook();
        }
    }
}

#[test]
fn a_page_of_physical_memory_is_exchanged_though_nothing_is_counted() {
    let frames = Uncounted(HostFrames::new(16));
    let mut table = Sv39::new(frames.clone()).unwrap();
    let old = Run {
        area: pages(1, 1),
        first: PhysAddr::new(1 << 20),
        attributes: Attributes::from(RW),
    };
    table.edit(Edit::Map(old), ASID).unwrap();
    let frame = frames.alloc().unwrap();
    let new = Run {
        first: frame.addr(),
        ..old
    };
    let replaced = table.exchange(old, frame, old.attributes, ASID);
    assert_eq!(replaced, Ok(None));
    assert_eq!(table.entry(old.area.start()), Entry::Leaf(new));
}

/// The page is empty when the exchange begins, and another CPU reads its frame without a reference when it goes on.
#[test]
fn an_uncounted_frame_that_comes_late_is_not_exchanged() {
    let platform = Callback {
        frames: Uncounted(HostFrames::new(16)),
        hook: Rc::default(),
    };
    let table = Rc::new(Sv39::new(platform.clone()).unwrap());
    let rw = Attributes::from(RW);
    let [first, second, beside] = [0; 3].map(|_| platform.alloc().unwrap());
    let old = Run {
        area: pages(1, 1),
        first: first.addr(),
        attributes: rw,
    };
    let mut reserved = table.reserve([Edit::Map(old)].into_iter()).unwrap();
    table
        .install(VirtAddr::new(2 * PAGE), beside, rw, &mut reserved)
        .unwrap();
    table.unreserve(reserved);
    let other = table.clone();
    *platform.hook.borrow_mut() = Some(Box::new(move || {
        let mut none = Default::default();
        other
            .install(old.area.start(), first, rw, &mut none)
            .unwrap();
    }));
    let code = Attributes::from(R | Permissions::EXECUTE);
    let lost = table.exchange(old, second, code, ASID).unwrap_err();
    assert_eq!(lost.error(), Some(MapError::Uncounted { addr: old.first }));
    platform.release(lost.into_frame(), false);
    table.hold(old).unwrap().read(0, &mut [0; 8]);
}

#[test]
fn a_hidden_page_is_flushed_before_its_frame_goes_if_a_flush_is_due() {
    let frames = HostFrames::new(16);
    let mut table = Sv39::new(frames.clone()).unwrap();
    let frame = frames.alloc().unwrap();
    let run = Run {
        area: pages(1, 1),
        first: frame.addr(),
        attributes: Attributes::from(RW),
    };
    let mut reserved = table.reserve([Edit::Map(run)].into_iter()).unwrap();
    table
        .install(run.area.start(), frame, run.attributes, &mut reserved)
        .unwrap();
    let mut out = Retired::new();
    table.protect(run.area, Permissions::empty(), &mut reserved, &mut out);
    table.unreserve(reserved);
    drop(out); // nobody has flushed
    let Entry::Hidden(hidden) = table.entry(run.area.start()) else {
        panic!("the page is hidden");
    };
    let before = frames.flushes();
    let new = frames.alloc().unwrap();
    let replaced = table
        .exchange(hidden, new, run.attributes, ASID)
        .unwrap()
        .unwrap();
    assert_eq!(frames.flushes() - before, 1);
    frames.release(replaced.frame, replaced.dirty);
}

#[test]
fn no_fault_comes_back_for_ever_when_a_flush_has_panicked() {
    type Verb = fn(&Process);
    let verbs: [(&str, Verb); 5] = [
        ("unmap", |process| process.unmap(pages(1, 4))),
        ("discard", |process| process.discard(pages(1, 4))),
        ("replace", |process| process.map(1, 4, R, None, false)),
        ("remove", |process| {
            let _ = process.space.borrow_mut().remove_memory_map(0);
        }),
        ("remove all", |process| {
            drop(process.space.borrow_mut().remove_all_memory_maps());
        }),
    ];
    for (name, verb) in verbs {
        let policy = AccessedDirty::Preset;
        let process = Process::new(Setting {
            seed: 1,
            frames: 64,
            policy,
            is_lazy: false,
        });
        process.map(1, 4, RW, None, false);
        (1..5).for_each(|page| process.store(0, page, 1));
        process.kernel.0.panics.set(true);
        assert!(
            catch_unwind(AssertUnwindSafe(|| verb(&process))).is_err(),
            "{name}"
        );
        let refused = process
            .space
            .borrow()
            .handle_fault(addr(2), Access::Write, Privilege::User)
            .map(drop);
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, FaultError::Map(MapError::Unfinished { .. })),
            "{name}"
        );
        process.space.borrow_mut().unmap(pages(0, 8)).unwrap();
        process.model.borrow_mut().pages.clear();
        process.check();
        process.end();
    }
}

#[test]
fn a_page_that_was_never_written_is_not_dirty() {
    for policy in [
        AccessedDirty::Preset,
        AccessedDirty::Software,
        AccessedDirty::Hardware,
    ] {
        let process = Process::new(Setting {
            seed: 1,
            frames: 64,
            policy,
            is_lazy: false,
        });
        process.map(4, 2, RW, Some((0, 0)), false);
        process.load(0, 4);
        process.load(0, 5);
        process.store(1, 4, 9); // copies
        process.remap(4, 40, 2);
        process.unmap(pages(41, 1));
        assert_eq!(process.kernel.0.dirty.take(), [], "{policy:?}");
        process.unmap(pages(40, 1));
        assert_eq!(process.kernel.0.dirty.take().len(), 1, "{policy:?}");
        process.end();
    }
}

#[test]
fn an_owned_page_in_a_physical_map_may_lose_write_and_get_it_back() {
    let frames = HostFrames::new(16);
    let mut space = space(&frames);
    let frame = frames.alloc().unwrap();
    let phys = map(PAGE, frame.addr().get(), PAGE, RW).with_payload(Object(0));
    space.add_memory_map(phys).unwrap();
    let run = Run {
        area: pages(1, 1),
        first: frame.addr(),
        attributes: Attributes::from(RW),
    };
    let mut reserved = space
        .backend()
        .reserve([Edit::Map(run)].into_iter())
        .unwrap();
    let start = run.area.start();
    space
        .backend()
        .install(start, frame, run.attributes, &mut reserved)
        .unwrap();
    space.backend().unreserve(reserved);
    space.protect(pages(1, 1), R).unwrap();
    space.protect(pages(1, 1), RW).unwrap();
    space.check_invariants().unwrap();
    assert_eq!(fault(&space, 1, Access::Write), Ok(Done::Mapped));
    assert_eq!(leaf(&space, 1), run);
}

#[test]
fn neighbours_that_find_no_table_do_not_keep_a_page_away() {
    let frames = HostFrames::new(3);
    let mut space = space(&frames);
    let phys = map(0x4000_0000, 0x8000_1000, 1024 * PAGE, RW).with_payload(Object(0));
    space.add_memory_map(phys).unwrap();
    space.set_fault_around(4 << 20);
    assert_eq!(fault(&space, 0x40010, Access::Read), Ok(Done::Mapped));
    assert_eq!(space.resident(pages(0x40000, 1024)).count(), 1);
}

#[test]
fn a_pin_that_fails_marks_nothing() {
    let frames = HostFrames::new(16);
    let features = Features::new().with_accessed_dirty(AccessedDirty::Software);
    let table = Sv39::with_features(Uncounted(frames), features).unwrap();
    let mut space = VirtualMemoryManager::<_, Object>::for_payload(table);
    space.add_memory_map(anonymous(1, 1, RW)).unwrap();
    drop(
        space
            .handle_fault(at(1), Access::Read, Privilege::User)
            .unwrap(),
    );
    let before = space.backend().to_string();
    assert!(space.pin(at(1), Access::Write, Privilege::User).is_err());
    assert_eq!(space.backend().to_string(), before);
}

#[test]
fn shared_pages_that_cannot_be_counted_do_not_come() {
    let frames = HostFrames::new(16);
    let shared = SharedPages::new(Uncounted(frames.clone()));
    let refused = FaultError::Share(ShareError::Uncounted);
    assert_eq!(shared.page(0), Err(refused));
    assert_eq!((shared.len(), frames.frames_in_use()), (0, 0));
}

#[test]
fn bytes_up_to_the_last_address_are_read() {
    let frames = HostFrames::new(16);
    let mut space = space(&frames);
    let last = usize::MAX / PAGE;
    space.add_memory_map(anonymous(last, 1, RW)).unwrap();
    space.prefault(pages(last, 1)).unwrap();
    let from = VirtAddr::new(usize::MAX - 15);
    let mut bytes = [9; 17];
    let stopped = space.read(from, &mut bytes, Privilege::User).unwrap_err();
    assert_eq!(
        (stopped.done, &bytes[..16], bytes[16]),
        (16, &[0; 16][..], 9)
    );
    assert_eq!(
        space.read_until(from, 0, &mut bytes, Privilege::User),
        Ok(Some(0))
    );
    let stopped = space.zero(from, 20, Privilege::User).unwrap_err();
    assert_eq!(stopped.done, 16);
}

/// A frame of the page cache, mapped for reading only.
#[test]
fn a_read_only_page_is_reached_by_no_writing_chunk() {
    let frames = HostFrames::new(16);
    let mut space = space(&frames);
    space.add_memory_map(provided(1, 1, R, false)).unwrap();
    let cache = frame_of(&frames, 5);
    let wanted = ticket(&space, 1, Access::Read);
    space
        .supply(wanted, frames.share_frame(&cache).unwrap())
        .unwrap();
    let mut chunks = space.chunks_mut(pages(1, 1), Privilege::User);
    assert!(chunks.next().unwrap().is_err());
    assert_eq!(space.chunks(pages(1, 1), Privilege::User).count(), 1);
    drop(chunks);
    drop(space);
    frames.release(cache, false);
}
