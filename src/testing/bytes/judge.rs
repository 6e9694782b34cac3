//! What must hold of an access: whether it was done, and which bytes were found.

use alloc::format;
use alloc::string::String;

use super::op::{Rights, Span, Word};
use super::processes::Processes;
use super::world::{Outcome, World};
use crate::fault::FaultError;
use crate::testing::broken::{Broken, ensure};

pub(super) const ZERO: &str = "a page is zero, in all its bytes, until it is written";
pub(super) const LAST: &str = "a program reads what it wrote last";
pub(super) const ALONE: &str =
    "what a process writes no other process sees, neither its parent nor its child";
pub(super) const INHERITS: &str = "a child has the pages of its parent, with their bytes";
pub(super) const MAY: &str = "a program may do what its map allows, and no more";
pub(super) const RESOLVED: &str = "an access goes on when its fault is resolved";
pub(super) const NOTHING: &str = "what is not done for want of memory has changed nothing";
pub(super) const LEAST: &str = "where there is no process, there is memory for one";
pub(super) const BACK: &str = "when the last process has gone, all frames are back";

/// An access: by which process, on which CPU, and of which pages.
#[derive(Clone, Copy)]
pub(super) struct About {
    pub(super) number: usize,
    pub(super) cpu: usize,
    pub(super) span: Span,
    /// A bit of [`Rights`].
    pub(super) right: u8,
}

impl About {
    pub(super) fn new(number: usize, cpu: usize, span: Span, right: u8) -> Self {
        Self {
            number,
            cpu,
            span,
            right,
        }
    }

    fn text(self) -> String {
        let Self { number, cpu, .. } = self;
        let does = match self.right {
            Rights::WRITE => "writes",
            _ => "reads",
        };
        let Span { first, count } = self.span;
        match count {
            1 => format!("process {number} {does} page {first} on CPU {cpu}"),
            _ => format!(
                "process {number} {does} pages {first} and {} on CPU {cpu}",
                first + 1
            ),
        }
    }
}

/// What an access has come to.
pub(super) enum Got<T> {
    Done(T),
    Refused(FaultError),
    NoMemory,
}

impl<P: Processes> World<P> {
    /// Whether all of the pages may be accessed so.
    pub(super) fn allows(&self, about: About) -> bool {
        let model = self.life(about.number).map(|life| &life.model);
        model.is_some_and(|model| {
            let mut pages = about.span.range();
            pages.all(|page| model.allows(page, about.right))
        })
    }

    /// The access was done, or refused, as the maps say.
    pub(super) fn judge<T>(&mut self, about: About, got: &Got<T>) -> Result<Outcome, Broken> {
        let may = self.allows(about);
        match got {
            Got::Done(_) => {
                ensure(may, MAY, || format!("{}: it is done", about.text()))?;
                self.events.accesses += 1;
                Ok(Outcome::Done)
            }
            Got::Refused(error) => {
                let law = if self.is_inherited(about) {
                    INHERITS
                } else {
                    MAY
                };
                ensure(!may, law, || format!("{}: {error}", about.text()))?;
                self.events.refused += 1;
                Ok(Outcome::Refused)
            }
            Got::NoMemory => Ok(Outcome::NoMemory),
        }
    }

    /// Whether all of the pages have come from the parent.
    fn is_inherited(&self, about: About) -> bool {
        let model = self.life(about.number).map(|life| &life.model);
        model.is_some_and(|model| {
            let mut pages = about.span.range();
            pages.all(|page| model.is_inherited(page))
        })
    }

    /// The word is the one that was stored there last.
    pub(super) fn compare(&self, about: About, word: Word, found: u64) -> Result<(), Broken> {
        let Some(life) = self.life(about.number) else {
            return Ok(());
        };
        let expected = life.model.word(word);
        let law = if self.is_seen_from_outside(life.birth, word, found) {
            ALONE
        } else if life.model.is_inherited(word.page) && self.is_others(life.birth, expected) {
            INHERITS
        } else if expected == 0 {
            ZERO
        } else {
            LAST
        };
        ensure(found == expected, law, || {
            let (text, Word { page, byte }) = (about.text(), word);
            let (found, expected) = (self.tell(found), self.tell(expected));
            format!("{text}: byte {byte} of page {page} begins {found}, should be {expected}")
        })
    }

    /// Whether another than the process of this birth has stored it.
    fn is_others(&self, birth: usize, value: u64) -> bool {
        let stored = self.stored.get(&value);
        stored.is_some_and(|stored| stored.birth != birth)
    }

    /// Whether another process has it there, and has stored it since this birth.
    fn is_seen_from_outside(&self, birth: usize, word: Word, value: u64) -> bool {
        let stored = self.stored.get(&value);
        let Some(stored) = stored.filter(|stored| stored.births >= birth) else {
            return false;
        };
        let other = self.living().find(|life| life.birth == stored.birth);
        let other = other.filter(|other| other.birth != birth);
        other.is_some_and(|other| other.model.word(word) == value)
    }

    fn tell(&self, word: u64) -> String {
        match self.stored.get(&word) {
            Some(stored) => format!("{word:#018x} (of process {})", stored.number),
            None => format!("{word:#x}"),
        }
    }
}
