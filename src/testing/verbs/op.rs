//! The verbs, as values that print as Rust.

pub(super) use crate::testing::span::{PAGE, Rights, Span};

/// What is behind a new map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Memory {
    /// Physical memory that is aligned as the pages are: superpages are possible.
    Near,
    /// Other physical memory, aligned otherwise.
    Far,
    Anonymous,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Op {
    Add(Span, Memory, Rights),
    Replace(Span, Memory, Rights),
    Unmap(Span),
    UnmapDeferred(Span),
    Protect(Span, Rights),
    ProtectDeferred(Span, Rights),
    Restrict(Span, Rights),
    Remap(Span, Span),
    Remove(usize),
    /// A window, and size and alignment in pages.
    Find(Span, usize, usize),
    Settle,
    Populate(Span),
    Prefault(Span),
    /// A fault of a page, and what was tried there: 0 reads, 1 writes, 2 executes.
    Fault(usize, u8),
    Discard(Span),
}

/// A verb, and the page that is looked at behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step(pub(super) Op, pub(super) usize);

impl Op {
    /// The names of the verbs, by [`verb`](Self::verb).
    pub(super) const VERBS: [&'static str; 15] = [
        "add",
        "replace",
        "unmap",
        "unmap_deferred",
        "protect",
        "protect_deferred",
        "restrict",
        "remap",
        "remove",
        "find_free",
        "settle",
        "populate",
        "prefault",
        "handle_fault",
        "discard",
    ];

    /// A page that the verb is about.
    pub(super) fn page(self) -> usize {
        match self {
            Self::Add(span, ..)
            | Self::Replace(span, ..)
            | Self::Unmap(span)
            | Self::UnmapDeferred(span)
            | Self::Protect(span, _)
            | Self::ProtectDeferred(span, _)
            | Self::Restrict(span, _)
            | Self::Remap(_, span)
            | Self::Find(span, ..)
            | Self::Populate(span)
            | Self::Prefault(span)
            | Self::Discard(span) => span.end() - 1,
            Self::Fault(page, _) => page,
            Self::Remove(_) | Self::Settle => 0,
        }
    }

    pub(super) fn verb(self) -> usize {
        match self {
            Self::Add(..) => 0,
            Self::Replace(..) => 1,
            Self::Unmap(_) => 2,
            Self::UnmapDeferred(_) => 3,
            Self::Protect(..) => 4,
            Self::ProtectDeferred(..) => 5,
            Self::Restrict(..) => 6,
            Self::Remap(..) => 7,
            Self::Remove(_) => 8,
            Self::Find(..) => 9,
            Self::Settle => 10,
            Self::Populate(_) => 11,
            Self::Prefault(_) => 12,
            Self::Fault(..) => 13,
            Self::Discard(_) => 14,
        }
    }
}
