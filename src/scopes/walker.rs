//! The walker alone: a page table that is edited without maps, with pages of its own beside physical memory.

use alloc::format;
use alloc::vec::Vec;

use super::explore::{Outcome, Scope, Wrong, same};
use super::layout::{NONE, READ, WRITE};
use super::shape::Shape;
use super::span::{PAGES, Span, Start};
use super::walker_verbs::{DISTANCES, Lie, Verb};
use super::watch::{BASE, Table, Watch, table};
use crate::addr::{PhysAddr, VirtAddr};
use crate::backend::mock::HostFrames;
use crate::backend::radix::Format;
use crate::backend::radix::digest::Met;
use crate::backend::{Entry, PageTableBackend, Run};
use crate::flush::Retired;
use crate::frame::FRAME_SIZE;
use crate::permissions::Permissions;

/// What the entry of a page must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) frame: PhysAddr,
    pub(super) is_owned: bool,
    pub(super) permissions: Permissions,
}

pub(super) struct Walker<F: Format> {
    pub(super) table: Table<F>,
    pub(super) frames: HostFrames,
    shape: Shape,
    pub(super) pages: [Option<Page>; PAGES],
    /// What deferred edits have told, until it is settled.
    pub(super) told: Retired,
    /// How many frames of pages wait.
    pub(super) waiting: usize,
    pub(super) lie: Option<Lie>,
}

impl<F: Format> Walker<F> {
    pub(super) fn new(frames: &HostFrames, start: Start, lie: Option<Lie>) -> Self {
        let mut walker = Self::empty(frames, lie);
        if let Start::InUse = start {
            // A large leaf, and a page of the page table's own before it.
            let large = Span::of(1..PAGES);
            walker.act(Verb::Map(large, DISTANCES[0])).unwrap();
            walker.act(Verb::Install(0)).unwrap();
        }
        walker
    }

    fn empty(frames: &HostFrames, lie: Option<Lie>) -> Self {
        let watch = Watch::deaf(lie == Some(Lie::LostFlush));
        Self {
            table: table(frames, &watch),
            frames: frames.clone(),
            shape: Shape::new(watch),
            pages: [None; PAGES],
            told: Retired::new(),
            waiting: 0,
            lie,
        }
    }

    pub(super) fn at(page: usize) -> VirtAddr {
        VirtAddr::new(BASE + page * FRAME_SIZE)
    }

    pub(super) fn waits(&self) -> bool {
        !self.told.is_empty()
    }

    /// The leaf of the page, valid or hidden.
    pub(super) fn leaf(&self, page: usize) -> Option<Run> {
        match self.table.entry(Self::at(page)) {
            Entry::Leaf(run) | Entry::Hidden(run) => Some(run),
            Entry::Empty | Entry::Busy => None,
        }
    }

    fn look(&self, page: usize) -> Result<(), Wrong> {
        let entry = self.table.entry(Self::at(page));
        let is_right = match (entry, self.pages[page]) {
            (Entry::Empty, None) => true,
            (Entry::Busy, None) => self.waits(),
            (Entry::Leaf(run) | Entry::Hidden(run), Some(expected)) => {
                run.translate(Self::at(page)) == Some(expected.frame)
                    && run.attributes.permissions == expected.permissions
                    && matches!(entry, Entry::Leaf(_)) == expected.permissions.allow_any()
                    && (run.area.size() == FRAME_SIZE || !expected.is_owned)
            }
            _ => false,
        };
        same(("entry", page, entry, self.pages[page]), is_right, true)
    }

    fn check_frames(&self) -> Result<(), Wrong> {
        let owned = self.pages.iter().flatten().filter(|page| page.is_owned);
        let least = Shape::tables(&self.table) + owned.count() + self.waiting;
        let found = self.frames.frames_in_use();
        let is_right = if self.waits() {
            found >= least
        } else {
            found == least
        };
        same(("frames in use", found, "expected", least), is_right, true)
    }
}

impl<F: Format> Scope for Walker<F> {
    type Verb = Verb;

    fn verbs() -> Vec<Verb> {
        Verb::all()
    }

    fn act(&mut self, verb: Verb) -> Result<Outcome, Wrong> {
        self.shape.warm(&self.table);
        let outcome = self.apply(verb)?;
        self.shape.forget(&self.table, self.waits())?;
        Ok((verb.name(), outcome))
    }

    fn check(&mut self) -> Result<(), Wrong> {
        (0..PAGES).try_for_each(|page| self.look(page))?;
        let populated = self.table.populated(Span::ALL.area(BASE));
        let pages: usize = populated.map(|run| run.area.size() / FRAME_SIZE).sum();
        same(
            "pages that are populated",
            pages,
            self.pages.iter().flatten().count(),
        )?;
        self.check_frames()?;
        let violation = self.table.check_invariants().err();
        violation.map_or(Ok(()), |violation| Err(format!("{violation}")))
    }

    fn shape(&self) -> Outcome {
        Shape::largest(&self.table)
    }

    fn digest(&self, words: &mut Vec<u64>) {
        let mut met = Met::default();
        self.table.digest(&mut met, words);
        words.extend(self.pages.iter().map(|page| {
            page.map_or(0, |page| {
                let frame = if page.is_owned { 1 } else { page.frame.get() };
                frame << 8 | u64::from(page.permissions.bits())
            })
        }));
        words.extend([
            u64::from(self.waits()),
            self.waiting as u64,
            self.shape.word(),
        ]);
    }

    fn finish(self) -> Result<(), Wrong> {
        let Self { table, frames, .. } = self;
        drop(table);
        same("frames that are left", frames.frames_in_use(), 0)
    }
}

/// The permissions that pages may get.
pub(super) const PERMISSIONS: [Permissions; 3] = [NONE, READ, WRITE];
