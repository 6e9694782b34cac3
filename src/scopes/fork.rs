//! A parent and its child, each of which writes.

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
use crate::fork::Inherit;
use crate::map::Backing;
use crate::permissions::{Access, Permissions};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Parent,
    Child,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    Replace(Who, Span, Kind),
    Unmap(Who, Span),
    Protect(Who, Span, Permissions),
    Discard(Who, Span),
    Fault(Who, usize, Access),
    Write(Who, usize),
    /// The parent has a child: the one that it had goes. Its pages are copied on write, or at once.
    Fork(Inherit),
    /// The child goes, and leaves an empty one.
    Exit,
    /// The kernel forgets the pages of its object.
    Forget,
}

impl Verb {
    /// Whose verb it is.
    const fn who(self) -> Who {
        match self {
            Self::Replace(who, ..)
            | Self::Unmap(who, _)
            | Self::Protect(who, ..)
            | Self::Discard(who, _)
            | Self::Fault(who, ..)
            | Self::Write(who, _) => who,
            Self::Fork(_) | Self::Forget => Who::Parent,
            Self::Exit => Who::Child,
        }
    }
}

/// An error on purpose, which must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    LostFlush,
    LostWrite,
    /// Pages are copied at once that should be copied on write.
    OtherFork,
}

impl Lie {
    pub(super) const ALL: [Self; 3] = [Self::LostFlush, Self::LostWrite, Self::OtherFork];
}

pub(super) struct Fork<F: Format> {
    processes: [Process<F>; 2],
    memory: Memory,
    lie: Option<Lie>,
}

impl<F: Format> Fork<F> {
    pub(super) fn new(frames: &HostFrames, start: Start, lie: Option<Lie>) -> Self {
        let mut fork = Self::empty(frames, lie);
        if let Start::InUse = start {
            let [parent, _] = &mut fork.processes;
            parent.settle_in(&mut fork.memory).unwrap();
            fork.act(Verb::Fork(Inherit::CopyOnWrite)).unwrap();
        }
        fork
    }

    fn empty(frames: &HostFrames, lie: Option<Lie>) -> Self {
        let memory = Memory::new(frames);
        let process = || Process::new(&memory, lie == Some(Lie::LostFlush));
        Self {
            processes: [process(), process()],
            memory,
            lie,
        }
    }

    fn apply(&mut self, verb: Verb) -> Result<Outcome, Wrong> {
        let is_lost = self.lie == Some(Lie::LostWrite);
        let memory = &mut self.memory;
        let [parent, child] = &mut self.processes;
        let who = match verb.who() {
            Who::Parent => parent,
            Who::Child => child,
        };
        Ok(match verb {
            Verb::Replace(_, span, kind) => ("replace", who.replace(memory, span, kind)?),
            Verb::Unmap(_, span) => ("unmap", who.unmap(memory, span)?),
            Verb::Protect(_, span, permissions) => {
                ("protect", who.protect(span, permissions, false)?)
            }
            Verb::Discard(_, span) => ("discard", who.discard(memory, span)?),
            Verb::Fault(_, page, access) => ("handle_fault", who.fault(memory, page, access)?),
            Verb::Write(_, page) => ("write", who.write(memory, page, is_lost)?),
            Verb::Fork(inherit) => ("fork_into", self.fork(inherit)?),
            Verb::Exit => {
                self.exit();
                ("exit", "done")
            }
            Verb::Forget => {
                memory.forget(false);
                ("forget", "done")
            }
        })
    }

    /// The child goes, with all that it has.
    fn exit(&mut self) {
        let is_deaf = self.lie == Some(Lie::LostFlush);
        let empty = Process::new(&self.memory, is_deaf);
        let mut gone = core::mem::replace(&mut self.processes[1], empty);
        gone.drop_pages(&mut self.memory, Span::ALL);
    }

    fn fork(&mut self, inherit: Inherit) -> Result<&'static str, Wrong> {
        self.exit();
        let told = if self.lie == Some(Lie::OtherFork) {
            Inherit::Copy
        } else {
            inherit
        };
        let [parent, child] = &mut self.processes;
        let forked = parent.space.fork_into(&mut child.space, |map| {
            let is_physical = map.backing() == Backing::Physical;
            let inherit = if is_physical { Inherit::Share } else { told };
            Some((inherit, *map.payload()))
        });
        same("fork", forked, Ok(()))?;
        child.layout = parent.layout.clone();
        for page in 0..PAGES {
            let resident = parent.resident[page];
            let Some(addr) = resident.and_then(|resident| resident.own) else {
                continue;
            };
            if inherit == Inherit::Copy {
                child.copied(&mut self.memory, page, parent)?;
                continue;
            }
            self.memory.share(addr);
            for resident in parent.resident[page].iter_mut() {
                resident.is_writable = false;
            }
            child.resident[page] = parent.resident[page];
        }
        let is_any = child.resident.iter().flatten().count() > 0;
        Ok(if is_any {
            "with pages"
        } else {
            "without pages"
        })
    }
}

impl<F: Format> Scope for Fork<F> {
    type Verb = Verb;

    fn verbs() -> Vec<Verb> {
        let forks = [Inherit::CopyOnWrite, Inherit::Copy].map(Verb::Fork);
        let mut verbs = Vec::from([Verb::Exit, Verb::Forget]);
        verbs.extend(forks);
        for who in [Who::Parent, Who::Child] {
            for span in Span::each() {
                verbs.extend(KINDS.map(|kind| Verb::Replace(who, span, kind)));
                let permissions = [NONE, READ, WRITE];
                verbs.extend(permissions.map(|allowed| Verb::Protect(who, span, allowed)));
                verbs.extend([Verb::Unmap(who, span), Verb::Discard(who, span)]);
            }
            for page in 0..PAGES {
                verbs.extend(ACCESSES.map(|access| Verb::Fault(who, page, access)));
                verbs.push(Verb::Write(who, page));
            }
        }
        verbs
    }

    fn act(&mut self, verb: Verb) -> Result<Outcome, Wrong> {
        self.processes.iter_mut().for_each(Process::warm);
        let outcome = self.apply(verb)?;
        self.processes.iter_mut().try_for_each(Process::forget)?;
        Ok(outcome)
    }

    fn check(&mut self) -> Result<(), Wrong> {
        let memory = &self.memory;
        self.processes
            .iter()
            .try_for_each(|process| process.check(memory))?;
        let tables: usize = self.processes.iter().map(Process::tables).sum();
        same(
            "frames in use",
            memory.frames.frames_in_use(),
            tables + memory.in_use(),
        )
    }

    fn shape(&self) -> Outcome {
        let [_, child] = &self.processes;
        child.shape()
    }

    fn digest(&self, words: &mut Vec<u64>) {
        let mut met = Met::default();
        self.memory.digest(&mut met.0, words);
        for process in &self.processes {
            process.digest(&mut met, words);
        }
        self.memory.digest_contents(&met.0, words);
    }

    fn finish(self) -> Result<(), Wrong> {
        let Self {
            processes,
            mut memory,
            ..
        } = self;
        drop(processes);
        memory.forget(false);
        same("frames that are left", memory.frames.frames_in_use(), 0)
    }
}
