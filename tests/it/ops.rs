//! Random operations over a tiny space, done to the model and to the manager at once.

use kernel_vm::{MapError, Permissions, Settled, VirtualMemoryManager, VirtualMemoryMap};
use proptest::prelude::*;

use crate::model::{Model, PAGES, Page, Span, touch};
use crate::subject::{PAGE, Subject};

const CPUS: usize = 2;

#[derive(Clone, Debug)]
pub enum Op {
    /// What shrinking makes of an operation that does not matter.
    Nothing,
    Add(Span, Page),
    Replace(Span, Page),
    Unmap(Span),
    Protect(Span, Permissions),
    UnmapDeferred(Span),
    ProtectDeferred(Span, Permissions),
    Settle,
    Restrict(Span, Permissions),
    Remap(Span, Span),
    Populate(Span),
    Remove(usize),
    RemoveAllAndRestore,
    RemoveAll,
    FindFree(usize, Span),
}

impl Op {
    /// Whether the verb settles what waits, or is the one that does so.
    pub fn settles(&self) -> bool {
        !matches!(
            self,
            Op::Nothing | Op::UnmapDeferred(_) | Op::ProtectDeferred(..) | Op::FindFree(..)
        )
    }
}

/// A verb, and which allocation in it fails (0: none).
pub type Step = (Op, usize);

/// Pages where something is likely to happen: near the borders of the space and of its two 2 MiB blocks.
fn page() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 0..10_usize,
        4 => 516..524_usize,
        3 => 1028..PAGES,
        1 => 0..PAGES,
    ]
}

fn span() -> impl Strategy<Value = Span> {
    let short = (page(), 1..6_usize).prop_map(|(first, count)| (first, first + count));
    let blocks = prop_oneof![
        Just((8, 520)),
        Just((520, 1032)),
        Just((8, 1032)),
        Just((0, PAGES))
    ];
    let between =
        prop_oneof![5 => short.boxed(), 3 => (page(), page()).boxed(), 2 => blocks.boxed()];
    between.prop_map(|(one, other)| {
        let (first, end) = (
            one.min(other),
            one.max(other)
                .clamp(one.min(other) + 1, PAGES.max(one.min(other) + 1)),
        );
        Span {
            first,
            count: end.min(PAGES) - first,
        }
    })
}

fn permissions() -> impl Strategy<Value = Permissions> {
    let all = [0, 1, 3, 4, 5, 7, 8, 9, 11, 13, 15];
    proptest::sample::select(all.map(Permissions::from_bits_retain).to_vec())
}

/// Few physical places, so that neighbours often continue each other; some let superpages form and some do not.
fn mapping() -> impl Strategy<Value = (Span, Page)> {
    let offsets = proptest::sample::select(vec![0x1_0000 - 8_u64, 0x8_0000 - 8, 0x2_0007]);
    (span(), offsets, permissions(), any::<bool>()).prop_map(
        |(span, offset, permissions, is_shared)| {
            let frame = offset + span.first as u64;
            (
                span,
                Page {
                    frame,
                    permissions,
                    is_shared,
                    is_present: false,
                },
            )
        },
    )
}

pub fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        1 => Just(Op::Nothing),
        8 => mapping().prop_map(|(span, page)| Op::Add(span, page)),
        4 => mapping().prop_map(|(span, page)| Op::Replace(span, page)),
        4 => span().prop_map(Op::Unmap),
        4 => (span(), permissions()).prop_map(|(span, permissions)| Op::Protect(span, permissions)),
        4 => span().prop_map(Op::UnmapDeferred),
        4 => (span(), permissions())
            .prop_map(|(span, permissions)| Op::ProtectDeferred(span, permissions)),
        3 => Just(Op::Settle),
        3 => (span(), permissions()).prop_map(|(span, keep)| Op::Restrict(span, keep)),
        4 => (span(), span()).prop_map(|(old, new)| Op::Remap(old, new)),
        3 => (span(), page()).prop_map(|(old, first)| {
            Op::Remap(old, Span { first: first.min(PAGES - old.count), count: old.count })
        }),
        6 => span().prop_map(Op::Populate),
        2 => (0..8_usize).prop_map(Op::Remove),
        1 => Just(Op::RemoveAllAndRestore),
        1 => Just(Op::RemoveAll),
        2 => (1..600_usize, span()).prop_map(|(count, within)| Op::FindFree(count, within)),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
    (op(), prop_oneof![3 => Just(0), 1 => 1..5_usize])
}

/// One space beside its model.
pub struct Pair<B: Subject> {
    space: VirtualMemoryManager<B>,
    model: Model,
    sample: Vec<usize>,
}

impl<B: Subject> Pair<B> {
    pub fn new() -> Self {
        let sample = (0..12)
            .chain(510..530)
            .chain(1026..PAGES)
            .chain([100, 600])
            .collect();
        Self {
            space: VirtualMemoryManager::new(B::fresh()),
            model: Model::new(),
            sample,
        }
    }

    /// Does `step` to both, and compares them.
    pub fn step(&mut self, (mut op, fails_at): Step) {
        if let Op::Add(_, Page { permissions, .. })
        | Op::Replace(_, Page { permissions, .. })
        | Op::Protect(_, permissions)
        | Op::ProtectDeferred(_, permissions)
        | Op::Restrict(_, permissions) = &mut op
        {
            *permissions = B::sayable(*permissions);
        }
        touch(self.space.backend(), CPUS, &self.sample, self.model.waits);
        let (in_use, flushes) = (
            self.space.backend().in_use(),
            self.space.backend().flushes(),
        );
        self.space.backend().fail(fails_at);
        let waited = self.model.waits;
        if waited && op.settles() {
            self.model.settle();
        }
        let failed = self.apply(&op);
        self.space.backend().fail(0);
        let is_settled = waited && !self.model.waits;
        if failed {
            let now = self.space.backend().in_use();
            assert!(
                now == in_use || is_settled && now < in_use,
                "a failed verb keeps what it reserved"
            );
        }
        assert!(
            self.space.backend().flushes()
                <= flushes + most_flushes(&op, B::BREAKS) + usize::from(is_settled),
            "more than one flush a verb"
        );
        self.model.compare(&self.space, CPUS, &self.sample);
    }

    /// Answers whether the verb failed for want of memory.
    fn apply(&mut self, op: &Op) -> bool {
        match *op {
            Op::Nothing => false,
            Op::Add(span, page) => {
                let seen = self.space.add_memory_map(self.model.map(span, page));
                assert_eq!(
                    seen.map_err(|refused| refused.error()),
                    self.model.add(span, page)
                );
                false
            }
            Op::Replace(span, page) => {
                let mut cut = Vec::new();
                let seen = self
                    .space
                    .replace_memory_map_into(self.model.map(span, page), &mut cut);
                self.settle(
                    seen.map_err(|refused| refused.error()),
                    &cut,
                    &[span],
                    |model| {
                        model.replace(span, page);
                        Ok(())
                    },
                )
            }
            Op::Unmap(span) => {
                let mut cut = Vec::new();
                let seen = self.space.unmap_into(span.area(), &mut cut);
                self.settle(seen, &cut, &[span], |model| {
                    model.unmap(span);
                    Ok(())
                })
            }
            Op::Protect(span, permissions) => {
                let seen = self.space.protect(span.area(), permissions);
                self.settle(seen, &[], &[], |model| model.protect(span, permissions))
            }
            Op::UnmapDeferred(span) => {
                let seen = self.space.unmap_deferred(span.area());
                self.settle(seen, &[], &[], |model| {
                    model.defer(span);
                    model.unmap(span);
                    Ok(())
                })
            }
            Op::ProtectDeferred(span, permissions) => {
                let seen = self.space.protect_deferred(span.area(), permissions);
                self.settle(seen, &[], &[], |model| {
                    let old = model.pages.clone();
                    model.protect(span, permissions)?;
                    let new = std::mem::replace(&mut model.pages, old);
                    model.defer(span);
                    model.pages = new;
                    Ok(())
                })
            }
            Op::Settle => {
                assert_eq!(self.space.settle(), Settled::Done);
                false
            }
            Op::Restrict(span, keep) => {
                let seen = self.space.restrict(span.area(), keep);
                self.settle(seen, &[], &[], |model| {
                    model.restrict(span, keep);
                    Ok(())
                })
            }
            Op::Remap(old, new) => self.remap(old, new),
            Op::Populate(span) => {
                let seen = self.space.populate(span.area());
                self.settle(seen, &[], &[], |model| {
                    model.populate(span);
                    Ok(())
                })
            }
            Op::Remove(_) | Op::RemoveAll | Op::RemoveAllAndRestore => {
                self.remove(op);
                false
            }
            Op::FindFree(count, within) => {
                let seen = self.space.find_free_area(count * PAGE, 1, within.area());
                assert_eq!(seen, self.model.find_free(count, within));
                false
            }
        }
    }

    fn remap(&mut self, old: Span, new: Span) -> bool {
        let mut cut = Vec::new();
        let seen = self.space.remap_into(old.area(), new.area(), &mut cut);
        let head = new.count.min(old.count);
        let tail = Span {
            first: old.first + head,
            count: old.count - head,
        };
        let cuts = if old.first == new.first {
            vec![tail]
        } else {
            vec![new, tail]
        };
        self.settle(seen, &cut, &cuts, |model| model.remap(old, new))
    }

    fn remove(&mut self, op: &Op) {
        match *op {
            Op::Remove(index) => {
                let expected = self.model.maps().into_iter().nth(index);
                let removed = self.space.remove_memory_map(index);
                assert_eq!(removed, expected);
                if let Some(map) = removed {
                    let gone = |page: &usize| map.vmarea().contains(crate::model::addr(*page));
                    (0..PAGES)
                        .filter(gone)
                        .for_each(|page| self.model.pages[page] = None);
                }
            }
            Op::RemoveAllAndRestore => {
                let maps = self.space.remove_all_memory_maps();
                assert_eq!(maps.len(), self.model.maps().len());
                let maps: Vec<_> = maps.collect();
                assert_eq!(maps, self.model.maps());
                self.space
                    .restore_memory_maps(maps.into_iter().rev())
                    .unwrap();
                self.model
                    .pages
                    .iter_mut()
                    .flatten()
                    .for_each(|page| page.is_present = false);
            }
            _ => {
                let mut maps = self.space.remove_all_memory_maps();
                let mut expected = self.model.maps().into_iter();
                assert_eq!(maps.next(), expected.next());
                assert_eq!(maps.len(), expected.len());
                drop(maps);
                self.model = Model::new();
            }
        }
    }

    /// Holds the verb's answer and the pieces it cut out (in `cuts`, in this order) against the model's; where memory
    /// ran out, the model stays as it was.
    fn settle(
        &mut self,
        seen: Result<(), MapError>,
        cut: &[VirtualMemoryMap],
        cuts: &[Span],
        verb: impl FnOnce(&mut Model) -> Result<(), MapError>,
    ) -> bool {
        if matches!(seen, Err(MapError::OutOfFrames { .. })) {
            assert!(cut.is_empty());
            return true;
        }
        let pieces: Vec<_> = cuts.iter().flat_map(|&span| self.pieces(span)).collect();
        let expected = verb(&mut self.model);
        assert_eq!(seen, expected);
        assert_eq!(
            cut,
            if expected.is_ok() {
                pieces.as_slice()
            } else {
                &[]
            }
        );
        false
    }

    /// The maps in `span`, cut at its borders.
    fn pieces(&self, span: Span) -> Vec<VirtualMemoryMap> {
        let mut model = Model::new();
        let indices = span.first..span.first + span.count;
        model.pages[indices.clone()].copy_from_slice(&self.model.pages[indices]);
        model.maps()
    }
}

/// How many flushes `op` may cost, with so many to break leaves.
fn most_flushes(op: &Op, breaks: usize) -> usize {
    match op {
        Op::Nothing | Op::Add(..) | Op::Populate(_) | Op::FindFree(..) | Op::Settle => 0,
        Op::UnmapDeferred(_) | Op::ProtectDeferred(..) => breaks,
        _ => 1 + breaks,
    }
}
