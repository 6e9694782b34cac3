//! Permissions that are added, beside an exchange, a touch and the MMU.

use super::frames::Reference;
use super::mmu::Mmu;
use super::space::{READ, Space, WRITE, leaf, run, unused};
use super::{check, for_each_format, spawn};
use crate::backend::radix::entry::transition::permit::permit;
use crate::backend::radix::entry::transition::touch::touch;
use crate::permissions::Access;

for_each_format! {
    fn of_permit_and_exchange_one_is_done() = permit_and_exchange;
    fn permit_and_touch_are_both_done() = permit_and_touch;
}

fn permit_write<F: Mmu>(space: &Space<F>) -> bool {
    permit::<F>(&space.entry, run(0, READ), F::permissions(WRITE)).is_ok()
}

fn permit_and_exchange<F: Mmu>() {
    check(Some(3), || {
        let space = Space::<F>::alone(leaf::<F>(0, READ));
        let other = spawn(&space, permit_write);
        let user = spawn(&space, |space| space.access(1, Access::Write));
        let is_exchanged = space.exchange(run(0, READ), Reference(1)).is_ok();
        let is_permitted = other.join().unwrap();
        user.join().unwrap();
        assert_eq!(is_permitted, !is_exchanged);
        let (frame, counts) = if is_exchanged {
            (1, [0, 1, 1])
        } else {
            (0, [1, 0, 1])
        };
        assert_eq!(unused::<F>(space.word()), leaf::<F>(frame, WRITE));
        assert_eq!(space.frames.counts(), counts);
        assert!(is_permitted || !space.is_dirtied());
    });
}

fn permit_and_touch<F: Mmu>() {
    check(None, || {
        let space = Space::<F>::alone(leaf::<F>(0, READ));
        let other = spawn(&space, |space| {
            touch::<F>(&space.entry, 0, Access::Read).is_ok()
        });
        let user = spawn(&space, |space| space.access(1, Access::Write));
        assert!(permit_write(&space));
        assert!(other.join().unwrap());
        let is_written = user.join().unwrap();
        let word = space.word();
        assert_eq!(unused::<F>(word), leaf::<F>(0, WRITE));
        assert_ne!(F::marks(word) & F::ACCESSED, 0);
        assert_eq!(F::marks(word) & F::DIRTY != 0, is_written);
    });
}
