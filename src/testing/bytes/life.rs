//! Processes come and go.

use alloc::format;
use alloc::string::ToString as _;

use super::events::Events;
use super::judge::{BACK, LEAST};
use super::model::Model;
use super::op::PROCESSES;
use super::processes::Processes;
use super::world::{Life, Outcome, World, no_memory};
use crate::fork::ForkError;
use crate::testing::broken::{Broken, DONE, ensure};

impl<P: Processes> World<P> {
    /// Somebody is `number` from now on.
    fn admit(&mut self, number: usize, process: P::Process, model: Model) {
        self.births += 1;
        if let Some(free) = self.lives.get_mut(number) {
            *free = Some(Life {
                process,
                model,
                birth: self.births,
            });
        }
    }

    pub(super) fn start(&mut self, number: usize) -> Result<Outcome, Broken> {
        if self.life(number).is_some() {
            return Ok(Outcome::Skipped);
        }
        match self.kernel.start() {
            Ok(process) => {
                self.admit(number, process, Model::default());
                Ok(Outcome::Done)
            }
            Err(error) => {
                let may_fail = self.fails > 0 || self.living().next().is_some();
                let answer = no_memory(error)?;
                ensure(may_fail, LEAST, || error.to_string())?;
                Ok(answer)
            }
        }
    }

    pub(super) fn fork(&mut self, number: usize, child: usize) -> Result<Outcome, Broken> {
        if self.life(child).is_some() {
            return Ok(Outcome::Skipped);
        }
        let Some(parent) = self.lives.get_mut(number).and_then(Option::as_mut) else {
            return Ok(Outcome::Skipped);
        };
        match self.kernel.fork(&mut parent.process) {
            Ok(process) => {
                let model = parent.model.inherited();
                self.admit(child, process, model);
                self.events.forks += 1;
                Ok(Outcome::Done)
            }
            Err(ForkError::Map(error)) => no_memory(error),
            Err(error) => Err(Broken::new(DONE, error.to_string())),
        }
    }

    pub(super) fn exit(&mut self, number: usize) -> Result<Outcome, Broken> {
        let Some(life) = self.lives.get_mut(number).and_then(Option::take) else {
            return Ok(Outcome::Skipped);
        };
        self.kernel.exit(life.process);
        self.events.exits += 1;
        self.all_back()?;
        Ok(Outcome::Done)
    }

    /// Ends a run: everybody is looked at, and goes.
    pub(super) fn finish(mut self, done: Result<(), Broken>) -> (Result<(), Broken>, Events) {
        let seen = done.and_then(|()| (0..PROCESSES).try_for_each(|number| self.look(number, 0)));
        // When something is wrong, too: a kernel may have processes in statics.
        for life in self.lives.iter_mut().filter_map(Option::take) {
            self.kernel.exit(life.process);
        }
        let back = seen.and_then(|()| self.all_back());
        (back, self.events)
    }

    /// When nobody lives, no frame is in use that was not at first.
    fn all_back(&self) -> Result<(), Broken> {
        let (left, first) = (self.kernel.frames_in_use(), self.at_first);
        let is_alive = self.living().next().is_some();
        ensure(is_alive || left == first, BACK, || {
            format!("{left} frames are in use, {first} were at first")
        })
    }
}
