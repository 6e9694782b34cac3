//! Random calls on the pages of a window, and on a file.

use std::ops::Range;

use kernel_vm::Permissions;

use crate::subject::PAGE;
use crate::tree::edits::Random;

/// Pages of the window.
pub const PAGES: usize = 40;

/// Pages that the file has at most. Maps may reach past its end.
pub const FILE_PAGES: usize = 12;

/// The longest span, in pages.
const LONGEST: usize = 8;

const NONE: Permissions = Permissions::empty();
const R: Permissions = Permissions::READ;
const RW: Permissions = R.union(Permissions::WRITE);

/// Pages of the window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub first: usize,
    pub count: usize,
}

impl Span {
    pub const fn pages(self) -> Range<usize> {
        self.first..self.first + self.count
    }

    pub const fn overlaps(self, other: Self) -> bool {
        self.first < other.pages().end && other.first < self.pages().end
    }
}

/// What a new map shows.
#[derive(Clone, Copy, Debug)]
pub enum Shown {
    Anonymous,
    /// Anonymous memory that could be shared: an object of its own.
    Segment,
    File {
        page: usize,
        is_shared: bool,
    },
}

#[derive(Clone, Copy, Debug)]
pub enum Op {
    Map(Span, Shown, Permissions),
    Unmap(Span),
    Protect(Span, Permissions),
    Discard(Span),
    /// `old` lies in one of the host's regions, as those before Linux 6.17 want it.
    Move {
        old: Span,
        new: Span,
    },
    /// Grows, or shrinks, to so many pages where it is.
    Resize {
        old: Span,
        count: usize,
    },
    /// Cuts the file, or lets it grow.
    Truncate(usize),
    /// Bytes of the window: from where, and how many.
    Read(usize, usize),
    /// The same, and what they are made of.
    Write(usize, usize, u8),
    /// Bytes of the file that somebody else writes. Past its end are none.
    WriteFile(usize, usize, u8),
}

impl Op {
    /// The kinds, for a tally.
    pub const KINDS: usize = 10;

    pub const fn kind(self) -> usize {
        match self {
            Self::Map(..) => 0,
            Self::Unmap(_) => 1,
            Self::Protect(..) => 2,
            Self::Discard(_) => 3,
            Self::Move { .. } => 4,
            Self::Resize { .. } => 5,
            Self::Truncate(_) => 6,
            Self::Read(..) => 7,
            Self::Write(..) => 8,
            Self::WriteFile(..) => 9,
        }
    }
}

/// Bytes to write, that differ from one call to the next.
pub fn bytes(len: usize, salt: u8) -> Vec<u8> {
    let mut next = salt;
    let mut byte = || {
        next = next.wrapping_mul(167).wrapping_add(13);
        next
    };
    (0..len).map(|_| byte()).collect()
}

/// The next call, where the host has these regions.
pub fn op(rng: &mut Random, regions: &[Span]) -> Op {
    let region = regions.get(rng.below(regions.len().max(1)));
    match (rng.below(32), region) {
        (0..4, _) | (_, None) => Op::Map(span(rng), shown(rng), [R, RW, RW, NONE][rng.below(4)]),
        (4, _) => Op::Unmap(span(rng)),
        (5..7, Some(&region)) => Op::Protect(part(rng, region), [NONE, R, RW, RW][rng.below(4)]),
        (7, _) => Op::Protect(span(rng), [R, RW][rng.below(2)]),
        (8, _) => Op::Discard(span(rng)),
        (9..12, Some(&region)) => remap(rng, region),
        (12, _) => Op::Truncate(rng.below(FILE_PAGES + 1)),
        (13, _) => {
            let (at, len, salt) = place(rng, FILE_PAGES);
            Op::WriteFile(at, len, salt)
        }
        (14..22, _) => {
            let (at, len, _) = place(rng, PAGES);
            Op::Read(at, len)
        }
        _ => {
            let (at, len, salt) = place(rng, PAGES);
            Op::Write(at, len, salt)
        }
    }
}

fn part(rng: &mut Random, whole: Span) -> Span {
    let count = 1 + rng.below(whole.count.min(LONGEST));
    let first = whole.first + rng.below(whole.count - count + 1);
    Span { first, count }
}

fn span(rng: &mut Random) -> Span {
    let (first, count) = (0, PAGES);
    part(rng, Span { first, count })
}

fn shown(rng: &mut Random) -> Shown {
    match rng.below(4) {
        0 => Shown::Anonymous,
        1 => Shown::Segment,
        _ => Shown::File {
            page: rng.below(FILE_PAGES),
            is_shared: rng.below(2) == 0,
        },
    }
}

fn remap(rng: &mut Random, region: Span) -> Op {
    let (old, new) = (part(rng, region), span(rng));
    if rng.below(2) == 0 || new.overlaps(old) {
        let count = new.count.min(PAGES - old.first);
        return Op::Resize { old, count };
    }
    Op::Move { old, new }
}

/// A few bytes, or some pages of them; with a salt.
fn place(rng: &mut Random, pages: usize) -> (usize, usize, u8) {
    let at = rng.below(pages * PAGE);
    let longest = [16, 3 * PAGE][rng.below(2)];
    let len = 1 + rng.below(longest.min(pages * PAGE - at));
    let salt = u8::try_from(rng.below(256)).unwrap_or_default();
    (at, len, salt)
}
