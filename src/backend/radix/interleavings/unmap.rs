//! A leaf that is taken out, beside an MMU that sets A and D.

use core::sync::atomic::Ordering::Relaxed;

use super::mmu::Mmu;
use super::space::{Space, WRITE, leaf, unused};
use super::{check, for_each_format, spawn};
use crate::backend::radix::entry::retired::retired_leaf;
use crate::backend::radix::entry::transition::retire::retire;
use crate::permissions::Access;

for_each_format! {
    fn a_retired_word_has_every_dirty_bit() = retire_and_mmu;
}

fn retire_and_mmu<F: Mmu>() {
    check(None, || {
        let space = Space::<F>::alone(leaf::<F>(0, WRITE));
        let user = spawn(&space, |space| {
            space.access(1, Access::Read);
            space.access(1, Access::Write);
            space.access(1, Access::Write);
        });
        let before = retire::<F>(&space.entry, 0);
        space.flush();
        space.events.is_protected.store(true, Relaxed);
        space.frames.fill(0);
        user.join().unwrap();
        assert_eq!(unused::<F>(before), leaf::<F>(0, WRITE));
        assert_eq!(F::marks(before) & F::DIRTY != 0, space.is_dirtied());
        assert_eq!(space.word(), retired_leaf::<F>(before));
    });
}
