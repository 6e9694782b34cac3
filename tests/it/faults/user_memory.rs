//! What the kernel reads and writes for a program.

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::{
    Access, FaultError, FrameAllocator, Permissions, Privilege, ShareError, Stop, Stopped, VirtAddr,
};

use super::basics::{
    Pager, R, RW, Space, anonymous, at, fault, on_each, provided, space_on, ticket,
};
use super::kernel::Object;
use crate::subject::{PAGE, map, pages};

on_each! {
    bytes_are_written_and_read_at_every_offset_and_length
    a_verb_says_how_far_it_came_and_why_no_further
    permissions_and_privilege_are_checked_in_every_page
    a_string_is_read_up_to_its_end
    physical_memory_is_not_reached_so
    a_page_that_may_not_be_written_yet_is_faulted_in_first
    chunks_stay_where_they_are_while_they_are_held
}

/// Anonymous memory in pages 4 to 9, of which the first four are there.
fn filled<B: Pager>(frames: &HostFrames) -> Space<B> {
    let mut space = space_on(frames);
    space.add_memory_map(anonymous(4, 6, RW)).unwrap();
    for page in 4..8 {
        fault(&space, page, Access::Write).unwrap();
    }
    space
}

fn bytes_are_written_and_read_at_every_offset_and_length<B: Pager>() {
    let frames = HostFrames::new(16);
    let space = filled::<B>(&frames);
    let start = VirtAddr::new(4 * PAGE);
    let mut model = vec![0_u8; 4 * PAGE];
    let mut next = 1_u8;
    for offset in [0, 1, 7, 8, 9, PAGE - 9, PAGE - 1, PAGE, 2 * PAGE - 3] {
        for len in [0, 1, 2, 7, 8, 9, 16, 31, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE] {
            let bytes: Vec<u8> = (0..len)
                .map(|_| {
                    next = next.wrapping_mul(167).wrapping_add(13);
                    next
                })
                .collect();
            let to = start.checked_add(offset).unwrap();
            space.write(to, &bytes, Privilege::User).unwrap();
            model[offset..offset + len].copy_from_slice(&bytes);
            let mut back = vec![0; len];
            space.read(to, &mut back, Privilege::User).unwrap();
            assert_eq!(back, bytes, "{offset} {len}");
        }
    }
    let to = start.checked_add(PAGE - 5).unwrap();
    space.zero(to, PAGE + 11, Privilege::Kernel).unwrap();
    model[PAGE - 5..2 * PAGE + 6].fill(0);
    let mut all = vec![0; 4 * PAGE];
    space.read(start, &mut all, Privilege::User).unwrap();
    assert!(all == model);
}

fn a_verb_says_how_far_it_came_and_why_no_further<B: Pager>() {
    let frames = HostFrames::new(16);
    let space = filled::<B>(&frames);
    let start = VirtAddr::new(7 * PAGE + 100);
    let bytes = vec![5; PAGE];
    let stopped = Stopped {
        done: PAGE - 100,
        at: VirtAddr::new(8 * PAGE),
        why: Stop::Fault,
    };
    assert_eq!(space.write(start, &bytes, Privilege::User), Err(stopped));
    fault(&space, 8, Access::Write).unwrap();
    let rest = &bytes[stopped.done..];
    space.write(stopped.at, rest, Privilege::User).unwrap();
    let mut back = vec![0; PAGE];
    space.read(start, &mut back, Privilege::User).unwrap();
    assert!(back == bytes);

    let end = VirtAddr::new(10 * PAGE - 4);
    fault(&space, 9, Access::Write).unwrap();
    let Err(Stopped {
        done: 4,
        at,
        why: Stop::Refused(FaultError::NotMapped { .. }),
    }) = space.read(end, &mut back[..8], Privilege::User)
    else {
        panic!("read past the map");
    };
    assert_eq!(at, VirtAddr::new(10 * PAGE));
    let top = VirtAddr::new(usize::MAX - 3);
    let refused = space
        .read(top, &mut back[..8], Privilege::User)
        .unwrap_err();
    assert!(matches!(
        (refused.done, refused.why),
        (0, Stop::Refused(FaultError::NotMapped { .. }))
    ));
    assert_eq!(space.read(top, &mut [], Privilege::User), Ok(()));
}

fn permissions_and_privilege_are_checked_in_every_page<B: Pager>() {
    let frames = HostFrames::new(16);
    let mut space = filled::<B>(&frames);
    space.protect(pages(5, 1), R).unwrap();
    space.protect(pages(6, 1), RW - Permissions::USER).unwrap();
    let mut bytes = vec![1; 3 * PAGE];
    let start = VirtAddr::new(4 * PAGE);
    let denied = |result: Result<(), Stopped>| {
        let stopped = result.unwrap_err();
        assert!(
            matches!(stopped.why, Stop::Refused(FaultError::Denied { .. })),
            "{stopped}"
        );
        stopped.done
    };
    assert_eq!(denied(space.write(start, &bytes, Privilege::User)), PAGE);
    assert_eq!(denied(space.write(start, &bytes, Privilege::Kernel)), PAGE);
    assert_eq!(
        denied(space.read(start, &mut bytes, Privilege::User)),
        2 * PAGE
    );
    space.read(start, &mut bytes, Privilege::Kernel).unwrap();
}

fn a_string_is_read_up_to_its_end<B: Pager>() {
    let frames = HostFrames::new(16);
    let space = filled::<B>(&frames);
    let start = VirtAddr::new(5 * PAGE - 3);
    space
        .write(start, b"hello\0world", Privilege::User)
        .unwrap();
    let mut buffer = [0xff; 8];
    assert_eq!(
        space.read_until(start, 0, &mut buffer, Privilege::User),
        Ok(Some(5))
    );
    assert_eq!(&buffer[..6], b"hello\0");
    assert_eq!(
        space.read_until(start, b'x', &mut buffer, Privilege::User),
        Ok(None)
    );
    assert_eq!(&buffer, b"hello\0wo");
    let late = VirtAddr::new(8 * PAGE - 2);
    space.write(late, b"ab", Privilege::User).unwrap();
    let stopped = space
        .read_until(late, 0, &mut buffer, Privilege::User)
        .unwrap_err();
    assert_eq!((stopped.done, stopped.why), (2, Stop::Fault));
}

fn physical_memory_is_not_reached_so<B: Pager>() {
    let frames = HostFrames::new(16);
    let mut space = space_on::<B>(&frames);
    let phys = map(4 * PAGE, 0x8020_0000, PAGE, RW).with_payload(Object(0));
    space.add_memory_map(phys).unwrap();
    space.populate(pages(4, 1)).unwrap();
    let stopped = space.write(at(4), &[1], Privilege::Kernel).unwrap_err();
    assert_eq!((stopped.done, stopped.why), (0, Stop::Physical));
    assert_eq!(
        space.pin(at(4), Access::Read, Privilege::Kernel),
        Err(Stop::Physical)
    );
}

fn a_page_that_may_not_be_written_yet_is_faulted_in_first<B: Pager>() {
    let frames = HostFrames::new(16);
    let mut space = space_on::<B>(&frames);
    space.add_memory_map(provided(4, 1, RW, false)).unwrap();
    let cache = super::basics::frame_of(&frames, 9);
    let wanted = ticket(&space, 4, Access::Read);
    space
        .supply(wanted, frames.share_frame(&cache).unwrap())
        .unwrap();
    let stopped = space.write(at(4), &[1], Privilege::Kernel).unwrap_err();
    assert_eq!(stopped.why, Stop::Fault);
    assert_eq!(
        space.pin(at(4), Access::Write, Privilege::User),
        Err(Stop::Fault)
    );
    fault(&space, 4, Access::Write).unwrap();
    space.write(at(4), &[1], Privilege::Kernel).unwrap();
    let pinned = space.pin(at(4), Access::Write, Privilege::User).unwrap();
    assert_ne!(pinned.addr(), cache.addr(), "the space's own");
    space.unmap(pages(4, 1)).unwrap();
    assert_eq!(
        frames.references(pinned.addr()),
        1,
        "it stays for the device"
    );
    frames.release(pinned, true);
    frames.release(cache, false);
    drop(space);
    assert_eq!(frames.frames_in_use(), 0);
}

fn chunks_stay_where_they_are_while_they_are_held<B: Pager>() {
    let frames = HostFrames::new(16);
    let space = filled::<B>(&frames);
    let area = crate::subject::area(4 * PAGE + 8, 2 * PAGE);
    let chunks: Result<Vec<_>, _> = space.chunks_mut(area, Privilege::User).collect();
    let chunks = chunks.unwrap();
    let sizes: Vec<_> = chunks.iter().map(|chunk| chunk.area().size()).collect();
    assert_eq!(sizes, [PAGE - 8, PAGE, 8]);
    chunks.iter().for_each(|chunk| chunk.write(b"0123456789"));
    chunks[1].zero();
    let mut bytes = [0; 10];
    chunks[2].read(&mut bytes);
    assert_eq!(&bytes, b"01234567\0\0");
    let held = frames.references(space.translate_vaddr(at(4)).unwrap());
    assert_eq!(held, 2);
    drop(chunks);
    let held = frames.references(space.translate_vaddr(at(4)).unwrap());
    assert_eq!(held, 1);
}

#[test]
fn errors_say_what_is_wrong() {
    let share = Stop::Share(ShareError::TooMany);
    for stop in [Stop::Fault, Stop::Physical, share] {
        let stopped = Stopped {
            done: 3,
            at: VirtAddr::new(0x1003),
            why: stop,
        };
        assert_eq!(
            stopped.to_string(),
            format!("{stop} after 3 bytes, at 0x1003")
        );
    }
}
