//! First touches of one page.

use super::mmu::Mmu;
use super::space::{READ, Space, leaf, unused};
use super::{check, for_each_format, spawn};
use crate::backend::radix::entry::transition::claim::{Claim, Shared};
use crate::permissions::Access;

for_each_format! {
    fn one_of_two_first_touches_wins() = two_first_touches;
}

/// Fills a frame and claims the entry for it; the loser has its frame back, alone.
fn first_touch<F: Mmu>(space: &Space<F>, frame: usize) -> bool {
    space.frames.fill(frame);
    let is_first = Shared::claim(&space.entry, leaf::<F>(frame, READ));
    if !is_first {
        space.frames.fill(frame);
    }
    is_first
}

fn two_first_touches<F: Mmu>() {
    check(None, || {
        let space = Space::<F>::alone(0);
        let other = spawn(&space, |space| first_touch(space, 1));
        let user = spawn(&space, |space| space.access(1, Access::Read));
        let is_first = first_touch(&space, 0);
        assert_eq!(other.join().unwrap(), !is_first);
        user.join().unwrap();
        let frame = usize::from(!is_first);
        assert_eq!(unused::<F>(space.word()), leaf::<F>(frame, READ));
    });
}
