//! A process and its faults.

use alloc::vec::Vec;

use super::explore::{Outcome, Scope, Wrong, same};
use super::layout::{Kind, NONE, READ, WRITE};
use super::memory::Memory;
use super::process::Process;
use super::process_verbs::{ACCESSES, KINDS};
use super::span::{PAGES, Span, Start};
use crate::backend::mock::HostFrames;
use crate::backend::radix::Format;
use crate::backend::radix::digest::Met;
use crate::permissions::{Access, Permissions};

#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    Add(Span, Kind),
    Replace(Span, Kind),
    Unmap(Span),
    UnmapDeferred(Span),
    Protect(Span, Permissions),
    ProtectDeferred(Span, Permissions),
    Remap(Span, Span),
    Populate(Span),
    Prefault(Span),
    Discard(Span),
    Fault(usize, Access),
    Write(usize),
    Settle,
    /// The kernel forgets the pages of its object: who has them has them alone.
    Forget,
}

/// An error on purpose, which must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    LostFlush,
    LostWrite,
    LostForget,
    ShortDiscard,
}

impl Lie {
    pub(super) const ALL: [Self; 4] = [
        Self::LostFlush,
        Self::LostWrite,
        Self::LostForget,
        Self::ShortDiscard,
    ];
}

pub(super) struct Faults<F: Format> {
    process: Process<F>,
    memory: Memory,
    lie: Option<Lie>,
}

impl<F: Format> Faults<F> {
    pub(super) fn new(frames: &HostFrames, start: Start, lie: Option<Lie>) -> Self {
        let mut faults = Self::empty(frames, lie);
        if let Start::InUse = start {
            let Self {
                process, memory, ..
            } = &mut faults;
            process.settle_in(memory).unwrap();
        }
        faults
    }

    fn empty(frames: &HostFrames, lie: Option<Lie>) -> Self {
        let memory = Memory::new(frames);
        Self {
            process: Process::new(&memory, lie == Some(Lie::LostFlush)),
            memory,
            lie,
        }
    }

    fn apply(&mut self, verb: Verb) -> Result<Outcome, Wrong> {
        let Self {
            process, memory, ..
        } = self;
        let is = |lie| self.lie == Some(lie);
        Ok(match verb {
            Verb::Add(span, kind) => ("add", process.add(span, kind)?),
            Verb::Replace(span, kind) => ("replace", process.replace(memory, span, kind)?),
            Verb::Unmap(span) => ("unmap", process.unmap(memory, span)?),
            Verb::UnmapDeferred(span) => {
                let done = process.unmap_deferred(memory, span)?;
                ("unmap_deferred", done)
            }
            Verb::Protect(span, permissions) => {
                ("protect", process.protect(span, permissions, false)?)
            }
            Verb::ProtectDeferred(span, permissions) => {
                let done = process.protect(span, permissions, true)?;
                ("protect_deferred", done)
            }
            Verb::Remap(old, new) => ("remap", process.remap(memory, old, new)?),
            Verb::Populate(span) => ("populate", process.populate(span)?),
            Verb::Prefault(span) => ("prefault", process.prefault(memory, span)?),
            Verb::Discard(span) if is(Lie::ShortDiscard) => {
                process.drop_pages(memory, span);
                ("discard", process.discard(memory, span.shorter())?)
            }
            Verb::Discard(span) => ("discard", process.discard(memory, span)?),
            Verb::Fault(page, access) => ("handle_fault", process.fault(memory, page, access)?),
            Verb::Write(page) => ("write", process.write(memory, page, is(Lie::LostWrite))?),
            Verb::Settle => ("settle", process.settle()?),
            Verb::Forget => {
                memory.forget(is(Lie::LostForget));
                ("forget", "done")
            }
        })
    }
}

impl<F: Format> Scope for Faults<F> {
    type Verb = Verb;

    fn verbs() -> Vec<Verb> {
        let mut verbs = Vec::from([Verb::Settle, Verb::Forget]);
        for span in Span::each() {
            verbs.extend(KINDS.map(|kind| Verb::Add(span, kind)));
            verbs.extend(KINDS.map(|kind| Verb::Replace(span, kind)));
            verbs.extend([Verb::Unmap(span), Verb::UnmapDeferred(span)]);
            let permissions = [NONE, READ, WRITE];
            verbs.extend(permissions.map(|permissions| Verb::Protect(span, permissions)));
            verbs.extend(permissions.map(|permissions| Verb::ProtectDeferred(span, permissions)));
            verbs.extend([
                Verb::Populate(span),
                Verb::Prefault(span),
                Verb::Discard(span),
            ]);
            verbs.extend(Span::each().into_iter().map(|new| Verb::Remap(span, new)));
        }
        for page in 0..PAGES {
            verbs.extend(ACCESSES.map(|access| Verb::Fault(page, access)));
            verbs.push(Verb::Write(page));
        }
        verbs
    }

    fn act(&mut self, verb: Verb) -> Result<Outcome, Wrong> {
        self.process.warm();
        let outcome = self.apply(verb)?;
        self.process.settled(&mut self.memory);
        let may_wait = matches!(
            verb,
            Verb::UnmapDeferred(_)
                | Verb::ProtectDeferred(..)
                | Verb::Fault(..)
                | Verb::Write(_)
                | Verb::Forget
        );
        same(
            "something waits",
            self.process.space.waits() && !may_wait,
            false,
        )?;
        self.process.forget()?;
        Ok(outcome)
    }

    fn check(&mut self) -> Result<(), Wrong> {
        self.process.check(&self.memory)?;
        let least = self.process.tables() + self.memory.in_use();
        let found = self.memory.frames.frames_in_use();
        let is_right = found == least || self.process.space.waits() && found > least;
        same(("frames in use", found, "expected", least), is_right, true)
    }

    fn shape(&self) -> Outcome {
        self.process.shape()
    }

    fn digest(&self, words: &mut Vec<u64>) {
        let mut met = Met::default();
        self.memory.digest(&mut met.0, words);
        self.process.digest(&mut met, words);
        self.memory.digest_contents(&met.0, words);
    }

    fn finish(self) -> Result<(), Wrong> {
        let Self {
            process,
            mut memory,
            ..
        } = self;
        drop(process);
        memory.forget(false);
        same("frames that are left", memory.frames.frames_in_use(), 0)
    }
}
