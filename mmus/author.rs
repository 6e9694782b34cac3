//! An MMU that somebody else wrote, and what it is known to do differently.

use std::fmt::Debug;

use kernel_vm::Access;
use kernel_vm::backend::mock::machine::Architecture;

use crate::isa::{Isa, index};
use crate::random::Random;
use crate::tables::Tables;

/// What the machine says of an access that faults.
pub type Cause<I> = <<I as Isa>::Cpus as Architecture>::Cause;

/// An MMU of somebody else, for tables of one format.
pub trait Author<I: Isa>: Sized {
    /// As much as it says of a fault.
    type Fault: PartialEq + Debug;

    const NAME: &'static str;

    /// Whether it sets accessed and dirty bits in memory.
    const SETS_MARKS: bool;

    /// Whether it is to be asked of canonical addresses alone.
    const IS_CANONICAL_ONLY: bool = false;

    /// CPUs of the machine that have what this MMU has.
    fn cpus(random: &mut Random) -> I::Cpus;

    /// A mode with such flags as this MMU has.
    fn mode(random: &mut Random) -> I::Mode;

    /// One that is set up like these CPUs.
    fn new(cpus: I::Cpus) -> Self;

    /// It goes on with these tables, and whatever it has cached of others is forgotten.
    fn load(&mut self, root: u64, tables: &Tables);

    /// It goes on in this mode.
    fn enter(&mut self, mode: I::Mode);

    /// Where an access leads, by a walk from the root.
    fn ask(&mut self, vaddr: u64, access: Access) -> Result<u64, Self::Fault>;

    /// The word at a physical address, as it stands in this MMU's memory.
    fn word(&self, at: u64) -> u64;

    /// Puts a word there.
    fn put(&mut self, at: u64, word: u64);

    /// The machine's cause, told as this MMU tells it.
    fn fault(cause: Cause<I>) -> Self::Fault;

    /// All that it does differently in the marks that it sets. The default is nothing.
    fn mark_differences() -> Vec<MarkDifference<I>> {
        Vec::new()
    }

    /// All that it does differently in its answers.
    fn differences() -> Vec<Difference<I>>;
}

/// An access in a mode.
#[derive(Clone, Copy, Debug)]
pub struct Question<M> {
    pub vaddr: u64,
    pub access: Access,
    pub mode: M,
}

/// An entry on the way of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub level: usize,
    pub at: u64,
    pub word: u64,
}

/// The entries on the way of a walk, as far as there are tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    pub steps: Vec<Step>,
    /// A table in which nothing is, through which an amended path may go.
    pub empty: u64,
}

/// Something that an MMU does differently, told exactly: it answers as the machine does, were these words others.
pub struct Difference<I: Isa> {
    pub name: &'static str,
    /// The manual's section, and what it says.
    pub section: &'static str,
    /// Makes the words of a path those which the machine would have to read. What it leaves alone is read alike.
    pub amend: fn(&Question<I::Mode>, &mut Path),
    /// The answer, where the machine has another for these words: it gets the path of before.
    pub adjust: fn(&Question<I::Mode>, &[Step], u64) -> u64,
}

/// For differences that words can tell.
pub const fn as_it_is<M>(_: &Question<M>, _: &[Step], at: u64) -> u64 {
    at
}

/// The entries that a walk for `vaddr` reads, as far as there are tables: none, where the address is not canonical.
pub fn walk<I: Isa>(tables: &Tables, root: u64, vaddr: u64) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut table = I::is_canonical(vaddr).then_some(root);
    for level in (0..I::LEVELS).rev() {
        let at = table.map(|table| table + 8 * index(vaddr, level) as u64);
        let Some((at, word)) = at.and_then(|at| Some((at, tables.word(at)?))) else {
            break;
        };
        steps.push(Step { level, at, word });
        table = I::next(word, level);
    }
    steps
}

/// Something that an MMU does differently in the marks that it sets in entries on the way.
pub struct MarkDifference<I: Isa> {
    pub name: &'static str,
    /// The manual's section, and what it says.
    pub section: &'static str,
    /// The marks that it sets in the last of these entries, the first of which is the root's; all of them, and where it
    /// does as the machine does, none.
    pub marks: fn(&I::Cpus, &[Step]) -> u64,
}
