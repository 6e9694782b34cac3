//! Random edits of a page table, over a tiny space.

use std::fmt;

use kernel_vm::Permissions;
use proptest::collection::vec;
use proptest::prelude::*;

/// The pages: a whole 2 MiB block on either side of a 1 GiB border, and a few pages around them.
pub const PAGES: usize = 8 + 512 + 512 + 8;

#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub first: usize,
    pub count: usize,
}

#[derive(Clone, Debug)]
pub enum Step {
    /// What shrinking makes of a step that does not matter.
    Nothing,
    Map(Span, u64, Permissions),
    Install(usize, Permissions),
    Exchange(usize, Permissions),
    Unmap(Span),
    Protect(Span, Permissions),
    /// To this page; what is there is unmapped before.
    Shift(Span, usize),
    /// A store through the page, by an MMU that sets the bits itself.
    Write(usize),
}

/// Steps that print line by line, and those that shrinking has emptied not at all.
pub struct Steps(pub Vec<Step>);

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.0.iter().filter(|step| !matches!(step, Step::Nothing));
        told.try_for_each(|step| write!(f, "\n    {step:?}"))
    }
}

fn page() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..10_usize, 4 => 516..524_usize, 3 => 1028..PAGES, 1 => 0..PAGES]
}

fn span() -> impl Strategy<Value = Span> {
    let short = (page(), 1..6_usize);
    let whole = prop_oneof![
        Just((8, 512)),
        Just((520, 512)),
        Just((8, 1024)),
        Just((0, PAGES))
    ];
    let any = (page(), page()).prop_map(|(one, other)| (one.min(other), one.abs_diff(other) + 1));
    prop_oneof![5 => short, 2 => any, 2 => whole].prop_map(|(first, count)| Span {
        first,
        count: count.min(PAGES - first),
    })
}

fn permissions() -> impl Strategy<Value = Permissions> {
    let some = [0, 1, 3, 5, 7, 8, 11];
    proptest::sample::select(some.map(Permissions::from_bits_retain).to_vec())
}

fn step() -> impl Strategy<Value = Step> {
    let offset = proptest::sample::select(vec![0x1_0000 - 8_u64, 0x8_0000 - 8, 0x2_0007]);
    prop_oneof![
        1 => Just(Step::Nothing),
        5 => (span(), offset, permissions()).prop_map(|(span, offset, allowed)| Step::Map(span, offset, allowed)),
        5 => (page(), permissions()).prop_map(|(page, allowed)| Step::Install(page, allowed)),
        2 => (page(), permissions()).prop_map(|(page, allowed)| Step::Exchange(page, allowed)),
        3 => span().prop_map(Step::Unmap),
        3 => (span(), permissions()).prop_map(|(span, allowed)| Step::Protect(span, allowed)),
        3 => (span(), page()).prop_map(|(span, to)| Step::Shift(span, to)),
        2 => page().prop_map(Step::Write),
    ]
}

pub fn steps() -> impl Strategy<Value = Steps> {
    vec(step(), 20..50).prop_map(Steps)
}
