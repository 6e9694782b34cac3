//! The laws of a [`FrameAllocator`].

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

use crate::bytes::Held;
use crate::frame::{FRAME_SIZE, Frame, FrameAllocator, ShareError};
use crate::testing::broken::{Broken, ensure};

/// The frames of a pool that has an end.
const MOST: usize = 1 << 16;

/// The laws of a [`FrameAllocator`], one after the other: what it promises of the frames that it hands out.
///
/// All of its frames are taken, written, read and given back; counted ones are shared. O(frames × frame size): a pool
/// for this has a few thousand, and at most 65,535. Nobody else allocates meanwhile.
///
/// ```
/// use kernel_vm::backend::mock::HostFrames;
/// use kernel_vm::testing;
///
/// testing::frames(&HostFrames::new(64))?;
/// # Ok::<(), testing::Broken>(())
/// ```
///
/// # Errors
/// The first law that is broken, with the frame's address. Frames that were taken may not be given back then.
pub fn frames(allocator: &impl FrameAllocator) -> Result<(), Broken> {
    let taken = take_all(allocator)?;
    places(allocator, &taken)?;
    pointers(allocator, &taken)?;
    bytes(allocator, &taken)?;
    let taken = shared(allocator, taken)?;
    let before: BTreeSet<_> = taken.iter().map(Frame::addr).collect();
    give_all(allocator, taken);
    let again = take_all(allocator)?;
    let after: BTreeSet<_> = again.iter().map(Frame::addr).collect();
    let law = "a frame that was given back is handed out again, and no other";
    ensure(before == after, law, || {
        let differ = before.symmetric_difference(&after).next();
        format!(
            "{} frames at first, {} then; {differ:?} is not in both",
            before.len(),
            after.len()
        )
    })?;
    one_by_one(allocator, again)
}

fn take_all(allocator: &impl FrameAllocator) -> Result<Vec<Frame>, Broken> {
    let taken: Vec<_> = core::iter::from_fn(|| allocator.alloc())
        .take(MOST)
        .collect();
    let law = "an allocator that has no frame left answers None, and one that has some does not";
    ensure((1..MOST).contains(&taken.len()), law, || {
        format!(
            "{} frames came: the pool is to have 1 to 65,535",
            taken.len()
        )
    })?;
    Ok(taken)
}

fn give_all(allocator: &impl FrameAllocator, frames: Vec<Frame>) {
    let frames = frames.into_iter();
    frames.for_each(|frame| allocator.release(frame, false));
}

/// Where frames are, and whose.
fn places(allocator: &impl FrameAllocator, taken: &[Frame]) -> Result<(), Broken> {
    let mut seen = BTreeSet::new();
    for frame in taken {
        let at = frame.addr();
        let law = "a frame begins at a multiple of its size";
        ensure(at.is_aligned(FRAME_SIZE), law, || format!("{at}"))?;
        let law = "a frame is handed out to one owner at a time";
        ensure(seen.insert(at), law, || format!("{at} came twice"))?;
        let law = "a frame comes with its allocator's id, which stays the same";
        ensure(frame.allocator() == allocator.id(), law, || {
            format!(
                "{at} is of {:?}, not of {:?}",
                frame.allocator(),
                allocator.id()
            )
        })?;
    }
    Ok(())
}

/// Offsets in a frame: its borders, and some that are not aligned.
const OFFSETS: [usize; 6] = [0, 1, 8, 2049, FRAME_SIZE - 8, FRAME_SIZE - 1];

/// What `reach` answers.
fn pointers(allocator: &impl FrameAllocator, taken: &[Frame]) -> Result<(), Broken> {
    for frame in taken {
        let first = allocator.reach(frame.addr()).addr().get();
        let law = "the pointer to a frame is aligned as the frame is";
        let at = frame.addr();
        ensure(first % FRAME_SIZE == 0, law, || {
            format!("{at} is reached at {first:#x}")
        })?;
        for offset in OFFSETS {
            let law = "each byte of a frame is reached at one pointer, at the same distance from the first";
            let reach = || {
                frame
                    .addr()
                    .checked_add(offset)
                    .map(|at| allocator.reach(at).addr().get())
            };
            ensure([reach(), reach()] == [Some(first + offset); 2], law, || {
                format!(
                    "{at} is at {first:#x}, and its byte {offset} at {:x?}",
                    reach()
                )
            })?;
        }
    }
    Ok(())
}

/// What is written to a frame is there, and in no other.
fn bytes(allocator: &impl FrameAllocator, taken: &[Frame]) -> Result<(), Broken> {
    let pages = || taken.iter().filter_map(|frame| Held::of(allocator, frame));
    let mark = |number: usize, offset: usize| (number * 8 + offset).to_ne_bytes();
    let words = || (0..FRAME_SIZE).step_by(size_of::<usize>());
    for (number, page) in pages().enumerate() {
        words().for_each(|offset| page.write(offset, &mark(number, offset)));
    }
    for (number, page) in pages().enumerate() {
        for offset in words() {
            let mut found = [0; size_of::<usize>()];
            page.read(offset, &mut found);
            let law = "the bytes of a frame are its owner's, and stay as they were written";
            ensure(found == mark(number, offset), law, || {
                format!(
                    "frame {}, byte {offset}: found {found:?}, written {:?}",
                    page.addr(),
                    mark(number, offset)
                )
            })?;
        }
    }
    Ok(())
}

/// A counted frame has more than one owner, and goes back with the last.
fn shared(allocator: &impl FrameAllocator, taken: Vec<Frame>) -> Result<Vec<Frame>, Broken> {
    let mut kept = Vec::new();
    for frame in taken {
        let at = frame.addr();
        let shared = allocator.share_frame(&frame);
        if !allocator.counts(at) {
            let law = "an allocator that counts no references shares no frame";
            ensure(shared == Err(ShareError::Uncounted), law, || {
                format!("{at}: {shared:?}")
            })?;
            let law = "a frame whose references nobody counts has one";
            ensure(allocator.is_unique(at), law, || format!("{at}"))?;
            kept.push(frame);
            continue;
        }
        let law = "a counted frame can be shared, and is unique with its last reference alone";
        let Ok(second) = shared else {
            return Err(Broken::new(law, format!("{at}: {shared:?}")));
        };
        ensure(second.addr() == at, law, || {
            format!("{at} is shared as {}", second.addr())
        })?;
        ensure(!allocator.is_unique(at), law, || {
            format!("{at} has two, and is unique")
        })?;
        allocator.release(frame, false);
        ensure(allocator.is_unique(at), law, || {
            format!("{at} has one, and is not unique")
        })?;
        let law = "a frame is handed out only when its last reference has come back";
        let early = allocator.alloc().map(|frame| frame.addr());
        ensure(early.is_none(), law, || {
            format!("{early:?} came while {at} had an owner")
        })?;
        kept.push(second);
    }
    Ok(kept)
}

/// A pool that was empty hands out what it has just taken back.
fn one_by_one(allocator: &impl FrameAllocator, taken: Vec<Frame>) -> Result<(), Broken> {
    let again = |frame: Frame, dirty| {
        let at = frame.addr();
        allocator.release(frame, dirty);
        let law = "an allocator that has answered None hands out the frame that comes back";
        let found = allocator.alloc();
        let came = found.as_ref().map(Frame::addr);
        found.filter(|_| came == Some(at)).ok_or_else(|| {
            Broken::new(
                law,
                format!("{at} came back, and then {came:?} was handed out"),
            )
        })
    };
    let mut kept = Vec::new();
    for frame in taken {
        let frame = again(frame, false)?;
        kept.push(again(frame, true)?);
    }
    give_all(allocator, kept);
    Ok(())
}
