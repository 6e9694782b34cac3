//! Steps at random: by what the models know, so that most change something.

use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use super::model::Model;
use super::op::{Op, PAGE, PAGES, PROCESSES, Rights, Span, Step, Word};
use crate::testing::rng::Rng;

/// Nothing, reads, reads and writes, reads and executes.
const RIGHTS: [Rights; 4] = [Rights(0), Rights(1), Rights(3), Rights(5)];

/// Both ends of a page, and its middle.
const BYTES: [usize; 4] = [0, 8, PAGE / 2, Word::LAST];

/// A hand that draws steps for one run, on so many CPUs.
pub(super) struct Draw {
    rng: Rng,
    cpus: usize,
    /// The process of the last step, and a page: others are likely to follow there, on another CPU.
    hot: (usize, usize),
    /// Whether an allocation of the next step fails.
    fails: bool,
    /// What comes next, whatever else; the last of it first.
    next: Vec<Step>,
}

impl Draw {
    pub(super) fn new(seed: u64, cpus: usize) -> Self {
        Self {
            rng: Rng::new(seed),
            cpus,
            hot: (0, 0),
            fails: false,
            next: Vec::new(),
        }
    }

    /// A step of one that lives, or a start where nobody does.
    pub(super) fn step<'a>(&mut self, living: impl Fn(usize) -> Option<&'a Model>) -> Step {
        if let Some(step) = self.next.pop() {
            return step;
        }
        let any = self.rng.below(PROCESSES);
        let first = if self.rng.one_in(4) { any } else { self.hot.0 };
        let found = (first..PROCESSES)
            .chain(0..first)
            .find_map(|number| Some((number, living(number)?)));
        let Some((number, model)) = found else {
            return Step(first, Op::Start);
        };
        self.hot.0 = number;
        let free = (0..PROCESSES).find(|&number| living(number).is_none());
        // Those that take memory come first, so that one of them follows where it fails.
        let fails = mem::take(&mut self.fails);
        let most = if fails { 64 } else { 128 };
        let op = match self.rng.below(most) {
            0 => match free {
                Some(free) => return Step(free, Op::Start),
                None => Op::Exit,
            },
            1..5 => free.map_or(Op::Exit, Op::Fork),
            5..25 => self.change(model),
            25..57 => Op::Store(self.cpu(), self.word(model)),
            57..73 => Op::Write(self.cpu(), self.page(model)),
            73..89 => Op::Read(self.cpu(), self.few(model)),
            89..121 => Op::Load(self.cpu(), self.word(model)),
            121 => Op::Look(self.cpu()),
            122 => Op::Exit,
            _ => {
                self.fails = true;
                // Few verbs take many frames.
                let most = 1 + self.rng.below(5);
                Op::FailAlloc(1 + self.rng.below(most))
            }
        };
        let step = Step(number, op);
        if fails || !self.rng.one_in(3) || !matches!(op, Op::Store(..) | Op::Protect(..)) {
            return step;
        }
        // A CPU that has seen the page before is to see what has become of it.
        let seen = Step(number, Op::Load(self.cpu(), self.word(model)));
        self.next = vec![seen, step];
        seen
    }

    fn change(&mut self, model: &Model) -> Op {
        match self.rng.below(10) {
            0..5 => Op::Map(self.any(), self.rights()),
            5 => Op::Unmap(self.any()),
            6 => Op::Protect(self.mapped(model), self.rights()),
            7 => Op::Discard(self.any()),
            _ => {
                let old = self.mapped(model);
                let first = self.rng.below(PAGES - old.count + 1);
                Op::Remap(old, Span { first, ..old })
            }
        }
    }

    fn cpu(&mut self) -> usize {
        self.rng.below(self.cpus)
    }

    fn rights(&mut self) -> Rights {
        let any = self.rng.one_of(&RIGHTS);
        any.filter(|_| self.rng.one_in(2)).unwrap_or(Rights(3))
    }

    /// A page, which is mapped most often.
    fn page(&mut self, model: &Model) -> usize {
        if self.rng.one_in(3) {
            let any = self.rng.below(PAGES);
            let mapped = model.nth(any).filter(|_| !self.rng.one_in(6));
            self.hot.1 = mapped.unwrap_or(any);
        }
        self.hot.1
    }

    fn word(&mut self, model: &Model) -> Word {
        let page = self.page(model);
        let any = self.rng.below(PAGE / 8) * 8;
        let known = self.rng.one_of(&BYTES);
        let byte = known.filter(|_| !self.rng.one_in(4)).unwrap_or(any);
        Word { page, byte }
    }

    /// Pages from `first` on: up to `most`.
    fn span(&mut self, first: usize, most: usize) -> Span {
        let most = most.min(PAGES - first).max(1);
        let count = 1 + self.rng.below(most);
        Span { first, count }
    }

    fn any(&mut self) -> Span {
        let first = self.rng.below(PAGES);
        self.span(first, PAGES)
    }

    /// Some that are mapped, if any is.
    fn mapped(&mut self, model: &Model) -> Span {
        let first = self.page(model);
        let most = model.run(first, PAGES - first);
        self.span(first, most)
    }

    /// One or two.
    fn few(&mut self, model: &Model) -> Span {
        let first = self.page(model);
        self.span(first, 2)
    }
}
