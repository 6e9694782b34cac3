//! What the bytes of a run say.

use arbitrary::{Arbitrary, Result, Unstructured};
use kernel_vm_fuzz::{Ops, Rights, log_scaled};

use crate::span::{Span, page};

#[derive(Arbitrary, Debug)]
pub struct Input {
    /// How many nodes the space has of its own; without, it grows on the heap.
    pub nodes: Option<Few>,
    /// What is there at first. Edits alone seldom make a tree of more than one node.
    pub field: Field,
    pub ops: Ops<Op>,
}

#[derive(Clone, Copy, Debug)]
pub struct Few(pub usize);

impl<'a> Arbitrary<'a> for Few {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        log_scaled(bytes, 5).map(|count| Self(count - 1))
    }
}

/// What a map is beside its place.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Kind {
    pub rights: Rights,
    #[arbitrary(with = seldom)]
    pub is_shared: bool,
    /// Frames beside those of neighbours, or others, so that maps stay many.
    pub joins: bool,
    #[arbitrary(with = seldom)]
    pub is_elsewhere: bool,
}

/// Maps of a page each, one by one or all at once.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Field {
    #[arbitrary(with = page)]
    pub first: usize,
    #[arbitrary(with = |bytes: &mut Unstructured<'_>| log_scaled(bytes, 12))]
    pub count: usize,
    #[arbitrary(with = |bytes: &mut Unstructured<'_>| bytes.choose(&[1, 1, 2, 3]).copied())]
    pub stride: usize,
    pub kind: Kind,
    pub at_once: bool,
}

pub fn seldom(bytes: &mut Unstructured<'_>) -> Result<bool> {
    bytes.ratio(1, 8)
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Op {
    Add(Span, Kind),
    Replace(Span, Kind),
    Scatter(Field),
    Unmap(Span),
    Protect(Span, Rights),
    Remap {
        old: Span,
        #[arbitrary(with = page)]
        new: usize,
        /// Instead of the old number of pages.
        other_count: Option<u8>,
    },
    RemoveIndex(u16),
    RemoveAndRestore {
        backwards: bool,
    },
    Find {
        within: Span,
        #[arbitrary(with = |bytes: &mut Unstructured<'_>| log_scaled(bytes, 6))]
        count: usize,
        #[arbitrary(with = |bytes: &mut Unstructured<'_>| bytes.int_in_range(0..=6))]
        align: u32,
        offset: u8,
        #[arbitrary(with = page)]
        hint: usize,
    },
    Look(Span),
    AllowHeap,
}
