//! Every way in which CPUs can meet at the claim to settle. Only with
//! `RUSTFLAGS="--cfg loom" cargo test --release --lib`.
//!
//! Who settles beside a claim makes none. That two who settle give each frame and each table back once is checked where
//! the page table is, in `backend/radix/interleavings`: `settle`, `settle_table` and `settle_tree`.
#![expect(
    clippy::unwrap_used,
    reason = "a test that fails should stop where it fails"
)]

use alloc::sync::Arc;

use loom::cell::UnsafeCell;
use loom::model;
use loom::sync::atomic::AtomicU64;
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;

use super::settling::{Settled, Settling};

/// A space in which something waits, and what is written by whoever settles, and by nobody else at the same time.
struct Space {
    settling: Settling<AtomicU64>,
    flushes: UnsafeCell<usize>,
    panics: AtomicU64,
}

fn space(panics: u64) -> Arc<Space> {
    let mut settling = Settling::over(AtomicU64::new(0));
    settling.wait();
    Arc::new(Space {
        settling,
        flushes: UnsafeCell::new(0),
        panics: AtomicU64::new(panics),
    })
}

/// As the verb does; `None` where its hook panics.
fn settle(space: &Space) -> Option<Settled> {
    match space.settling.claim() {
        Ok(claim) => {
            space.flushes.with_mut(|flushes| {
                // SAFETY: the claim is ours, as loom checks.
                #[expect(unsafe_code, reason = "a cell of loom's")]
                unsafe {
                    *flushes += 1;
                }
            });
            if space.panics.swap(0, Relaxed) > 0 {
                return None;
            }
            claim.done();
            Some(Settled::Done)
        }
        Err(settled) => Some(settled),
    }
}

/// Whoever is told that it is done sees that it is.
fn is_flushed(space: &Space) -> bool {
    space.flushes.with(|flushes| {
        // SAFETY: nobody has the claim any more, as loom checks.
        #[expect(unsafe_code, reason = "a cell of loom's")]
        unsafe {
            *flushes > 0
        }
    })
}

#[test]
fn one_settles_and_others_are_told_so() {
    model(|| {
        let space = space(0);
        let others = [(); 2].map(|()| {
            let space = Arc::clone(&space);
            thread::spawn(move || {
                let settled = settle(&space).unwrap();
                assert!(settled == Settled::Busy || is_flushed(&space));
                settled
            })
        });
        // A fault in the area: it need not settle where nothing is due.
        assert!(space.settling.is_due() || is_flushed(&space));
        let settled = others.map(|other| other.join().unwrap());
        assert!(settled.contains(&Settled::Done));
        assert!(!space.settling.is_due());
        assert_eq!(settle(&space), Some(Settled::Done));
    });
}

#[test]
fn a_claim_does_not_outlive_a_panic() {
    model(|| {
        let space = space(1);
        let other = {
            let space = Arc::clone(&space);
            thread::spawn(move || settle(&space))
        };
        let mine = settle(&space);
        let others = other.join().unwrap();
        assert!(mine.is_none() ^ others.is_none());
        assert_eq!(settle(&space), Some(Settled::Done));
        assert!(is_flushed(&space));
    });
}
