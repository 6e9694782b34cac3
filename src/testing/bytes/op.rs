//! The steps, as values that print as Rust.

pub(super) use crate::testing::span::{PAGE, Rights, Span};

/// How many processes there are at most, by numbers from 0 on.
pub(super) const PROCESSES: usize = 5;

/// How many pages there are.
pub(super) const PAGES: usize = 10;

/// Half of the pages lie on either side of the border of two tables of each level, but for the highest.
pub(super) const BASE: usize = (1 << 30) - PAGES / 2 * PAGE;

/// A word of a page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Word {
    pub(super) page: usize,
    /// The first of its 8 bytes.
    pub(super) byte: usize,
}

impl Word {
    /// The last of a page.
    pub(super) const LAST: usize = PAGE - 8;
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Op {
    Start,
    /// Another process becomes its child.
    Fork(usize),
    Exit,
    Map(Span, Rights),
    Unmap(Span),
    Protect(Span, Rights),
    Remap(Span, Span),
    Discard(Span),
    /// On a CPU, as those that follow.
    Load(usize, Word),
    Store(usize, Word),
    /// The kernel reads whole pages for the program.
    Read(usize, Span),
    /// The kernel writes the last word of a page for the program, and the first of the next page.
    Write(usize, usize),
    /// Every page is looked at.
    Look(usize),
    /// The n-th allocation of the next step fails.
    FailAlloc(usize),
}

/// A process, by its number, and what it does or what is done to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step(pub(super) usize, pub(super) Op);
