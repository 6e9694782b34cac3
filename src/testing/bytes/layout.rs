//! Verbs on the maps of a process.

use alloc::format;

use super::judge::INHERITS;
use super::op::{BASE, Op};
use super::processes::Processes;
use super::world::{Outcome, World, no_memory};
use crate::error::MapError;
use crate::testing::broken::{Broken, DONE};

impl<P: Processes> World<P> {
    pub(super) fn change(&mut self, number: usize, op: Op) -> Result<Outcome, Broken> {
        let Some(life) = self.lives.get_mut(number).and_then(Option::as_mut) else {
            return Ok(Outcome::Skipped);
        };
        let (kernel, process, model) = (&mut self.kernel, &mut life.process, &mut life.model);
        let done = match op {
            Op::Map(span, rights) => kernel.map(process, span.area(BASE), rights.permissions()),
            Op::Unmap(span) => kernel.unmap(process, span.area(BASE)),
            Op::Protect(span, rights) if model.has_all(span) => {
                kernel.protect(process, span.area(BASE), rights.permissions())
            }
            Op::Remap(old, new) if model.has_all(old) && !old.overlaps(new) => {
                kernel.remap(process, old.area(BASE), new.area(BASE))
            }
            Op::Discard(span) => kernel.discard(process, span.area(BASE)),
            _ => return Ok(Outcome::Skipped),
        };
        match (done, op) {
            (Ok(()), _) => {}
            (Err(MapError::UnsupportedEdit), Op::Remap(..) | Op::Discard(_)) => {
                return Ok(Outcome::Skipped);
            }
            (Err(error), Op::Protect(span, _) | Op::Remap(span, _)) => {
                let mut pages = span.range();
                let is_inherited = pages.all(|page| model.is_inherited(page));
                let law = if is_inherited { INHERITS } else { DONE };
                let about = format!("{op:?} of process {number}");
                return no_memory(error).map_err(|broken| broken.when(about).by(law));
            }
            (Err(error), _) => return no_memory(error),
        }
        match op {
            Op::Map(span, rights) => model.map(span.range(), rights),
            Op::Unmap(span) => model.unmap(span.range()),
            Op::Protect(span, rights) => model.protect(span.range(), rights),
            Op::Remap(old, new) => model.remap(old, new),
            Op::Discard(span) => model.discard(span.range()),
            _ => {}
        }
        self.events.changes += 1;
        Ok(Outcome::Done)
    }
}
