//! A page whose frame is given back under `&self`, beside CPUs that settle too, touch, use and exchange it.

use core::sync::atomic::Ordering::Acquire;

use super::frames::Reference;
use super::mmu::Mmu;
use super::space::{READ, Space, WRITE, leaf, run, unused};
use super::{check, for_each_format, spawn};
use crate::backend::radix::entry::transition::claim::{Claim, Shared};
use crate::backend::radix::entry::transition::reap::{Reaped, reap};
use crate::backend::radix::entry::transition::retire::retire;
use crate::permissions::Access;
use crate::place::Place;

for_each_format! {
    fn one_of_two_who_settle_gives_the_frame_back() = two_settle;
    fn a_first_touch_finds_the_page_flushed() = settle_and_touch;
    fn whoever_settles_leaves_an_exchange_alone() = settle_and_exchange;
}

/// As a page table settles under a shared borrow. Whoever takes the frame out has it for himself. Answers whether that
/// was this CPU.
fn settle<F: Mmu>(space: &Space<F>) -> bool {
    space.flush();
    let word = space.entry.load(Acquire);
    let is_mine = reap::<F>(&space.entry, word, 0) == Some(Reaped::Leaf(word));
    if is_mine {
        let dirty = F::marks(word) & F::DIRTY != 0;
        assert!(space.frames.release(Reference(0), dirty).is_some());
        space.frames.fill(0);
    }
    is_mine
}

fn two_settle<F: Mmu>() {
    check(Some(3), || {
        let space = Space::<F>::alone(leaf::<F>(0, WRITE));
        let user = spawn(&space, |space| space.access(1, Access::Write));
        retire::<F>(&space.entry, 0);
        let other = spawn(&space, settle);
        let mine = settle(&space);
        let others = other.join().unwrap();
        user.join().unwrap();
        assert!(mine ^ others, "{mine} {others}");
        assert_eq!(space.word(), 0);
        assert_eq!(space.frames.counts(), [0, 1, 1]);
    });
}

fn settle_and_touch<F: Mmu>() {
    check(Some(3), || {
        let space = Space::<F>::alone(leaf::<F>(0, WRITE));
        let user = spawn(&space, |space| space.access(1, Access::Read));
        retire::<F>(&space.entry, 0);
        let toucher = spawn(&space, |space| {
            let is_mapped = Shared::claim(&space.entry, leaf::<F>(1, WRITE));
            is_mapped && space.access(0, Access::Read)
        });
        assert!(settle(&space));
        let is_mapped = toucher.join().unwrap();
        user.join().unwrap();
        let expected = if is_mapped { leaf::<F>(1, WRITE) } else { 0 };
        assert_eq!(unused::<F>(space.word()), expected);
        assert_eq!(space.frames.counts(), [0, 1, 1]);
    });
}

fn settle_and_exchange<F: Mmu>() {
    check(Some(3), || {
        let space = Space::<F>::alone(leaf::<F>(0, READ));
        let copier = spawn(&space, |space| {
            space.exchange(run(0, READ), Reference(1)).is_ok()
        });
        assert!(!settle(&space), "that page does not wait");
        assert!(copier.join().unwrap());
        assert_eq!(unused::<F>(space.word()), leaf::<F>(1, WRITE));
        assert_eq!(space.frames.counts(), [0, 1, 1]);
    });
}
