//! Errors on purpose, which random verbs must find.

use super::op::{Op, Span};

/// An error on purpose between the model and the space, which random verbs must find: a suite that finds none proves
/// nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lie {
    /// The space is not told of each third unmap.
    LostUnmap,
    /// The space is told of one page less whenever permissions of more than one change.
    ShortProtect,
    /// What moves goes one page too far down in the space.
    MovedAside,
    /// The space is not told of the faults that write.
    LostFault,
    /// The space is told of one page less whenever more than one is populated.
    ShortPopulate,
    /// No flush reaches a CPU: [`Subject::lose_flush`](super::Subject::lose_flush).
    LostFlush,
}

impl Lie {
    /// Those about maps.
    pub const MAPS: [Self; 3] = [Self::LostUnmap, Self::ShortProtect, Self::MovedAside];

    /// Those that CPUs find out.
    pub const CPUS: [Self; 3] = [Self::LostFlush, Self::LostUnmap, Self::MovedAside];

    /// Those about maps and entries.
    pub const PAGES: [Self; 5] = [
        Self::LostUnmap,
        Self::ShortProtect,
        Self::MovedAside,
        Self::LostFault,
        Self::ShortPopulate,
    ];

    /// What the space is told instead of `op`; `unmaps` counts those so far, with this one.
    pub(super) fn bend(self, op: Op, unmaps: usize) -> Option<Op> {
        match (self, op) {
            (Self::LostUnmap, Op::Unmap(_)) if unmaps % 3 == 0 => None,
            (Self::ShortProtect, Op::Protect(span, rights)) if span.count > 1 => {
                let count = span.count - 1;
                Some(Op::Protect(Span { count, ..span }, rights))
            }
            (Self::MovedAside, Op::Remap(old, new)) if new.first > 0 && new.first != old.first => {
                let first = new.first - 1;
                Some(Op::Remap(old, Span { first, ..new }))
            }
            (Self::LostFault, Op::Fault(_, 1)) => None,
            (Self::ShortPopulate, Op::Populate(span)) if span.count > 1 => {
                let count = span.count - 1;
                Some(Op::Populate(Span { count, ..span }))
            }
            _ => Some(op),
        }
    }
}
