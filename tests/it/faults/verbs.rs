//! The small verbs beside faults.

use std::sync::Arc;
use std::thread;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{
    Access, Answer, FaultError, FrameAllocator, MapError, Payload, Permissions, Privilege,
    ShareError, SharedPages, Stop, VirtualMemoryManager, VirtualMemoryMap,
};

use super::basics::{
    Pager, R, RW, RX, anonymous, at, on_each, provided, read, space, space_on, write,
};
use super::kernel::Object;
use super::uncounted::Uncounted;
use crate::subject::{PAGE, map, pages};

on_each! {
    a_map_is_taken_out_by_an_address_in_it
    pages_are_faulted_in_as_their_maps_allow
    anonymous_memory_grows_in_place_and_by_moving
    memory_does_not_grow_over_others_nor_beyond_what_it_is
    pages_of_a_kernel_are_its_own
}

#[test]
fn a_map_is_recorded_with_its_entries_or_not_at_all() {
    let frames = HostFrames::new(3);
    let mut space = space(&frames);
    let one = map(4 * PAGE, 0x8020_0000, 2 * PAGE, RW).with_payload(Object(0));
    space.map(one).unwrap();
    assert_eq!(space.resident(pages(0, 9)).count(), 2);
    let far = map(1 << 30, 0x8020_0000, PAGE, RW).with_payload(Object(9));
    let refused = space.map(far).unwrap_err();
    assert_eq!(refused.error(), MapError::OutOfFrames { needed: 2 });
    assert_eq!(*refused.into_map().payload(), Object(9));
    assert_eq!(
        (space.memory_maps().count(), frames.frames_in_use()),
        (1, 3)
    );
    let over = map(5 * PAGE, 0x8030_0000, PAGE, RW).with_payload(Object(0));
    let refused = space.map(over).unwrap_err();
    assert_eq!(
        refused.error(),
        MapError::Overlap {
            existing: pages(4, 2)
        }
    );
    space.map(anonymous(100, 4, RW)).unwrap();
    let guard = map(7 * PAGE, 0x8020_0000, PAGE, Permissions::empty());
    space.map(guard.with_payload(Object(0))).unwrap();
    assert_eq!(space.resident(pages(0, 200)).count(), 2);
    space.check_invariants().unwrap();
}

#[test]
fn all_maps_are_populated_or_none() {
    let frames = HostFrames::new(3);
    let mut space = space(&frames);
    for start in [4 * PAGE, usize::MAX - 4 * PAGE + 1] {
        let one = map(start, 0x8020_0000, 2 * PAGE, RW).with_payload(Object(0));
        space.add_memory_map(one).unwrap();
    }
    assert_eq!(
        space.populate_all(),
        Err(MapError::OutOfFrames { needed: 4 })
    );
    assert_eq!(frames.frames_in_use(), 1);
    space.unmap(pages(4, 2)).unwrap();
    space.populate_all().unwrap();
    assert_eq!(frames.frames_in_use(), 3);
}

fn a_map_is_taken_out_by_an_address_in_it<B: Pager>() {
    let frames = HostFrames::new(16);
    let mut space = space_on::<B>(&frames);
    space.add_memory_map(anonymous(4, 4, RW)).unwrap();
    assert_eq!(space.remove_memory_map_at(at(9)), None);
    let taken = space.remove_memory_map_at(at(6)).unwrap();
    assert_eq!(
        (taken.vmarea(), space.memory_maps().count()),
        (pages(4, 4), 0)
    );
}

fn pages_are_faulted_in_as_their_maps_allow<B: Pager>() {
    let frames = HostFrames::new(32);
    let mut space = space_on::<B>(&frames);
    space.add_memory_map(anonymous(0, 2, RW)).unwrap();
    // Code that cannot be read, where entries can say so.
    let code = RX - Permissions::READ;
    let is_said = space.backend().supports(code.into()).is_ok();
    let code = if is_said { code } else { RX };
    space.add_memory_map(anonymous(2, 2, code)).unwrap();
    space
        .add_memory_map(anonymous(4, 1, Permissions::empty()))
        .unwrap();
    let phys = map(5 * PAGE, 0x8020_0000, PAGE, R).with_payload(Object(0));
    space.add_memory_map(phys).unwrap();
    space.add_memory_map(provided(6, 1, R, false)).unwrap();
    let stopped = space.prefault(pages(0, 8)).unwrap_err();
    assert_eq!((stopped.done, stopped.why), (6 * PAGE, Stop::Fault));
    assert_eq!(space.resident(pages(0, 8)).count(), 5);
    space.prefault(pages(0, 6)).unwrap();
    let stopped = space.prefault(pages(20, 2)).unwrap_err();
    assert!(matches!(
        stopped.why,
        Stop::Refused(FaultError::NotMapped { .. })
    ));
    space.check_invariants().unwrap();
}

#[test]
fn out_of_frames_stops_where_they_ended() {
    let frames = HostFrames::new(5);
    let mut space = space(&frames);
    space.add_memory_map(anonymous(0, 8, RW)).unwrap();
    let stopped = space.prefault(pages(0, 8)).unwrap_err();
    assert_eq!(stopped.done, 2 * PAGE);
    assert!(matches!(
        stopped.why,
        Stop::Refused(FaultError::OutOfFrames { .. })
    ));
    space.discard(pages(0, 1)).unwrap();
    space.prefault(pages(1, 2)).unwrap();
}

/// A payload that leads to an object.
#[derive(Clone)]
struct Segment(Arc<SharedPages<HostFrames>>);

impl Payload for Segment {
    fn split_at(&mut self, _offset: usize) -> Self {
        self.clone()
    }

    fn can_join(&self, _len: usize, right: &Self) -> bool {
        Arc::ptr_eq(&self.0, &right.0)
    }
}

type Sharing = VirtualMemoryManager<Sv39<HostFrames>, Segment>;

fn touch(space: &Sharing, page: usize, access: Access) {
    if let Answer::NeedsFrame {
        ticket,
        map,
        offset,
    } = space
        .handle_fault(at(page), access, Privilege::User)
        .unwrap()
    {
        let frame = map.payload().0.page(offset).unwrap();
        space.supply(ticket, frame).unwrap();
    }
}

#[test]
fn two_spaces_share_pages_that_come_when_either_touches_them() {
    let frames = HostFrames::new(64);
    let segment = Segment(Arc::new(SharedPages::new(frames.clone())));
    let mut spaces = [0, 1].map(|_| {
        let table = Sv39::new(frames.clone()).unwrap();
        let mut space = Sharing::for_payload(table);
        let shared = VirtualMemoryMap::provided(pages(8, 4), 0, RW, true).unwrap();
        space
            .add_memory_map(shared.with_payload(segment.clone()))
            .unwrap();
        space
    });
    touch(&spaces[0], 9, Access::Write);
    spaces[0].write(at(9), &[7], Privilege::User).unwrap();
    touch(&spaces[1], 9, Access::Read);
    let mut byte = [0];
    spaces[1].read(at(9), &mut byte, Privilege::User).unwrap();
    assert_eq!((byte, segment.0.len()), ([7], 1));
    // A part that is moved shows the object's pages still.
    spaces[1].remap(pages(9, 1), pages(90, 1)).unwrap();
    touch(&spaces[1], 90, Access::Write);
    spaces[1].write(at(90), &[8], Privilege::User).unwrap();
    spaces[0].read(at(9), &mut byte, Privilege::User).unwrap();
    assert_eq!(byte, [8]);
    drop(segment);
    drop(spaces);
    assert_eq!(frames.frames_in_use(), 0);
}

#[test]
fn threads_that_ask_for_a_shared_page_get_one() {
    let frames = HostFrames::new(64);
    let shared = SharedPages::new(frames.clone());
    for page in 0..20_u64 {
        let offset = page * PAGE as u64;
        let addrs = thread::scope(|scope| {
            let ask = || {
                let frame = shared.page(offset).unwrap();
                let addr = frame.addr();
                frames.release(frame, false);
                addr
            };
            [0; 3]
                .map(|_| scope.spawn(ask))
                .map(|thread| thread.join().unwrap())
        });
        assert!(addrs.iter().all(|addr| *addr == addrs[0]));
    }
    assert_eq!((shared.len(), frames.frames_in_use()), (20, 20));
    drop(shared);
    assert_eq!(frames.frames_in_use(), 0);
    let uncounted = SharedPages::new(Uncounted(frames.clone()));
    let refused = uncounted.page(0).unwrap_err();
    assert_eq!(refused, FaultError::Share(ShareError::Uncounted));
    drop(uncounted);
    assert_eq!(frames.frames_in_use(), 0);
}

fn anonymous_memory_grows_in_place_and_by_moving<B: Pager>() {
    let frames = HostFrames::new(64);
    let mut space = space_on::<B>(&frames);
    space.add_memory_map(anonymous(4, 2, RW)).unwrap();
    space.prefault(pages(5, 1)).unwrap();
    write(&space, 5, 55);
    space.remap(pages(4, 2), pages(4, 6)).unwrap();
    assert_eq!(space.get_memory_map(0).unwrap().vmarea(), pages(4, 6));
    space.prefault(pages(4, 6)).unwrap();
    write(&space, 9, 99);
    space.remap(pages(4, 6), pages(1 << 20, 9)).unwrap();
    assert_eq!(space.get_memory_map(0).unwrap().vmarea(), pages(1 << 20, 9));
    assert_eq!(
        (read(&space, (1 << 20) + 1), read(&space, (1 << 20) + 5)),
        (55, 99)
    );
    assert_eq!(
        (
            space.memory_maps().count(),
            space.resident(pages(0, 9)).count()
        ),
        (1, 0)
    );
    // Up to a neighbour that it becomes one with.
    space
        .add_memory_map(anonymous((1 << 20) + 12, 2, RW))
        .unwrap();
    space.remap(pages(1 << 20, 9), pages(1 << 20, 12)).unwrap();
    assert_eq!(
        space.get_memory_map(0).unwrap().vmarea(),
        pages(1 << 20, 14)
    );
    space.check_invariants().unwrap();
}

fn memory_does_not_grow_over_others_nor_beyond_what_it_is<B: Pager>() {
    let frames = HostFrames::new(64);
    let mut space = space_on::<B>(&frames);
    space.add_memory_map(anonymous(4, 4, RW)).unwrap();
    space.add_memory_map(anonymous(9, 1, R)).unwrap();
    space.add_memory_map(provided(20, 2, R, false)).unwrap();
    let before = space.to_string();
    let (old, new) = (pages(4, 4), pages(4, 6));
    assert_eq!(
        space.remap(old, new),
        Err(MapError::Overlap {
            existing: pages(9, 1)
        })
    );
    assert_eq!(
        space.remap(old, pages(16, 6)),
        Err(MapError::Overlap {
            existing: pages(20, 2)
        })
    );
    let (old, new) = (pages(4, 2), pages(4, 3));
    assert_eq!(
        space.remap(old, new),
        Err(MapError::CannotGrow { old, new })
    );
    let (old, new) = (pages(20, 2), pages(40, 3));
    assert_eq!(
        space.remap(old, new),
        Err(MapError::CannotGrow { old, new })
    );
    let (old, new) = (pages(4, 4), pages(3, 5));
    assert_eq!(
        space.remap(old, new),
        Err(MapError::MovesOntoItself { old, new })
    );
    assert_eq!(space.to_string(), before);
}

fn pages_of_a_kernel_are_its_own<B: Pager>() {
    let frames = HostFrames::new(32);
    let mut space = space_on::<B>(&frames);
    space
        .add_memory_map(anonymous(4, 1, RW - Permissions::USER))
        .unwrap();
    assert!(
        space
            .handle_fault(at(4), Access::Write, Privilege::User)
            .is_err()
    );
    space.prefault(pages(4, 1)).unwrap();
    write(&space, 4, 3);
    assert_eq!(read(&space, 4), 3);
}
