//! Forks: a child of a process whose pages are all resident and writable; and the short life of one that writes a page
//! and exits.

use std::time::Duration;

use kernel_vm::MemoryArea;

use super::layout::{PAGE, area};
use super::process::{STACK, TOP};
use crate::clock::clock;

/// A process that forks.
pub(crate) trait Forks: Sized {
    /// The function's name in criterion's files.
    const NAME: &str;

    /// One with a page behind each page of these areas, which it may write.
    fn new(areas: &[MemoryArea]) -> Self;

    fn fork(&mut self) -> Self;

    /// The first write to a page since the fork: it is copied.
    fn write(&mut self, page: usize);

    /// Lets all pages be written again, now that the child has gone.
    fn settle(&mut self, areas: &[MemoryArea]);
}

/// The areas of a process of so many pages: a program and a stack, at the ends of the lower half.
fn areas(pages: usize) -> [MemoryArea; 2] {
    let program = area(16 * PAGE, pages - STACK);
    let stack = area(TOP - (STACK + 1) * PAGE, STACK);
    [program, stack]
}

/// A process of so many pages, and what it does.
pub(crate) struct Family<S> {
    parent: S,
    areas: [MemoryArea; 2],
}

impl<S: Forks> Family<S> {
    pub(crate) fn new(pages: usize) -> Self {
        let areas = areas(pages);
        let parent = S::new(&areas);
        Self { parent, areas }
    }

    /// How long `count` forks take, but for the children's ends.
    pub(crate) fn time_forks(&mut self, count: u64) -> Duration {
        let mut sum = Duration::ZERO;
        for _ in 0..count {
            let parent = &mut self.parent;
            let (child, time) = clock(|| parent.fork());
            sum += time;
            drop(child);
            self.parent.settle(&self.areas);
        }
        sum
    }

    /// How long `count` children live that write one page and exit.
    pub(crate) fn time_lives(&mut self, count: u64) -> Duration {
        let mut sum = Duration::ZERO;
        let page = self.areas[1].start().get();
        for _ in 0..count {
            let parent = &mut self.parent;
            let ((), time) = clock(|| {
                let mut child = parent.fork();
                child.write(std::hint::black_box(page));
            });
            sum += time;
            self.parent.settle(&self.areas);
        }
        sum
    }
}
