//! Verbs at random: by what the model knows, so that most are accepted.

use super::model::Model;
use super::op::{Memory, Op, Rights, Span, Step};
use crate::testing::rng::Rng;

/// The pages of a large leaf.
const BLOCK: usize = 512;

/// A hand that draws steps for one run.
pub(super) struct Draw<const W: usize> {
    rng: Rng,
    /// Whether maps are meant to become fewer, and larger.
    shrinks: bool,
    /// Whether many verbs are about large leaves.
    is_large: bool,
    /// How many of the pages are used: in a few, the tree is now one leaf, now two.
    limit: usize,
    /// The verb that comes next, whatever else.
    next: Option<Op>,
}

impl<const W: usize> Draw<W> {
    const PAGES: usize = 64 * W;

    pub(super) fn new(seed: u64) -> Self {
        Self {
            rng: Rng::new(seed),
            shrinks: false,
            is_large: seed % 2 == 0,
            limit: match seed / 2 % 3 {
                0 if W > 8 => Self::PAGES / 16,
                1 if W > 8 => Self::PAGES / 6,
                _ => Self::PAGES,
            },
            next: None,
        }
    }

    pub(super) fn step(&mut self, model: &Model<W>) -> Step {
        if self.rng.one_in(if self.shrinks { 128 } else { 512 }) {
            self.shrinks = !self.shrinks;
        }
        let op = if let Some(op) = self.next.take() {
            op
        } else if self.rng.one_in(10) {
            self.hostile(model)
        } else {
            self.friendly(model)
        };
        Step(op, self.page())
    }

    fn page(&mut self) -> usize {
        self.rng.below(self.limit)
    }

    /// How many pages: most often few, and at most `most`.
    fn count(&mut self, most: usize) -> usize {
        let limit = match self.rng.below(16) {
            0 if self.shrinks || W == 1 => self.limit / 3,
            0 | 1 => 24,
            _ => 5,
        };
        1 + self.rng.below(limit.min(most))
    }

    /// Pages from `first` on.
    fn span(&mut self, first: usize) -> Span {
        let count = self.count(self.limit - first);
        Span { first, count }
    }

    fn any(&mut self) -> Span {
        let first = self.page();
        self.span(first)
    }

    /// Pages that are all mapped, or all free; any where there is none.
    fn all(&mut self, model: &Model<W>, mapped: bool) -> Span {
        let from = self.page();
        let pages = &model.mapped;
        let behind = pages.first(from..self.limit, mapped);
        let Some(first) = behind.or_else(|| pages.first(0..from, mapped)) else {
            return self.span(from);
        };
        let span = self.span(first);
        let end = pages.first(span.range(), !mapped);
        Span::of(first..end.unwrap_or(span.end()))
    }

    /// Sets that page tables can say.
    fn rights(&mut self) -> Rights {
        Rights([1, 3, 3, 5, 7, 0, 1, 3][self.rng.below(8)])
    }

    fn memory(&mut self) -> Memory {
        match self.rng.below(8) {
            0..=3 => Memory::Near,
            4 | 5 => Memory::Far,
            _ => Memory::Anonymous,
        }
    }

    fn friendly(&mut self, model: &Model<W>) -> Op {
        if W > 8 && self.rng.one_in(self.large_odds(model)) {
            return self.large(model);
        }
        if model.kind.has_entries && self.rng.one_in(3) {
            return self.pages(model);
        }
        let choice = self.rng.below(if self.shrinks { 128 } else { 100 });
        match choice {
            0..30 => Op::Add(self.all(model, false), self.memory(), self.rights()),
            30..36 => Op::Replace(self.any(), self.memory(), self.rights()),
            36..46 => Op::Unmap(self.all(model, true)),
            46..49 => Op::UnmapDeferred(self.all(model, true)),
            49..61 => Op::Protect(self.all(model, true), self.rights()),
            61..65 => Op::ProtectDeferred(self.all(model, true), self.rights()),
            65..68 => Op::Restrict(self.any(), Rights([1, 3, 5, 7][self.rng.below(4)])),
            68..80 => self.remap(model),
            80..83 => Op::Remove(self.rng.below(model.maps().max(1))),
            83..97 => self.find(),
            97..100 => Op::Settle,
            _ => Op::Unmap(self.any()),
        }
    }

    /// What changes entries.
    fn pages(&mut self, model: &Model<W>) -> Op {
        let span = self.all(model, true);
        let choice = self.rng.below(8);
        match choice {
            3..=6 if !model.kind.has_pages => Op::Populate(span),
            0..=2 => Op::Populate(span),
            3 => Op::Prefault(span),
            4..=6 => Op::Fault(span.first, self.access(model.rights(span.first))),
            _ => Op::Discard(span),
        }
    }

    /// One that is allowed, most often.
    fn access(&mut self, rights: Rights) -> u8 {
        let access = [0, 1, 1, 2][self.rng.below(4)];
        if rights.0 >> access & 1 == 0 && rights.0 & Rights::READ != 0 && !self.rng.one_in(8) {
            return 0;
        }
        access
    }

    /// One verb of how many is about a large leaf, or as many pages.
    fn large_odds(&self, model: &Model<W>) -> usize {
        match (model.kind.has_entries, self.is_large) {
            (true, true) => 2,
            (false, true) => 24,
            _ => 60,
        }
    }

    /// Large leaves, as long as nobody splits them.
    fn large(&mut self, model: &Model<W>) -> Op {
        let block = |rng: &mut Rng| rng.below(Self::PAGES / BLOCK) * BLOCK;
        let first = block(&mut self.rng);
        let span = Span {
            first,
            count: BLOCK,
        };
        let is_whole = model.hole(span.range()).is_none();
        match self.rng.below(9) {
            0 | 1 if is_whole => Op::Remap(
                span,
                Span {
                    first: block(&mut self.rng),
                    count: BLOCK,
                },
            ),
            2 if is_whole => Op::Protect(span, self.rights()),
            3 => Op::Unmap(span),
            4 => Op::Restrict(self.wide(), Rights(1)),
            5 | 6 if model.kind.has_entries => {
                self.next = Some(Op::Populate(span));
                Op::Replace(span, Memory::Near, self.rights())
            }
            _ if model.kind.has_entries => Op::Populate(span),
            _ => Op::Protect(self.all_wide(model), self.rights()),
        }
    }

    /// Many pages, without regard to leaves.
    fn wide(&mut self) -> Span {
        let first = self.page();
        let count = 1 + self.rng.below((self.limit - first).min(2 * BLOCK));
        Span { first, count }
    }

    /// As many mapped pages as there are in a row.
    fn all_wide(&mut self, model: &Model<W>) -> Span {
        let wide = self.wide();
        let hole = model.hole(wide.range()).map(|hole| hole.first);
        let end = hole.filter(|&end| end > wide.first).unwrap_or(wide.end());
        Span::of(wide.first..end)
    }

    /// A move, to a smaller size or not, or growth.
    fn remap(&mut self, model: &Model<W>) -> Op {
        let old = self.all(model, true);
        let first = match self.rng.below(5) {
            0 => old.first,
            1 => return self.growth(model, old),
            _ => self.rng.below(self.limit - old.count + 1),
        };
        let count = match self.rng.below(4) {
            0 => 1 + self.rng.below(old.count),
            _ => old.count,
        };
        Op::Remap(old, Span { first, count })
    }

    /// Growth of a whole map, in place where there is room.
    fn growth(&mut self, model: &Model<W>, old: Span) -> Op {
        if !model.mapped.has(old.first) {
            return Op::Remap(old, old);
        }
        let map = model.map_around(old.first);
        let old = Span::of(old.first..map.end());
        let more = 1 + self.rng.below(4);
        let count = (old.count + more).min(self.limit);
        let first = match self.rng.below(2) {
            0 => old.first.min(self.limit - count),
            _ => self.rng.below(self.limit - count + 1),
        };
        Op::Remap(old, Span { first, count })
    }

    fn find(&mut self) -> Op {
        let window = match self.rng.below(2) {
            0 => Span::of(0..self.limit),
            _ => Span::of(self.page()..self.limit),
        };
        let size = self.count(self.limit);
        Op::Find(window, size, 1 << self.rng.below(4))
    }

    /// Verbs without a look at the model: beyond its end, too, where the backend must refuse that.
    fn hostile(&mut self, model: &Model<W>) -> Op {
        let mut span = self.any();
        if model.kind.is_all && self.rng.one_in(4) {
            span.count += 5;
        }
        let rights = Rights(self.rng.below(8) as u8);
        if model.kind.has_entries && self.rng.one_in(3) {
            return match self.rng.below(4) {
                0 | 3 if !model.kind.has_pages => Op::Populate(span),
                0 => Op::Prefault(span),
                1 => Op::Populate(span),
                2 => Op::Discard(span),
                _ => Op::Fault(self.page(), self.rng.below(3) as u8),
            };
        }
        match self.rng.below(8) {
            0 | 1 => Op::Add(span, self.memory(), rights),
            2 => Op::Replace(span, self.memory(), rights),
            3 => Op::Unmap(span),
            4 => Op::Protect(span, rights),
            5 => Op::Restrict(span, rights),
            6 => Op::Remap(span, self.any()),
            _ => Op::Remove(self.page()),
        }
    }
}
