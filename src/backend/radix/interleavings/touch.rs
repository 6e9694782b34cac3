//! Accessed and dirty bits that a CPU sets, beside the MMU and an exchange.

use super::frames::Reference;
use super::mmu::Mmu;
use super::space::{Space, WRITE, leaf, run, unused};
use super::{check, for_each_format, spawn};
use crate::backend::radix::entry::transition::touch::touch;
use crate::permissions::Access;

for_each_format! {
    fn a_touch_loses_no_bit_of_the_mmu() = touch_and_mmu;
    fn a_touch_brings_no_old_leaf_back() = touch_and_exchange;
}

fn touch_and_mmu<F: Mmu>() {
    check(None, || {
        let space = Space::<F>::alone(leaf::<F>(0, WRITE));
        let user = spawn(&space, |space| {
            space.access(1, Access::Read) && space.access(1, Access::Write)
        });
        assert!(touch::<F>(&space.entry, 0, Access::Read).is_ok());
        assert!(user.join().unwrap());
        let word = space.word();
        assert_eq!(unused::<F>(word), leaf::<F>(0, WRITE));
        assert_eq!(F::marks(word), F::used(Access::Write));
    });
}

fn touch_and_exchange<F: Mmu>() {
    check(None, || {
        let space = Space::<F>::alone(leaf::<F>(0, WRITE));
        let other = spawn(&space, |space| touch::<F>(&space.entry, 0, Access::Write));
        let (before, _) = space.exchange(run(0, WRITE), Reference(1)).unwrap();
        let touched = other.join().unwrap();
        let word = space.word();
        assert_eq!(unused::<F>(word), leaf::<F>(1, WRITE));
        // A touch that was refused met the broken leaf. Else its bits are in one of the two.
        let used = (F::marks(before) | F::marks(word)) & F::used(Access::Write);
        assert_eq!(
            used,
            if touched.is_ok() {
                F::used(Access::Write)
            } else {
                0
            }
        );
    });
}
