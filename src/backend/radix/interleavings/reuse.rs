//! A frame that two spaces share, and that both want to write: the last one reuses it.

use alloc::sync::Arc;

use super::frames::{Frames, Reference};
use super::mmu::Mmu;
use super::space::{READ, Space, WRITE, leaf, run, unused};
use super::{check, for_each_format, spawn};
use crate::backend::radix::entry::transition::permit::permit;
use crate::permissions::Access;

for_each_format! {
    fn the_last_sharer_writes_when_the_other_has_copied() = two_sharers;
}

/// As the manager does at a write: reuses the frame if nobody else has it, else copies it. Then the user does `write`.
/// Answers the frame.
fn own<F: Mmu>(space: &Space<F>, copy: usize, write: fn(&Frames, usize)) -> usize {
    let (frames, old) = (&space.frames, run(0, READ));
    if frames.is_unique(0) {
        assert!(permit::<F>(&space.entry, old, F::permissions(WRITE)).is_ok());
        write(frames, 0);
        return 0;
    }
    let held = space.hold(old).unwrap();
    frames.access(0);
    frames.release(held, false);
    assert!(space.exchange(old, Reference(copy)).is_ok());
    copy
}

fn two_sharers<F: Mmu>() {
    check(Some(3), || {
        let frames = Arc::new(Frames::new([2, 1, 1]));
        let spaces = [(); 2].map(|()| Space::<F>::new(leaf::<F>(0, READ), &frames));
        let other = spawn(&spaces[1], |space| own(space, 2, Frames::access));
        // Another CPU of that space: it reads the frame until the copy has taken its place.
        let user = spawn(&spaces[1], |space| space.access(1, Access::Read));
        let mine = own(&spaces[0], 1, Frames::fill);
        let others = other.join().unwrap();
        user.join().unwrap();
        assert_ne!(mine, others);
        for (space, frame) in spaces.iter().zip([mine, others]) {
            assert_eq!(unused::<F>(space.word()), leaf::<F>(frame, WRITE));
        }
        let is_reused = mine == 0 || others == 0;
        assert_eq!(frames.counts(), [u64::from(is_reused), 1, 1]);
    });
}
