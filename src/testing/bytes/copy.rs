//! The kernel copies bytes of programs.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use super::access::{addr, one, told};
use super::judge::{About, Got};
use super::op::{BASE, PAGE, PAGES, Rights, Span, Word};
use super::processes::Processes;
use super::world::{Outcome, World};
use crate::permissions::Access;
use crate::testing::broken::Broken;

/// Where each page is looked at if nothing was stored.
const ENDS: [usize; 2] = [0, Word::LAST];

impl<P: Processes> World<P> {
    /// The kernel reads pages: each of their bytes. Where it makes no such copies, the program loads some words of
    /// them.
    pub(super) fn read(
        &mut self,
        number: usize,
        cpu: usize,
        span: Span,
    ) -> Result<Outcome, Broken> {
        let about = About::new(number, cpu, span, Rights::READ);
        let Some(life) = self.lives.get_mut(number).and_then(Option::as_mut) else {
            return Ok(Outcome::Skipped);
        };
        let mut bytes = vec![0xa5; span.count * PAGE];
        let from = span.area(BASE).start();
        let Some(answer) = self.kernel.read(&mut life.process, cpu, from, &mut bytes) else {
            return self.load_pages(about);
        };
        let got = told(answer)?;
        let outcome = self.judge(about, &got)?;
        if outcome != Outcome::Done {
            return Ok(outcome);
        }
        for (page, bytes) in span.range().zip(bytes.chunks_exact(PAGE)) {
            for (at, found) in bytes.chunks_exact(8).enumerate() {
                let found = found.try_into().map_or(0, u64::from_le_bytes);
                self.compare(about, Word { page, byte: at * 8 }, found)?;
            }
        }
        Ok(outcome)
    }

    fn load_pages(&mut self, about: About) -> Result<Outcome, Broken> {
        let mut last = Outcome::Skipped;
        for page in about.span.range() {
            let model = self.life(about.number).map(|life| &life.model);
            let found = model.and_then(|model| model.page(page));
            let stored = found.into_iter().flat_map(|page| page.stored());
            let bytes: BTreeSet<_> = stored.chain(ENDS).collect();
            for byte in bytes {
                last = self.load(about.number, about.cpu, Word { page, byte })?;
                if last != Outcome::Done {
                    break;
                }
            }
        }
        Ok(last)
    }

    /// The kernel writes a word at the end of a page, and one at the beginning of the next. Where it makes no such
    /// copies, the program stores the first of them.
    pub(super) fn write(
        &mut self,
        number: usize,
        cpu: usize,
        page: usize,
    ) -> Result<Outcome, Broken> {
        let byte = Word::LAST;
        let first = Word { page, byte };
        let span = Span {
            first: page,
            count: 2.min(PAGES - page),
        };
        let second = Word {
            page: page + 1,
            byte: 0,
        };
        let words = [first, second].map(|word| (word, self.new_word(number)));
        let words = words.get(..span.count).unwrap_or_default();
        let bytes = words.iter().flat_map(|(_, word)| word.to_le_bytes());
        let bytes: Vec<_> = bytes.collect();
        let Some(life) = self.lives.get_mut(number).and_then(Option::as_mut) else {
            return Ok(Outcome::Skipped);
        };
        let answer = self
            .kernel
            .write(&mut life.process, cpu, addr(first), &bytes);
        let Some(answer) = answer else {
            return self.store(number, cpu, first);
        };
        let about = About::new(number, cpu, span, Rights::WRITE);
        let got = told(answer)?;
        let outcome = self.judge(about, &got)?;
        self.keep(about, &got, words);
        if outcome != Outcome::Done {
            self.adopt(About::new(number, cpu, one(page), Rights::WRITE), words)?;
        }
        Ok(outcome)
    }

    /// What the kernel could not write all of may have been begun: the first of the words may be there.
    fn adopt(&mut self, about: About, words: &[(Word, u64)]) -> Result<(), Broken> {
        let Some(&(word, value)) = words.first().filter(|_| self.allows(about)) else {
            return Ok(());
        };
        let Some(life) = self.lives.get_mut(about.number).and_then(Option::as_mut) else {
            return Ok(());
        };
        let (cpu, process, mut found) = (about.cpu, &mut life.process, [0; 8]);
        let answer = self.kernel.read(process, cpu, addr(word), &mut found);
        if let Some(answer) = answer {
            told(answer)?;
        } else {
            let load = |kernel: &mut P, process: &mut P::Process, at| kernel.load(process, cpu, at);
            if let Some(Got::Done(word)) = self.access(about, word, Access::Read, load)? {
                found = word.to_le_bytes();
            }
        }
        if found == value.to_le_bytes() {
            self.keep(about, &Got::Done(()), &[(word, value)]);
        }
        Ok(())
    }
}
