//! Every pair of what two CPUs may do to one page at once, in every state that the page may be in.
//!
//! | beside | touch first | fault | exchange | permit | touch | settle |
//! |---|---|---|---|---|---|---|
//! | touch first | x | x | x | x | x | x |
//! | fault | | x | x | x | x | x |
//! | exchange | | | x | x | x | x |
//! | permit | | | | x | x | x |
//! | touch | | | | | x | x |
//! | settle | | | | | | x |
//!
//! Each is done to a page that is empty, that can be read and is nobody else's, that somebody else has, too, that is
//! hidden while the flush of that is owed, and that waits for its flush: in all ways with up to three preemptions, and,
//! beside an MMU that reads or writes the page by what it has cached, with up to two. What waits as a table is in
//! [`settle_table`](super::settle_table) and [`settle_tree`](super::settle_tree).
//!
//! Whatever the two are, they must end as if one had come after the other. There is one way more: a CPU that finds the
//! page busy, or changed since it looked, does nothing.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Acquire;
use std::panic::catch_unwind;

use loom::thread;
use spin::Mutex;

use super::frames::{Frames, Reference};
use super::mmu::Mmu;
use super::space::{READ, Space, WRITE, leaf, run, unused};
use super::{check, for_each_format, word};
use crate::backend::radix::entry::allowed::Allowed;
use crate::backend::radix::entry::transition::claim::{Claim, Shared};
use crate::backend::radix::entry::transition::permit::permit;
use crate::backend::radix::entry::transition::reap::{Reaped, reap};
use crate::backend::radix::entry::transition::retire::retire;
use crate::backend::radix::entry::transition::rewrite::rewrite;
use crate::backend::radix::entry::transition::swap::swap;
use crate::backend::radix::entry::transition::touch::touch;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::retire::owed::Owed;
use crate::backend::run::Run;
use crate::flush::Retired;
use crate::permissions::{Access, Permissions};
use crate::place::Place;

for_each_format! {
    fn what_is_left_out_is_found() = every_lie;
    fn two_cpus_end_as_one_after_the_other() = every_pair;
    fn two_cpus_do_so_beside_an_mmu() = every_pair_and_an_mmu;
}

/// What a CPU does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cpu {
    /// Claims the empty entry for a frame.
    TouchFirst,
    /// Does what a write that has faulted asks for, by what is there.
    Fault,
    /// Puts a frame in the place of the page's, without a look at who else has that.
    Exchange,
    Permit,
    Touch,
    Settle,
}

const CPUS: [Cpu; 6] = [
    Cpu::TouchFirst,
    Cpu::Fault,
    Cpu::Exchange,
    Cpu::Permit,
    Cpu::Touch,
    Cpu::Settle,
];

/// What the page is at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Empty,
    Alone,
    Shared,
    /// Hidden, from a page that could be written; the flush of that is owed.
    Hidden,
    /// Unmapped; the flush of that is owed.
    Waits,
}

const STARTS: [Start; 5] = [
    Start::Empty,
    Start::Alone,
    Start::Shared,
    Start::Hidden,
    Start::Waits,
];

/// What a CPU leaves out, so that the pairs are seen to find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// An exchange does not ask whether a flush is due.
    Due,
    /// Who settles does not flush.
    Flush,
    /// Who settles notes it before it has flushed.
    Order,
    /// A fault does not ask who else has the frame.
    Unique,
}

/// A page, and what is owed of it.
struct Page<F> {
    space: Arc<Space<F>>,
    owed: Owed<word::Word>,
    lie: Option<Lie>,
}

impl<F: Mmu> Page<F> {
    /// The page, which the user's CPU has used before.
    fn new(start: Start, lie: Option<Lie>) -> Arc<Self> {
        let (word, references) = match start {
            Start::Empty => (0, 0),
            Start::Alone => (leaf::<F>(0, READ), 1),
            Start::Shared => (leaf::<F>(0, READ), 2),
            Start::Hidden | Start::Waits => (leaf::<F>(0, WRITE), 1),
        };
        let space = Space::new(word, &Arc::new(Frames::new([references, 1, 1])));
        for access in [Access::Read, Access::Write] {
            space.access(1, access);
        }
        let mut told = Retired::new();
        let page = run(0, READ).area;
        match start {
            Start::Hidden => {
                rewrite::<F>(&space.entry, Allowed::new::<F>(Permissions::USER));
                told.note(page);
            }
            Start::Waits => {
                retire::<F>(&space.entry, 0);
                told.note(page);
                told.note_waiting(page);
            }
            _ => {}
        }
        let owed = Owed::over(told, word::Word::new(0));
        Arc::new(Self { space, owed, lie })
    }

    /// Does it, with a frame that is this CPU's, and answers whether it was done.
    fn does(&self, cpu: Cpu, frame: usize) -> Done {
        let space = &self.space;
        let old = match self.read() {
            Some(permissions) => run(0, permissions),
            None => run(0, READ),
        };
        match cpu {
            Cpu::TouchFirst => self.touch_first(frame),
            Cpu::Fault => self.fault(frame),
            Cpu::Exchange => self.exchange(old, frame),
            Cpu::Permit => {
                self.give_back(frame);
                Done::of(permit::<F>(&space.entry, old, F::permissions(WRITE)).is_ok())
            }
            Cpu::Touch => {
                self.give_back(frame);
                Done::of(touch::<F>(&space.entry, 0, Access::Read).is_ok())
            }
            Cpu::Settle => {
                self.give_back(frame);
                self.settle();
                Done::Yes
            }
        }
    }

    /// What is left of it where the page was another's meanwhile.
    fn is_late(&self, cpu: Cpu, frame: usize) {
        if cpu == Cpu::Fault && self.owed.is_due(run(0, READ).area) {
            self.settle();
        }
        self.give_back(frame);
    }

    /// What the leaf of the first frame allows, as a CPU finds it before it asks for more.
    fn read(&self) -> Option<Permissions> {
        match Word::read::<F>(self.space.entry.load(Acquire), 0) {
            Word::Leaf(leaf) if F::addr(leaf) == Frames::addr(0) => {
                Some(F::attributes(leaf).permissions)
            }
            _ => None,
        }
    }

    /// Gives back a frame that is not wanted, which was filled by then.
    fn give_back(&self, frame: usize) {
        self.space.frames.fill(frame);
        self.space.frames.release(Reference(frame), false);
    }

    fn touch_first(&self, frame: usize) -> Done {
        self.space.frames.fill(frame);
        let is_first = Shared::claim(&self.space.entry, leaf::<F>(frame, WRITE));
        if !is_first {
            self.give_back(frame);
        }
        Done::of(is_first)
    }

    /// As [`Radix::exchange`](crate::backend::Paging::exchange) does.
    fn exchange(&self, old: Run, frame: usize) -> Done {
        let space = &self.space;
        space.frames.fill(frame);
        let new = leaf::<F>(frame, WRITE);
        let is_due = self.owed.is_due(old.area) && self.lie != Some(Lie::Due);
        let swapped = swap::<F>(&space.entry, old, new, true, is_due, || space.flush());
        match swapped {
            Ok(before) => {
                let dirty = F::marks(before) & F::DIRTY != 0;
                space
                    .frames
                    .release(Reference(Frames::number(old.first)), dirty);
                Done::Yes
            }
            Err(_) => {
                self.give_back(frame);
                Done::No
            }
        }
    }

    /// As a manager resolves a write that has faulted: it settles first, where something waits.
    fn fault(&self, frame: usize) -> Done {
        let page = run(0, READ).area;
        let mut word = self.space.entry.load(Acquire);
        if word != 0 && self.owed.is_due(page) {
            self.settle();
            word = self.space.entry.load(Acquire);
        }
        match Word::read::<F>(word, 0) {
            Word::Empty => self.touch_first(frame),
            Word::Leaf(leaf) => {
                let permissions = F::attributes(leaf).permissions;
                let number = Frames::number(F::addr(leaf));
                if permissions.contains(Permissions::WRITE) {
                    self.give_back(frame);
                    return Done::of(touch::<F>(&self.space.entry, 0, Access::Write).is_ok());
                }
                self.own(run(number, permissions), frame)
            }
            _ => {
                self.give_back(frame);
                Done::No
            }
        }
    }

    /// Reuses the frame if nobody else has it, else copies it.
    fn own(&self, old: Run, frame: usize) -> Done {
        let (space, number) = (&self.space, Frames::number(old.first));
        if space.frames.is_unique(number) || self.lie == Some(Lie::Unique) {
            self.give_back(frame);
            return Done::of(permit::<F>(&space.entry, old, F::permissions(WRITE)).is_ok());
        }
        let Some(held) = space.hold(old) else {
            self.give_back(frame);
            return Done::No;
        };
        space.frames.access(number);
        space.frames.release(held, false);
        self.exchange(old, frame)
    }

    /// As a page table settles under a shared borrow.
    fn settle(&self) {
        let space = &self.space;
        let is_owed = self.owed.told().is_some();
        if self.lie == Some(Lie::Order) {
            self.owed.note_settled();
        }
        if is_owed && self.lie != Some(Lie::Flush) {
            space.flush();
        }
        let word = space.entry.load(Acquire);
        if let Some(Reaped::Leaf(leaf)) = reap::<F>(&space.entry, word, 0) {
            let number = Frames::number(F::addr(leaf));
            let dirty = F::marks(leaf) & F::DIRTY != 0;
            assert!(space.frames.release(Reference(number), dirty).is_some());
        }
        self.owed.note_settled();
    }

    fn end(&self, done: [Done; 2]) -> End {
        let word = unused::<F>(self.space.word());
        End {
            done,
            word,
            counts: self.space.frames.counts(),
            is_owed: self.owed.is_any(),
        }
    }
}

/// Whether a CPU has done what it wanted, or found the page otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Yes,
    No,
}

impl Done {
    const fn of(is_done: bool) -> Self {
        if is_done { Self::Yes } else { Self::No }
    }
}

/// How the two have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    done: [Done; 2],
    word: u64,
    counts: [u64; 3],
    is_owed: bool,
}

/// How two CPUs end that come one after the other, and where one of them is too late, or has settled before.
fn in_turn<F: Mmu>(start: Start, cpus: [Cpu; 2]) -> Vec<End> {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&ends);
    check(None, move || {
        noted.lock().clear();
        for order in [[0, 1], [1, 0]] {
            for late in [None, Some(0), Some(1)] {
                let may = late.is_none_or(|late: usize| may_be_late(cpus[late], cpus[1 - late]));
                if may {
                    let ways = [false, true].map(|settles| (order, late, settles));
                    let ends = ways.map(|way| one_by_one::<F>(start, cpus, way));
                    noted.lock().extend(ends);
                }
            }
        }
    });
    let ends = ends.lock().clone();
    ends
}

/// In which order two CPUs come, which of them is too late, and whether one that faults has settled before either.
type Way = ([usize; 2], Option<usize>, bool);

fn one_by_one<F: Mmu>(start: Start, cpus: [Cpu; 2], (order, late, settles): Way) -> End {
    let page = Page::<F>::new(start, None);
    let mut done = [Done::No; 2];
    if settles && cpus.contains(&Cpu::Fault) && page.owed.is_any() {
        page.settle();
    }
    for number in order {
        let frame = number + 1;
        if late == Some(number) {
            page.is_late(cpus[number], frame);
        } else {
            done[number] = page.does(cpus[number], frame);
        }
    }
    page.end(done)
}

/// Whether `cpu` may find the page changed behind its look at it, or busy, because of what `other` does.
fn may_be_late(cpu: Cpu, other: Cpu) -> bool {
    let exchanges = matches!(other, Cpu::Exchange | Cpu::Fault);
    match cpu {
        Cpu::Fault | Cpu::Exchange | Cpu::Permit => true,
        Cpu::TouchFirst | Cpu::Touch => exchanges,
        Cpu::Settle => false,
    }
}

fn pair<F: Mmu>(start: Start, cpus: [Cpu; 2], user: Option<Access>, lie: Option<Lie>) {
    let ends = in_turn::<F>(start, cpus);
    let preemptions = if user.is_some() { 2 } else { 3 };
    check(Some(preemptions), move || {
        let page = Page::<F>::new(start, lie);
        let other = {
            let page = Arc::clone(&page);
            thread::spawn(move || page.does(cpus[1], 2))
        };
        let user = user.map(|access| {
            let page = Arc::clone(&page);
            thread::spawn(move || page.space.access(1, access))
        });
        let done = page.does(cpus[0], 1);
        let end = page.end([done, other.join().unwrap()]);
        user.map(|user| user.join().unwrap());
        assert!(
            ends.contains(&end),
            "{start:?}, {cpus:?}: {end:x?} is not of {ends:x?}"
        );
    });
}

fn each_pair(mut of: impl FnMut(Start, [Cpu; 2])) {
    for start in STARTS {
        for (number, one) in CPUS.into_iter().enumerate() {
            CPUS[number..]
                .iter()
                .for_each(|other| of(start, [one, *other]));
        }
    }
}

fn every_pair<F: Mmu>() {
    each_pair(|start, cpus| pair::<F>(start, cpus, None, None));
}

fn every_pair_and_an_mmu<F: Mmu>() {
    for access in [Access::Read, Access::Write] {
        each_pair(|start, cpus| pair::<F>(start, cpus, Some(access), None));
    }
}

fn every_lie<F: Mmu>() {
    let lies = [
        (Lie::Due, Start::Hidden, [Cpu::Exchange, Cpu::Settle]),
        (Lie::Flush, Start::Waits, [Cpu::Touch, Cpu::Settle]),
        (Lie::Order, Start::Hidden, [Cpu::Exchange, Cpu::Settle]),
        (Lie::Unique, Start::Shared, [Cpu::Fault, Cpu::Touch]),
    ];
    for (lie, start, cpus) in lies {
        let told = catch_unwind(|| pair::<F>(start, cpus, Some(Access::Write), Some(lie)));
        assert!(told.is_err(), "{lie:?} was not found");
    }
}
