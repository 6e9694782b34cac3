//! The law of reservations that fail.

use super::place::{LARGEST, NONE, RXU, block, part, small_block};
use super::space::Space;
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::backend::run::Run;
use crate::error::MapError;

/// More allocations than any of these edits needs.
const LIMIT: usize = 1000;

/// A reservation that fails at its first, second, and every other allocation changes nothing, gives back what it had
/// already, and says how many frames it would have needed: at least as many as it tried for.
///
/// `fail` lets the n-th allocation from now fail, once (0: none).
///
/// # Panics
/// Where that is not so.
pub fn failed_reservations_change_nothing<B: PageTableBackend>(
    make: impl Fn() -> B,
    in_use: impl Fn(&B) -> usize,
    fail: impl Fn(&B, usize),
) {
    let mut space = Space::new("failed reservations change nothing", make, in_use);
    let run = block(&space.backend, LARGEST).unwrap_or(small_block(&space.backend));
    space.verb(&[Edit::Map(run)]);
    let page = part::<B>(run.area, 100, 1);
    let across = part::<B>(run.area, 1, run.area.size() / B::PAGE_SIZE - 2);
    let far = Run {
        area: part::<B>(
            space.backend.ranges().first().copied().unwrap_or(run.area),
            0,
            3,
        ),
        ..run
    };
    let one = [Edit::Unmap(across)];
    let many = [
        Edit::Protect(page, NONE),
        Edit::Unmap(page),
        Edit::Map(far),
        Edit::Protect(across, RXU),
    ];
    for edits in [&one[..], &many] {
        let needed = fails_each(&space, edits, run, &fail);
        assert!(
            needed < LIMIT,
            "{}: there is no end to what {edits:?} need",
            space.law
        );
    }
    space.end();
}

/// Reserves with the first, second… allocation failing until it succeeds; answers how many it took.
fn fails_each<B: PageTableBackend, U: Fn(&B) -> usize>(
    space: &Space<B, U>,
    edits: &[Edit],
    there: Run,
    fail: impl Fn(&B, usize),
) -> usize {
    let before = space.in_use();
    let fails = |&n: &usize| {
        fail(&space.backend, n);
        let answer = space.backend.reserve(edits.iter().copied());
        fail(&space.backend, 0);
        let failed = answer.map(|reserved| space.backend.unreserve(reserved));
        let is_honest = match failed {
            Ok(()) => true,
            Err(MapError::OutOfFrames { needed }) => needed >= n,
            Err(_) => false,
        };
        assert!(
            is_honest,
            "{}: without the {n}th allocation, {edits:?} answer {failed:?}",
            space.law
        );
        assert_eq!(
            space.in_use(),
            before,
            "{}: {edits:?} failed, and left something in use",
            space.law
        );
        space.holds(&[there]);
        failed.is_err()
    };
    (1..LIMIT).take_while(fails).count()
}
