//! One flush a verb, told to the platform in full, before any frame goes back.

use std::cell::RefCell;
use std::ptr::NonNull;
use std::rc::Rc;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{
    AllocatorId, Asid, Flush, Frame, FrameAllocator, MemoryArea, Payload, Permissions, PhysAddr,
    ShareError, Tlb, VirtAddr, VirtualMemoryManager, VirtualMemoryMap,
};

use crate::subject::{PAGE, area, map};

const RW: Permissions = Permissions::READ.union(Permissions::WRITE);
const RX: Permissions = Permissions::READ.union(Permissions::EXECUTE);

#[derive(Debug, PartialEq, Eq, Clone)]
enum Event {
    Flush {
        asid: Option<Asid>,
        ranges: Option<Vec<MemoryArea>>,
        tables: bool,
    },
    Release,
    Drop,
    /// And whether tables are new.
    Valid(MemoryArea, bool),
    Code(MemoryArea<PhysAddr>),
}

/// A platform that writes down what it is told.
#[derive(Clone)]
struct Diary {
    frames: HostFrames,
    events: Rc<RefCell<Vec<Event>>>,
}

impl Diary {
    fn note(&self, event: Event) {
        self.events.borrow_mut().push(event);
    }
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: `HostFrames` keeps the promises, and every call goes to it.
unsafe impl FrameAllocator for Diary {
    fn id(&self) -> AllocatorId {
        self.frames.id()
    }

    fn alloc(&self) -> Option<Frame> {
        self.frames.alloc()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        self.note(Event::Release);
        self.frames.release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.frames.reach(at)
    }

    fn counts(&self, at: PhysAddr) -> bool {
        self.frames.counts(at)
    }

    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { self.frames.share(at) }
    }

    fn is_unique(&self, at: PhysAddr) -> bool {
        self.frames.is_unique(at)
    }
}

impl Tlb for Diary {
    fn flush(&self, flush: &Flush<'_>) {
        self.note(Event::Flush {
            asid: flush.asid(),
            ranges: flush.ranges().map(<[MemoryArea]>::to_vec),
            tables: flush.tables(),
        });
    }

    fn made_valid(&self, made: &Flush<'_>) {
        let areas = made.ranges().into_iter().flatten();
        areas.for_each(|&area| self.note(Event::Valid(area, made.tables())));
    }

    fn made_code(&self, area: MemoryArea<PhysAddr>) {
        self.note(Event::Code(area));
    }
}

/// Says when it is dropped.
struct Witness(Diary);

impl Payload for Witness {
    fn split_at(&mut self, _offset: usize) -> Self {
        Self(self.0.clone())
    }

    fn can_join(&self, _len: usize, _right: &Self) -> bool {
        false
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.note(Event::Drop);
    }
}

type Space = VirtualMemoryManager<Sv39<Diary>, Witness>;

fn witnessed(diary: &Diary, map: VirtualMemoryMap) -> VirtualMemoryMap<Witness> {
    map.with_payload(Witness(diary.clone()))
}

/// A space with 16 populated pages at 0x10000, and its diary, empty.
fn space() -> (Space, Diary) {
    let diary = Diary {
        frames: HostFrames::new(64),
        events: Rc::default(),
    };
    let mut space = Space::for_payload(Sv39::new(diary.clone()).unwrap());
    space.set_asid(Asid::new(7));
    space
        .add_memory_map(witnessed(&diary, map(0x1_0000, 0x8000_1000, 16 * PAGE, RW)))
        .unwrap();
    space.populate(area(0x1_0000, 16 * PAGE)).unwrap();
    diary.events.borrow_mut().clear();
    (space, diary)
}

fn flush(ranges: &[MemoryArea], tables: bool) -> Event {
    Event::Flush {
        asid: Some(Asid::new(7)),
        ranges: Some(ranges.to_vec()),
        tables,
    }
}

#[test]
fn unmapping_pages_flushes_just_those_and_then_drops() {
    let (mut space, diary) = space();
    space.unmap(area(0x1_2000, 0x3000)).unwrap();
    assert_eq!(
        diary.events.take(),
        [flush(&[area(0x1_2000, 0x3000)], false), Event::Drop]
    );
}

#[test]
fn tables_and_payloads_go_back_only_after_the_flush() {
    let (mut space, diary) = space();
    space.unmap(area(0, 0x10_0000)).unwrap();
    let tables = [Event::Release, Event::Release];
    let expected = [
        &[flush(&[area(0, 0x10_0000)], true)],
        &tables[..],
        &[Event::Drop],
    ]
    .concat();
    assert_eq!(diary.events.take(), expected);
}

#[test]
fn removing_all_flushes_once_and_before_anything_goes_back() {
    let (mut space, diary) = space();
    drop(space.remove_all_memory_maps());
    let events = diary.events.take();
    assert!(
        matches!(
            events[0],
            Event::Flush {
                tables: true,
                asid: Some(_),
                ..
            }
        ),
        "{events:?}"
    );
    assert_eq!(events[1..], [Event::Release, Event::Release, Event::Drop]);
}

#[test]
fn protecting_flushes_upgrades_as_well_as_downgrades() {
    let (mut space, diary) = space();
    space
        .protect(area(0x1_0000, 0x1000), Permissions::READ)
        .unwrap();
    space.protect(area(0x1_0000, 0x1000), RW).unwrap();
    let one = flush(&[area(0x1_0000, 0x1000)], false);
    assert_eq!(diary.events.take(), [one.clone(), one]);
}

#[test]
fn remapping_flushes_the_old_and_the_new_place_at_once() {
    let (mut space, diary) = space();
    space
        .add_memory_map(witnessed(&diary, map(0x10_0000, 0x9000_0000, 0x1000, RW)))
        .unwrap();
    space.populate(area(0x10_0000, 0x1000)).unwrap();
    diary.events.borrow_mut().clear();
    space
        .remap(area(0x1_0000, 0x2000), area(0x10_0000, 0x2000))
        .unwrap();
    let flushes: Vec<_> = diary
        .events
        .take()
        .into_iter()
        .filter(|event| matches!(event, Event::Flush { .. }))
        .collect();
    assert_eq!(
        flushes,
        [flush(
            &[area(0x10_0000, 0x1000), area(0x1_0000, 0x2000)],
            false
        )]
    );
}

#[test]
fn what_was_never_valid_is_not_flushed() {
    let (mut space, diary) = space();
    space
        .protect(area(0x1_0000, 0x1000), Permissions::empty())
        .unwrap();
    diary.events.borrow_mut().clear();
    space.protect(area(0x1_0000, 0x1000), RW).unwrap();
    assert_eq!(
        diary.events.take(),
        [Event::Valid(area(0x1_0000, 0x1000), false)],
        "hidden, so no TLB had it"
    );
    space
        .add_memory_map(witnessed(&diary, map(0x10_0000, 0x9000_0000, 0x1000, RW)))
        .unwrap();
    space.unmap(area(0x10_0000, 0x1000)).unwrap();
    assert_eq!(diary.events.take(), [Event::Drop], "never populated");
}

#[test]
fn code_is_announced_before_it_can_run() {
    let (mut space, diary) = space();
    let frames = |first, size| MemoryArea::from_start_size(PhysAddr::new(first), size).unwrap();
    space
        .add_memory_map(witnessed(&diary, map(0x10_0000, 0x9000_0000, 0x2000, RX)))
        .unwrap();
    space.populate(area(0x10_0000, 0x2000)).unwrap();
    let announced = [
        Event::Code(frames(0x9000_0000, 0x2000)),
        Event::Valid(area(0x10_0000, 0x2000), false),
    ];
    assert_eq!(diary.events.take(), announced);
    space.protect(area(0x1_0000, 0x1000), RX).unwrap();
    assert_eq!(
        diary.events.take()[0],
        Event::Code(frames(0x8000_1000, 0x1000))
    );
}

#[test]
fn dropping_the_space_flushes_before_the_frames_go_back() {
    let (space, diary) = space();
    drop(space);
    let events = diary.events.take();
    assert!(matches!(events[0], Event::Flush { .. }), "{events:?}");
    assert_eq!(
        (
            events
                .iter()
                .filter(|event| **event == Event::Release)
                .count(),
            diary.frames.frames_in_use()
        ),
        (3, 0)
    );
}

/// Both limits are met exactly, and each end of each range is asked about.
#[test]
fn a_flush_is_page_by_page_where_ranges_are_few_and_reached() {
    let ranges = [area(0x1000, 0x2000), area(0x8000, 0x1000)];
    let flush = Flush::leaves(PhysAddr::new(0x8020_0000), &ranges);
    assert_eq!(flush.page_by_page(0x3000, |_| true), Some(&ranges[..]));
    assert_eq!(flush.page_by_page(0x2fff, |_| true), None);
    assert_eq!(flush.with_tables().page_by_page(0x3000, |_| true), None);
    let everything = Flush::everything(flush.root());
    assert_eq!(everything.page_by_page(usize::MAX, |_| true), None);
    for unreached in [0x1000, 0x2fff, 0x8000, 0x8fff] {
        let reaches = |addr: VirtAddr| addr.get() != unreached;
        assert_eq!(flush.page_by_page(0x3000, reaches), None);
    }
}
