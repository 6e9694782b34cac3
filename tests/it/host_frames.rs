//! The host's frames catch who misuses them.

use std::collections::BTreeSet;
use std::thread;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::{FRAME_SIZE, Flush, Frame, FrameAllocator, PhysAddr, Tlb};

#[test]
fn frames_are_counted_and_come_again() {
    let frames = HostFrames::new(2);
    let first = frames.alloc().unwrap();
    let second = frames.alloc().unwrap();
    let at = first.addr();
    assert!(at.is_aligned(FRAME_SIZE) && at.checked_add(FRAME_SIZE) == Some(second.addr()));
    assert_eq!(frames.frames_in_use(), 2);
    assert_eq!(frames.alloc(), None);
    frames.release(first, false);
    assert_eq!(frames.frames_in_use(), 1);
    assert_eq!(frames.alloc().unwrap().addr(), at);
}

#[test]
fn too_many_frames_are_none_at_all() {
    for frames in [
        0,
        usize::MAX,
        usize::MAX / FRAME_SIZE,
        isize::MAX as usize / FRAME_SIZE,
    ] {
        let frames = HostFrames::new(frames);
        assert_eq!(frames.alloc(), None);
        assert_eq!(frames.frames_in_use(), 0);
    }
}

#[test]
fn clones_share_the_frames_and_the_counts() {
    let frames = HostFrames::new(1);
    let clone = frames.clone();
    let frame = clone.alloc().unwrap();
    clone.flush(&Flush::everything(frame.addr()));
    assert_eq!((frames.frames_in_use(), frames.flushes()), (1, 1));
    drop(clone);
    frames.release(frame, true);
    assert_eq!(frames.frames_in_use(), 0);
}

#[test]
fn the_nth_allocation_fails_once() {
    let frames = HostFrames::new(8);
    frames.fail_alloc(2);
    let answers = [(); 4].map(|()| frames.alloc().is_some());
    assert_eq!(answers, [true, false, true, true]);
    frames.fail_alloc(1);
    frames.fail_alloc(0);
    assert!(frames.alloc().is_some());
}

#[test]
fn every_byte_is_reached_where_it_is_and_none_is_zero_at_first() {
    let frames = HostFrames::new(3);
    for _ in 0..2 {
        let taken = [(); 3].map(|()| frames.alloc().unwrap());
        for frame in taken {
            let start = frames.reach(frame.addr());
            assert_eq!(start.addr().get() % FRAME_SIZE, 0);
            for offset in [0, 1, 8, FRAME_SIZE - 1] {
                let at = frames.reach(frame.addr().checked_add(offset).unwrap());
                assert_eq!(at.addr().get() - start.addr().get(), offset);
                assert_ne!(read(&frames, &frame, offset), 0);
            }
            write(&frames, frame.addr(), 0);
            assert_eq!(read(&frames, &frame, 0), 0);
            frames.release(frame, false);
        }
    }
}

#[test]
fn many_threads_never_have_the_same_frame() {
    let frames = HostFrames::new(64);
    let taken: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| take_and_give(&frames)))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(taken.len(), 64);
    assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 64);
    assert_eq!(frames.frames_in_use(), 64);
}

fn take_and_give(frames: &HostFrames) -> Vec<PhysAddr> {
    for _ in 0..100 {
        let taken: Vec<_> = (0..16).map(|_| frames.alloc().unwrap()).collect();
        taken
            .into_iter()
            .for_each(|frame| frames.release(frame, false));
    }
    (0..16).map(|_| frames.alloc().unwrap().addr()).collect()
}

#[test]
#[should_panic = "double free: no frame is in use at 0x"]
fn a_double_free_is_caught() {
    let frames = HostFrames::new(1);
    let frame = frames.alloc().unwrap();
    let twin = forged(&frames, frame.addr());
    frames.release(frame, false);
    frames.release(twin, false);
}

#[test]
#[should_panic = "double free: no frame is in use at 0x1000"]
fn the_release_of_a_stranger_is_caught() {
    let frames = HostFrames::new(1);
    frames.release(forged(&frames, PhysAddr::new(0x1000)), false);
}

#[test]
fn the_release_of_another_allocators_frame_is_refused_before_anything_changes() {
    let [ours, theirs] = [1, 1].map(HostFrames::new);
    let [own, frame] = [&ours, &theirs].map(|frames| frames.alloc().unwrap());
    assert_eq!(
        (own.allocator(), frame.allocator()),
        (ours.id(), theirs.id())
    );
    assert_ne!(ours.id(), theirs.id());
    let at = frame.addr();
    let here = ours.clone();
    let refused = thread::spawn(move || here.release(frame, false)).join();
    let message = refused.unwrap_err().downcast::<String>().unwrap();
    let named = [
        at.to_string(),
        format!("{:?}", theirs.id()),
        format!("{:?}", ours.id()),
    ];
    assert!(
        message.starts_with("frame of another allocator"),
        "{message}"
    );
    assert!(named.iter().all(|name| message.contains(name)), "{message}");
    assert_eq!((ours.frames_in_use(), theirs.frames_in_use()), (1, 1));
    // What is the machine's is nobody's here, wherever it is.
    #[expect(unsafe_code, reason = "the mistake that is to be caught")]
    // SAFETY: the allocator refuses it before it uses it.
    let machine = unsafe { Frame::from_addr(own.addr()) };
    let here = ours.clone();
    assert!(
        thread::spawn(move || here.release(machine, false))
            .join()
            .is_err()
    );
    ours.release(own, false);
    assert_eq!(ours.frames_in_use(), 0);
}

#[test]
fn clones_are_one_allocator() {
    let frames = HostFrames::new(1);
    let clone = frames.clone();
    let borrowed = &clone;
    let ids = [clone.id(), FrameAllocator::id(&borrowed)];
    assert_eq!(ids, [frames.id(); 2]);
}

#[test]
#[should_panic = "double free: no frame is in use at 0x"]
fn the_release_of_half_a_frame_is_caught() {
    let frames = HostFrames::new(1);
    let frame = frames.alloc().unwrap();
    frames.release(forged(&frames, frame.addr().checked_add(8).unwrap()), false);
}

#[test]
#[should_panic = "use after free: no frame is in use at 0x"]
fn a_use_after_free_is_caught() {
    let frames = HostFrames::new(1);
    let frame = frames.alloc().unwrap();
    let inside = frame.addr().checked_add(16).unwrap();
    frames.release(frame, false);
    let _ = frames.reach(inside);
}

#[test]
fn a_use_of_what_is_no_frame_is_caught() {
    let frames = HostFrames::new(2);
    let base = frames.alloc().unwrap().addr().get();
    for at in [0, base - 1, base + 4096, base + 2 * 4096, u64::MAX] {
        let frames = frames.clone();
        let reach = thread::spawn(move || frames.reach(PhysAddr::new(at)).addr());
        assert!(reach.join().is_err(), "{at:#x} was reached");
    }
}

#[test]
#[should_panic = "write after free: the frame at 0x"]
fn a_write_after_free_is_caught() {
    let frames = HostFrames::new(2);
    let frame = frames.alloc().unwrap();
    let stale = frames.reach(frame.addr());
    frames.release(frame, false);
    #[expect(unsafe_code, reason = "the mistake that is to be caught")]
    // SAFETY: the byte lies in memory that `frames` still has, and no other thread is there.
    unsafe {
        stale.write(1);
    }
    let _ = frames.alloc();
}

#[expect(
    unsafe_code,
    reason = "a forged frame is the mistake that is to be caught"
)]
fn forged(frames: &HostFrames, addr: PhysAddr) -> Frame {
    // SAFETY: the allocator checks what it is given before it uses it.
    unsafe { Frame::of(frames.id(), addr) }
}

#[expect(unsafe_code, reason = "bytes are behind pointers")]
fn read(frames: &HostFrames, frame: &Frame, offset: usize) -> u8 {
    let at = frames.reach(frame.addr().checked_add(offset).unwrap());
    // SAFETY: `reach` answers pointers to bytes of frames in use, and this thread owns the frame.
    unsafe { at.read() }
}

#[expect(unsafe_code, reason = "bytes are behind pointers")]
fn write(frames: &HostFrames, at: PhysAddr, byte: u8) {
    let at = frames.reach(at);
    // SAFETY: `reach` answers pointers to bytes of frames in use, and this thread owns the frame.
    unsafe { at.write(byte) };
}
