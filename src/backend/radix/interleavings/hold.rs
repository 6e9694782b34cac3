//! A reference that is taken to a frame on suspicion, beside an exchange that gives the frame back.

use super::frames::Reference;
use super::space::{READ, Space, leaf, run};
use super::{check, for_each_format, spawn};
use crate::backend::radix::entry::format::Format;

for_each_format! {
    fn what_is_held_is_not_free() = hold_and_exchange;
}

/// Exchanges the page. Its old frame becomes somebody else's at once, if that was the last reference.
fn exchange_and_alloc<F: Format>(space: &Space<F>) -> bool {
    let (_, is_free) = space.exchange(run(0, READ), Reference(1)).unwrap();
    if is_free {
        space.frames.alloc(0);
    }
    is_free
}

fn hold_and_exchange<F: Format + 'static>() {
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
