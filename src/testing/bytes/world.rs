//! The kernel with its processes, each beside its model.

use alloc::collections::BTreeMap;
use alloc::format;
use core::mem;

use super::events::Events;
use super::judge::NOTHING;
use super::model::Model;
use super::op::{Op, PROCESSES, Step};
use super::processes::Processes;
use crate::error::MapError;
use crate::testing::broken::Broken;

/// A process that lives.
pub(super) struct Life<P> {
    pub(super) process: P,
    pub(super) model: Model,
    /// Which of all that ever lived.
    pub(super) birth: usize,
}

/// How a word came to be.
#[derive(Clone, Copy)]
pub(super) struct Stored {
    /// Whose it is.
    pub(super) number: usize,
    pub(super) birth: usize,
    /// How many had ever lived then.
    pub(super) births: usize,
}

/// What has become of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Done,
    Refused,
    NoMemory,
    /// There is nobody to do it, or the kernel has no such call.
    Skipped,
}

pub(super) struct World<P: Processes> {
    pub(super) kernel: P,
    pub(super) lives: [Option<Life<P::Process>>; PROCESSES],
    /// How many have ever lived.
    pub(super) births: usize,
    /// Who has stored which word, and when.
    pub(super) stored: BTreeMap<u64, Stored>,
    /// The frames in use when there was no process yet.
    pub(super) at_first: usize,
    /// Which allocation of the next step fails.
    pub(super) fails: usize,
    pub(super) events: Events,
}

impl<P: Processes> World<P> {
    pub(super) fn new(kernel: P) -> Self {
        Self {
            at_first: kernel.frames_in_use(),
            kernel,
            lives: [const { None }; PROCESSES],
            births: 0,
            stored: BTreeMap::new(),
            fails: 0,
            events: Events::default(),
        }
    }

    /// Process `number`, if it lives.
    pub(super) fn life(&self, number: usize) -> Option<&Life<P::Process>> {
        self.lives.get(number)?.as_ref()
    }

    pub(super) fn living(&self) -> impl Iterator<Item = &Life<P::Process>> {
        self.lives.iter().flatten()
    }

    pub(super) fn step(&mut self, Step(number, op): Step) -> Result<(), Broken> {
        if let Op::FailAlloc(n) = op {
            self.fails = n;
            return Ok(());
        }
        if self.fails > 0 {
            self.kernel.fail_alloc(self.fails);
        }
        let done = self.act(number, op);
        if mem::take(&mut self.fails) > 0 {
            self.kernel.fail_alloc(0);
        }
        if done? == Outcome::NoMemory {
            self.events.without_memory += 1;
            let seen = self.look(number, 0);
            return seen.map_err(|broken| {
                broken
                    .when(format!("behind {op:?}, without memory"))
                    .by(NOTHING)
            });
        }
        Ok(())
    }

    fn act(&mut self, number: usize, op: Op) -> Result<Outcome, Broken> {
        if op != Op::Start && self.life(number).is_none() {
            return Ok(Outcome::Skipped);
        }
        match op {
            Op::Start => self.start(number),
            Op::Fork(child) => self.fork(number, child),
            Op::Exit => self.exit(number),
            Op::Load(cpu, word) => self.load(number, cpu, word),
            Op::Store(cpu, word) => self.store(number, cpu, word),
            Op::Read(cpu, span) => self.read(number, cpu, span),
            Op::Write(cpu, page) => self.write(number, cpu, page),
            Op::Look(cpu) => self.look(number, cpu).map(|()| Outcome::Done),
            _ => self.change(number, op),
        }
    }
}

/// What an error of a verb says: that there is no memory. Nothing else is wrong with what it was asked.
pub(super) fn no_memory(error: MapError) -> Result<Outcome, Broken> {
    match error {
        MapError::OutOfFrames { .. } | MapError::OutOfNodes { .. } => Ok(Outcome::NoMemory),
        error => Err(error.into()),
    }
}
