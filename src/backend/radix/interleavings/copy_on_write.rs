//! Exchanges of one page: of two CPUs at once, and of a page that is being written.

use super::frames::Reference;
use super::mmu::Mmu;
use super::space::{READ, Space, WRITE, leaf, run, unused};
use super::{check, for_each_format, spawn};
use crate::backend::run::Run;
use crate::permissions::{Access, Permissions};

for_each_format! {
    fn one_of_two_exchanges_commits() = exchanges_of_a_leaf;
    fn one_of_two_exchanges_of_a_hidden_leaf_commits() = exchanges_of_a_hidden_leaf;
    fn dirty_is_what_the_old_leaf_was_at_last() = a_page_that_is_written;
}

/// Exchanges the page for a copy, and writes it if it can be written by then.
fn copy_and_write<F: Mmu>(space: &Space<F>, old: Run, cpu: usize, copy: usize) -> bool {
    space.frames.fill(copy);
    let is_done = space.exchange(old, Reference(copy)).is_ok();
    let is_written = space.access(cpu, Access::Write);
    assert!(is_written || !is_done);
    is_done
}

fn exchanges_of_a_leaf<F: Mmu>() {
    two_exchanges::<F>(READ);
}

fn exchanges_of_a_hidden_leaf<F: Mmu>() {
    two_exchanges::<F>(Permissions::empty());
}

fn two_exchanges<F: Mmu>(permissions: Permissions) {
    check(Some(3), move || {
        let space = Space::<F>::alone(leaf::<F>(0, permissions));
        let old = run(0, permissions);
        let other = spawn(&space, move |space| copy_and_write(space, old, 0, 2));
        let user = spawn(&space, |space| {
            space.access(1, Access::Read);
            space.access(1, Access::Read);
        });
        let is_done = copy_and_write(&space, old, 0, 1);
        assert_eq!(other.join().unwrap(), !is_done);
        user.join().unwrap();
        let (copy, counts) = if is_done {
            (1, [0, 1, 0])
        } else {
            (2, [0, 0, 1])
        };
        assert_eq!(unused::<F>(space.word()), leaf::<F>(copy, WRITE));
        assert_eq!(space.frames.counts(), counts);
    });
}

fn a_page_that_is_written<F: Mmu>() {
    check(None, || {
        let space = Space::<F>::alone(leaf::<F>(0, WRITE));
        let user = spawn(&space, |space| {
            space.access(1, Access::Read);
            space.access(1, Access::Write);
        });
        let (before, _) = space.exchange(run(0, WRITE), Reference(1)).unwrap();
        user.join().unwrap();
        assert_eq!(F::marks(before) & F::DIRTY != 0, space.is_dirtied());
        assert_eq!(unused::<F>(before), leaf::<F>(0, WRITE));
        assert_eq!(unused::<F>(space.word()), leaf::<F>(1, WRITE));
        assert_eq!(space.frames.counts(), [0, 1, 1]);
    });
}
