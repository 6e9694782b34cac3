//! Which physical memory stands behind which page: kept beside the manager, in plain numbers, to check it by.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;

use super::plan::{Action, Step};

/// Pages `start..=last` lead to physical memory from `first` on.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: usize,
    last: usize,
    first: u64,
}

/// Disjoint runs by their start.
#[derive(Debug, Default)]
pub(super) struct Record {
    runs: BTreeMap<usize, Run>,
}

impl Record {
    /// What the manager should have in the end.
    pub(super) fn of<'a>(steps: impl Iterator<Item = &'a Step>) -> Self {
        let mut record = Self::default();
        steps.for_each(|step| record.apply(step.action));
        record
    }

    fn apply(&mut self, action: Action) {
        match action {
            Action::Add(region, first) | Action::Replace(region, first) => {
                self.replace(region.area, first);
            }
            Action::AddLike(_, area, first) | Action::ReplaceLike(_, area, first) => {
                self.replace(area, first);
            }
            Action::Unmap(area) => drop(self.cut(area)),
            Action::Protect(..) => {}
            Action::Remap { old, new } => self.shift(old, new),
        }
    }

    /// Where `page` leads.
    pub(super) fn find(&self, page: VirtAddr) -> Option<PhysAddr> {
        let page = page.get();
        let (_, run) = self.runs.range(..=page).next_back()?;
        (page <= run.last)
            .then(|| PhysAddr::new(run.first.saturating_add((page - run.start) as u64)))
    }

    fn replace(&mut self, area: MemoryArea, first: PhysAddr) {
        self.cut(area);
        self.insert(Run {
            start: area.start().get(),
            last: area.end().get(),
            first: first.get(),
        });
    }

    fn insert(&mut self, run: Run) {
        self.runs.insert(run.start, run);
    }

    /// Takes out what lies in `area`, a piece a run.
    fn cut(&mut self, area: MemoryArea) -> Vec<Run> {
        let (start, last) = (area.start().get(), area.end().get());
        let below = self.runs.range(..=last).rev();
        let inside = below
            .map(|(_, &run)| run)
            .take_while(|run| run.last >= start);
        let inside: Vec<Run> = inside.collect();
        for run in &inside {
            self.runs.remove(&run.start);
            if run.start < start {
                self.insert(Run {
                    last: start - 1,
                    ..*run
                });
            }
            if run.last > last {
                self.insert(run.from(last + 1));
            }
        }
        let piece = |run: Run| Run {
            last: run.last.min(last),
            ..run.from(start.max(run.start))
        };
        inside.into_iter().map(piece).collect()
    }

    /// Moves as much of `old` as `new` has room for; the rest is gone.
    fn shift(&mut self, old: MemoryArea, new: MemoryArea) {
        let moved = self.cut(old);
        self.cut(new);
        for run in moved {
            let offset = run.start - old.start().get();
            if let Some(room) = (new.size() - 1).checked_sub(offset) {
                let start = new.start().get() + offset;
                let last = start + room.min(run.last - run.start);
                self.insert(Run { start, last, ..run });
            }
        }
    }
}

impl Run {
    /// What is left from `start` on.
    fn from(self, start: usize) -> Self {
        Self {
            start,
            first: self.first.saturating_add((start - self.start) as u64),
            ..self
        }
    }
}
