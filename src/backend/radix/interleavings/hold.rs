//! A reference that is taken to a frame on suspicion, beside an exchange that gives the frame back.

use super::frames::Reference;
use super::mmu::Mmu;
use super::space::{READ, Space, WRITE, leaf, run};
use super::{check, for_each_format, spawn};

for_each_format! {
    fn what_is_held_is_not_free() = hold_and_exchange;
    fn a_copy_that_is_held_is_filled() = hold_of_the_copy;
}

/// Exchanges the page. Its old frame becomes somebody else's at once, if that was the last reference.
fn exchange_and_alloc<F: Mmu>(space: &Space<F>) -> bool {
    let (_, is_free) = space.exchange(run(0, READ), Reference(1)).unwrap();
    if is_free {
        space.frames.alloc(0);
    }
    is_free
}

fn hold_and_exchange<F: Mmu>() {
    check(None, || {
        let space = Space::<F>::alone(leaf::<F>(0, READ));
        let other = spawn(&space, exchange_and_alloc);
        if let Some(held) = space.hold(run(0, READ)) {
            space.frames.access(held.0);
            space.frames.release(held, false);
        }
        let is_reused = other.join().unwrap();
        assert_eq!(space.frames.counts(), [u64::from(is_reused), 1, 1]);
    });
}

fn hold_of_the_copy<F: Mmu>() {
    check(None, || {
        let space = Space::<F>::alone(leaf::<F>(0, READ));
        let other = spawn(&space, |space| {
            if let Some(held) = space.hold(run(1, WRITE)) {
                space.frames.access(held.0);
                space.frames.release(held, false);
            }
        });
        space.frames.fill(1);
        assert!(space.exchange(run(0, READ), Reference(1)).is_ok());
        other.join().unwrap();
        assert_eq!(space.frames.counts(), [0, 1, 1]);
    });
}
