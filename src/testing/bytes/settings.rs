//! How many steps are done, and from which seed.

use super::events::Events;
use super::processes::Processes;
use super::run::run;
use crate::testing::broken::Broken;
use crate::testing::guard::Guard;

/// Random processes, and a model of every byte that their programs see.
///
/// Up to five processes map, unmap, protect, move and discard memory in ten pages, fork, exit, load and store, on all
/// CPUs. The kernel copies from and to them, and runs out of memory now and then. No word is stored twice, so that each
/// mix-up shows. Then:
///
/// - a page is zero, in all its bytes, until it is written;
/// - a program reads what it wrote last, on every CPU, and wherever the page has been moved;
/// - a child has the pages of its parent, with their bytes;
/// - what a process writes no other process sees, neither its parent nor its child;
/// - a program may do what its map allows, and no more;
/// - an access goes on when its fault is resolved;
/// - a verb that must be done is done;
/// - what is not done for want of memory has changed nothing;
/// - where there is no process, there is memory for one;
/// - when the last process has gone, all frames are back.
///
/// The guide's page on tests has an example. One seed is one run.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    pub(super) seed: u64,
    pub(super) steps: u64,
    pub(super) guard: Guard,
}

impl Bytes {
    /// 1000 steps.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            steps: 1000,
            guard: |run| run(),
        }
    }

    /// So many steps.
    #[must_use]
    pub const fn steps(mut self, steps: u64) -> Self {
        self.steps = steps;
        self
    }

    /// Every run goes through `guard`, as those of [`Verbs`](crate::testing::Verbs::guard) do: with `std`, a panic can
    /// be shrunk to a few steps, too.
    #[must_use]
    pub const fn guard(mut self, guard: Guard) -> Self {
        self.guard = guard;
        self
    }

    /// Does the steps on the kernel that `make` makes, and answers what has happened. `make` is asked for a new kernel
    /// for each run; shrinking takes some hundred.
    ///
    /// O(steps), and some hundred thousand a second where there is no CPU to be asked. The pages lie on both sides of
    /// 1 GiB.
    ///
    /// # Errors
    /// The first law that is broken, with the seed, and the fewest steps found that go wrong, as Rust. A step is a
    /// process, by its number from 0 on, and what it does. Rights are bits: 1 reads, 2 writes, 4 executes.
    pub fn run<P: Processes>(&self, make: impl Fn() -> P) -> Result<Events, Broken> {
        run(self, &make)
    }
}
