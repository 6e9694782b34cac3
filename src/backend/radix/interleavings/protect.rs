//! Permissions that are taken, beside an MMU that sets A and D.

use core::sync::atomic::Ordering::Relaxed;

use super::mmu::Mmu;
use super::space::{READ, Space, WRITE, leaf, unused};
use super::{check, for_each_format, spawn};
use crate::backend::radix::entry::allowed::Allowed;
use crate::backend::radix::entry::transition::rewrite::rewrite;
use crate::permissions::{Access, Permissions};

for_each_format! {
    fn write_protection_loses_no_dirty_bit() = write_protection;
    fn hiding_loses_no_dirty_bit() = hiding;
}

fn write_protection<F: Mmu>() {
    protect::<F>(READ);
}

fn hiding<F: Mmu>() {
    protect::<F>(Permissions::empty());
}

fn protect<F: Mmu>(permissions: Permissions) {
    check(None, move || {
        let space = Space::<F>::alone(leaf::<F>(0, WRITE));
        let user = spawn(&space, |space| {
            space.access(1, Access::Read);
            space.access(1, Access::Write);
            space.access(1, Access::Write);
        });
        let before = rewrite::<F>(&space.entry, Allowed::new::<F>(permissions));
        space.flush();
        space.events.is_protected.store(true, Relaxed);
        user.join().unwrap();
        let word = space.word();
        assert_eq!(unused::<F>(before), leaf::<F>(0, WRITE));
        assert_eq!(unused::<F>(word), leaf::<F>(0, permissions));
        assert_eq!(F::marks(word) & F::DIRTY != 0, space.is_dirtied());
        assert_eq!(F::marks(before) & F::DIRTY, F::marks(word) & F::DIRTY);
    });
}
