//! Which random verbs are done, and how many.

use super::lie::Lie;
use super::run::run;
use super::subject::Subject;
use super::tally::Tally;
use crate::area::MemoryArea;
use crate::testing::broken::Broken;
use crate::testing::guard::Guard;
use crate::testing::rng::sub_seed;

/// Random verbs on a space and on a model of a few bits a page, which must answer alike.
///
/// A run begins with an empty space. Behind each verb a page is looked up, and its entry and a CPU's access to it,
/// where there are any. All pages, maps, entries, frames and invariants are compared on a schedule. Nine verbs in ten
/// are drawn by what the model knows, so that most are accepted; the rest blindly. One seed is one run.
///
/// ```
/// use kernel_vm::backend::{mock::HostFrames, sv39::Sv39};
/// use kernel_vm::VirtualMemoryManager;
/// use kernel_vm::testing::{Lie, Verbs};
///
/// type Space = VirtualMemoryManager<Sv39<HostFrames>>; // or a `Subject` of the kernel's
/// let make = |_| Space::new(Sv39::new(HostFrames::new(64)).expect("there are frames"));
/// for seed in 0..10 {
///     Verbs::new(seed).steps(200).run(make)?;
/// }
///
/// // Proof that mistakes are found: some verbs never reach the space.
/// let broken = Verbs::new(1).lie(Lie::LostUnmap).run(make).unwrap_err();
/// assert!(broken.steps().len() < 10, "{broken}");
/// # Ok::<(), kernel_vm::testing::Broken>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Verbs {
    pub(super) seed: u64,
    pub(super) steps: u64,
    is_wide: bool,
    pub(super) lie: Option<Lie>,
    pub(super) guard: Guard,
}

impl Verbs {
    /// 4096 verbs in a space of 64 pages.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            steps: 4096,
            is_wide: false,
            lie: None,
            guard: |run| run(),
        }
    }

    /// Run `run` of many that share a seed: with one of its own, which follows from both.
    #[must_use]
    pub fn nth(seed: u64, run: u64) -> Self {
        Self::new(sub_seed(seed, run))
    }

    /// The seed, for what else is to follow from it.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// So many verbs.
    #[must_use]
    pub const fn steps(mut self, steps: u64) -> Self {
        self.steps = steps;
        self
    }

    /// In a space of 4096 pages: for trees of several nodes, and for large leaves.
    #[must_use]
    pub const fn wide(mut self) -> Self {
        self.is_wide = true;
        self
    }

    /// With an error on purpose, which must be found.
    #[must_use]
    pub const fn lie(mut self, lie: Lie) -> Self {
        self.lie = Some(lie);
        self
    }

    /// Every run goes through `guard`. With `std` it can make a [`Broken`] of a panic, by `catch_unwind`, so that
    /// panics are shrunk to a few verbs, too. Without a guard, a panic ends the test at once.
    #[must_use]
    pub const fn guard(mut self, guard: Guard) -> Self {
        self.guard = guard;
        self
    }

    /// Does the verbs to the space that `make` makes, and answers which they were. `make` is asked for a new space,
    /// with room for the pages of an area, for each run; shrinking takes some hundred.
    ///
    /// O(steps), and some million a second where there is no CPU to be asked. Physical memory is mapped from 64 GiB on,
    /// and never touched. Above page tables, the pages lie on both sides of 1 GiB.
    ///
    /// # Errors
    /// Something went wrong: the law, the seed, and the fewest steps found that go wrong, as Rust. Rights are bits: 1
    /// reads, 2 writes, 4 executes.
    pub fn run<S: Subject>(&self, make: impl Fn(MemoryArea) -> S) -> Result<Tally, Broken> {
        let mut tally = Tally::default();
        if self.is_wide {
            run::<64, S>(self, &make, &mut tally)?;
        } else {
            run::<1, S>(self, &make, &mut tally)?;
        }
        Ok(tally)
    }
}
