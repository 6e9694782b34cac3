//! Looks at the entries of a page table.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

use super::model::Model;
use super::op::{Op, PAGE};
use super::subject::Subject;
use super::world::{ACCESSES, World};
use crate::addr::PhysAddr;
use crate::backend::{Entry, PageTableBackend as _};
use crate::testing::broken::{Broken, ensure};

const ENTRIES: &str = "an entry says what a model with a few bits a page says of it";
const FRAMES: &str = "each page of its own has a frame, and nobody else has one but the tables";

/// More tables than any window needs.
const TABLES: usize = 16;

impl<const W: usize, S: Subject> World<W, S> {
    /// Takes down which frames new pages have.
    pub(super) fn learn(&mut self, op: Op) -> Result<(), Broken> {
        let range = match op {
            Op::Prefault(span) => span.range(),
            Op::Fault(page, _) => page..page + 1,
            _ => return Ok(()),
        };
        for page in range {
            let is_new = self.model.owned[page] == 0;
            let is_owned = self.model.mapped.has(page) && self.model.physical(page).is_none();
            if is_new && is_owned && self.model.present.has(page) {
                let at = self.addr(page);
                let leads = self.subject.look(|space| space.translate_vaddr(at));
                let none = || Broken::new(FRAMES, format!("page {page} has no frame"));
                let frame = leads.ok_or_else(none)?;
                self.model.owned[page] = frame.get();
            }
        }
        Ok(())
    }

    /// A CPU uses a page, and no CPU may have anything cached that is no longer so.
    pub(super) fn access(&self, page: usize) -> Result<(), Broken> {
        let (model, subject) = (&self.model, &self.subject);
        let (at, access) = (self.addr(page), page / 16 % 3);
        // It takes most of the time, so it is asked behind each second verb.
        if page % 2 == 0 {
            subject.cached(at, model.waits)?;
        }
        let Some(seen) = subject.access(page / 4, at, ACCESSES[access]) else {
            return Ok(());
        };
        let rights = model.entry(page);
        let allowed = rights.filter(|rights| rights.0 >> access & 1 != 0);
        let expected = allowed.map(|_| self.leads(page));
        let law = "a CPU's access leads where a model with a few bits a page says";
        ensure(model.waits || seen == expected, law, || {
            let access = ACCESSES[access];
            format!("{access:?} of page {page} leads to {seen:?}, should be {expected:?}")
        })
    }

    /// Where a page leads that is present.
    fn leads(&self, page: usize) -> PhysAddr {
        let owned = PhysAddr::new(self.model.owned[page]);
        self.model.physical(page).unwrap_or(owned)
    }

    /// Compares the entry of a page with what the model says of it.
    pub(super) fn look_at_entry(&self, page: usize) -> Result<(), Broken> {
        let model = &self.model;
        let at = self.addr(page);
        let entry = self.subject.look(|space| space.backend().entry(at));
        let expected = model.entry(page);
        let is_right = match (entry, expected) {
            (Entry::Empty, None) => true,
            (Entry::Busy, None) => model.waits,
            (Entry::Leaf(run) | Entry::Hidden(run), Some(rights)) => {
                run.translate(self.addr(page)) == Some(self.leads(page))
                    && run.attributes.permissions == rights.permissions()
                    && matches!(entry, Entry::Leaf(_)) == (rights.0 != 0)
                    && (model.physical(page).is_some() || run.area.size() == PAGE)
            }
            _ => false,
        };
        ensure(is_right, ENTRIES, || {
            format!("entry of page {page} is {entry:?}, should be {expected:?}")
        })
    }

    pub(super) fn check_entries(&self) -> Result<(), Broken> {
        (0..Model::<W>::PAGES).try_for_each(|page| self.look_at_entry(page))?;
        self.subject.cached(self.addr(0), self.model.waits)?;
        self.check_frames()
    }

    /// Whether each anonymous page has a frame of its own, and nobody else has one but the tables.
    fn check_frames(&self) -> Result<(), Broken> {
        let model = &self.model;
        let has_own = |&page: &usize| model.present.has(page) && model.physical(page).is_none();
        let pages: Vec<usize> = (0..Model::<W>::PAGES).filter(has_own).collect();
        let frames: BTreeSet<u64> = pages.iter().map(|&page| model.owned[page]).collect();
        ensure(frames.len() == pages.len(), FRAMES, || {
            "two pages share a frame".into()
        })?;
        let in_use = self.subject.frames_in_use();
        let least = self.at_first + frames.len();
        let is_right = in_use >= least && (model.waits || in_use <= least + TABLES);
        ensure(in_use == 0 || is_right, FRAMES, || {
            format!("{in_use} frames in use, {} by pages", frames.len())
        })
    }
}
