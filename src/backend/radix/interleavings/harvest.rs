//! A harvest, beside an MMU that sets A and D.

use core::sync::atomic::Ordering::Relaxed;

use super::mmu::Mmu;
use super::space::{Space, WRITE, leaf, unused};
use super::{check, for_each_format, spawn};
use crate::backend::radix::entry::transition::mark::unmark;
use crate::permissions::Access;

for_each_format! {
    fn a_use_is_reported_once_or_stays() = harvest_and_mmu;
}

fn harvest_and_mmu<F: Mmu>() {
    check(None, || {
        let space = Space::<F>::alone(leaf::<F>(0, WRITE));
        let user = spawn(&space, |space| {
            space.access(1, Access::Read);
            space.access(1, Access::Write);
            space.access(1, Access::Write);
        });
        let before = unmark::<F>(&space.entry, F::ACCESSED | F::DIRTY);
        space.flush();
        user.join().unwrap();
        let after = space.word();
        let leaf = leaf::<F>(0, WRITE);
        assert_eq!([unused::<F>(before), unused::<F>(after)], [leaf; 2]);
        let reports = [before, after].map(|word| usize::from(F::marks(word) & F::DIRTY != 0));
        assert_eq!(
            reports.iter().sum::<usize>(),
            space.events.dirtied.load(Relaxed)
        );
        // What is written after the flush is for the next harvest.
        let is_due = space.events.is_written_after_flush.load(Relaxed);
        assert!(F::marks(after) & F::DIRTY != 0 || !is_due);
    });
}
