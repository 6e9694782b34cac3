//! Programs use their memory.

use alloc::format;
use alloc::string::ToString as _;

use super::judge::{About, Got, RESOLVED};
use super::op::{BASE, PAGE, PAGES, Rights, Span, Word};
use super::processes::Processes;
use super::world::{Outcome, Stored, World};
use crate::addr::VirtAddr;
use crate::error::MapError;
use crate::fault::FaultError;
use crate::permissions::Access;
use crate::testing::broken::{Broken, DONE};
use crate::testing::rng::sub_seed;

/// How often an access may fault. Each CPU may have cached less than is there, level by level, and a page may come in
/// several steps.
const TRIES: usize = 16;

pub(super) fn addr(Word { page, byte }: Word) -> VirtAddr {
    VirtAddr::new(BASE + page * PAGE + byte)
}

pub(super) fn one(page: usize) -> Span {
    Span {
        first: page,
        count: 1,
    }
}

/// What an access has come to, by the answer of the kernel.
pub(super) fn told<T>(answer: Result<T, FaultError>) -> Result<Got<T>, Broken> {
    match answer {
        Ok(done) => Ok(Got::Done(done)),
        Err(FaultError::OutOfFrames { .. } | FaultError::Map(MapError::OutOfNodes { .. })) => {
            Ok(Got::NoMemory)
        }
        Err(error @ (FaultError::NotMapped { .. } | FaultError::Denied { .. })) => {
            Ok(Got::Refused(error))
        }
        Err(error) => Err(Broken::new(DONE, error.to_string())),
    }
}

impl<P: Processes> World<P> {
    /// Tries an access until it does not fault.
    pub(super) fn access<T>(
        &mut self,
        about: About,
        word: Word,
        access: Access,
        mut once: impl FnMut(&mut P, &mut P::Process, VirtAddr) -> Option<T>,
    ) -> Result<Option<Got<T>>, Broken> {
        let Some(life) = self.lives.get_mut(about.number).and_then(Option::as_mut) else {
            return Ok(None);
        };
        let at = addr(word);
        for _ in 0..TRIES {
            if let Some(done) = once(&mut self.kernel, &mut life.process, at) {
                return Ok(Some(Got::Done(done)));
            }
            let answer = self.kernel.fault(&mut life.process, about.cpu, at, access);
            match told(answer)? {
                Got::Done(()) => self.events.faults += 1,
                Got::Refused(error) => return Ok(Some(Got::Refused(error))),
                Got::NoMemory => return Ok(Some(Got::NoMemory)),
            }
        }
        let (About { number, cpu, .. }, Word { page, .. }) = (about, word);
        let found = format!("{access:?} of page {page} by process {number} on CPU {cpu}");
        Err(Broken::new(RESOLVED, format!("{found}: {TRIES} faults")))
    }

    /// A word that nobody has stored before.
    pub(super) fn new_word(&mut self, number: usize) -> u64 {
        let stored = Stored {
            number,
            birth: self.life(number).map_or(0, |life| life.birth),
            births: self.births,
        };
        let word = sub_seed(0, self.stored.len() as u64);
        self.stored.insert(word, stored);
        word
    }

    /// The program has stored this, if all went well.
    pub(super) fn keep<T>(&mut self, about: About, got: &Got<T>, words: &[(Word, u64)]) {
        let life = self.lives.get_mut(about.number).and_then(Option::as_mut);
        if let (Got::Done(_), Some(life)) = (got, life) {
            let words = words.iter();
            words.for_each(|&(word, value)| life.model.store(word, value));
        }
    }

    /// The program loads a word.
    pub(super) fn load(
        &mut self,
        number: usize,
        cpu: usize,
        word: Word,
    ) -> Result<Outcome, Broken> {
        let about = About::new(number, cpu, one(word.page), Rights::READ);
        let load = |kernel: &mut P, process: &mut P::Process, at| kernel.load(process, cpu, at);
        let Some(got) = self.access(about, word, Access::Read, load)? else {
            return Ok(Outcome::Skipped);
        };
        let outcome = self.judge(about, &got)?;
        if let Got::Done(found) = got {
            self.compare(about, word, found)?;
        }
        Ok(outcome)
    }

    /// The program stores a word.
    pub(super) fn store(
        &mut self,
        number: usize,
        cpu: usize,
        word: Word,
    ) -> Result<Outcome, Broken> {
        let about = About::new(number, cpu, one(word.page), Rights::WRITE);
        let value = self.new_word(number);
        let store =
            |kernel: &mut P, process: &mut P::Process, at| kernel.store(process, cpu, at, value);
        let Some(got) = self.access(about, word, Access::Write, store)? else {
            return Ok(Outcome::Skipped);
        };
        let outcome = self.judge(about, &got)?;
        self.keep(about, &got, &[(word, value)]);
        Ok(outcome)
    }

    /// Every page of a process, by its program and by the kernel.
    pub(super) fn look(&mut self, number: usize, cpu: usize) -> Result<(), Broken> {
        for page in 0..PAGES {
            self.load(number, cpu, Word { page, byte: 0 })?;
            self.read(number, cpu, one(page))?;
        }
        Ok(())
    }
}
