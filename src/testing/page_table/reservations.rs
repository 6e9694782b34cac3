//! The law of reservations that fail.

use alloc::format;

use super::place::{LARGEST, NONE, RXU, block, part, small_block};
use super::space::Space;
use crate::backend::Run;
use crate::backend::{Edit, PageTableBackend};
use crate::error::MapError;
use crate::testing::broken::Broken;

/// More allocations than any of these edits needs: a reservation that fails so often has no end.
const LIMIT: usize = 1000;

/// The law, in words.
pub(super) const LAW: &str = "a reservation that fails at any of its allocations changes nothing, \
                              and says how many frames it needs";

/// A reservation that fails at any of its allocations changes nothing, and says how many frames it needs.
///
/// The first allocation fails, then the second, and so on until the reservation succeeds. Each time the page table is
/// as before, and frames that were allocated already have gone back. The error is [`MapError::OutOfFrames`], with at
/// least as many frames as the reservation has tried for: a kernel frees that many before it tries again.
///
/// `make` and `in_use` are those of [`page_table`](super::page_table). `fail` lets the `n`-th allocation of a backend
/// from now on fail, once; 0 takes the order back.
///
/// ```
/// use kernel_vm::backend::mock::MockBackend;
/// use kernel_vm::testing;
///
/// let (in_use, fail) = (MockBackend::reservations, MockBackend::fail_reservation);
/// testing::reservations(MockBackend::new, in_use, fail)?;
/// # Ok::<(), testing::Broken>(())
/// ```
///
/// # Errors
/// The law is broken: the edits, and what they answered.
///
/// A `fail` that does nothing breaks no law. Where reservations allocate, assert that allocations have failed.
pub fn reservations<B: PageTableBackend>(
    make: impl Fn() -> B,
    in_use: impl Fn(&B) -> usize,
    fail: impl Fn(&B, usize),
) -> Result<(), Broken> {
    let mut space = Space::new(LAW, make(), &in_use);
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
        space.ensure(needed < LIMIT, || {
            format!("there is no end to what {edits:?} need")
        });
    }
    space.end()
}

/// Reserves with the first, second… allocation failing, until the reservation succeeds. Answers how often it failed,
/// which is how many allocations it makes.
///
/// `there` is all that is mapped meanwhile.
fn fails_each<B: PageTableBackend>(
    space: &Space<'_, B>,
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
        space.ensure(is_honest, || {
            format!("without the {n}th allocation, {edits:?} answer {failed:?}")
        });
        space.left_nothing(before, edits, "failed");
        space.holds(&[there]);
        failed.is_err() && !space.is_broken()
    };
    (1..LIMIT).take_while(fails).count()
}
