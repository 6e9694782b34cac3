//! Whether a replay led where it should.

use crate::addr::VirtAddr;
use crate::backend::PageTableBackend;
use crate::permissions::Permissions;
use crate::testing::broken::Broken;

use super::compare::{Difference, compare};
use super::history::pages;
use super::leaf::Leaf;
use super::record::Record;
use super::replay::Replay;
use super::view::View;

/// How many pages a replay was compared by.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Checked {
    /// Pages that the recorded system and the space both have, and see alike.
    pub compared: usize,
    /// Pages that the page table translates as it should.
    pub read_back: usize,
}

impl Checked {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            compared: self.compared + other.compared,
            read_back: self.read_back + other.read_back,
        }
    }
}

impl<B: PageTableBackend> Replay<'_, B> {
    /// Compares the space with the last view of the system that the trace was recorded on, populates all of it, and
    /// reads the page table back. O(pages).
    ///
    /// Write-only pages are readable on both sides: most page tables can say no less.
    ///
    /// # Errors
    /// The first page that is not as it should be.
    pub fn check(&self) -> Result<Checked, Broken> {
        let maps = self.space.memory_maps().flat_map(|map| {
            let view = View::of(map);
            pages(map.vmarea()).map(move |page| (page, view))
        });
        let compared = compare(self.trace.pages(), maps).map_err(|page| {
            let law = "after the same calls, a space has the pages that the recorded system had";
            page.breaks(law, "recorded", "kernel-vm")
        })?;
        self.populate_all()?;
        self.space.check_invariants()?;
        let law = "a page table leads where its maps say, and nowhere else";
        let broken = |page: Difference<Leaf>| page.breaks(law, "expected", "page table");
        let record = self.record();
        self.read_entries(&record).map_err(broken)?;
        let read_back = self.read_leaves(&record).map_err(broken)?;
        Ok(Checked {
            compared,
            read_back,
        })
    }

    /// What the page table should say of each page that there is; `None` where it allows nothing.
    fn expected(&self, record: &Record) -> impl Iterator<Item = (VirtAddr, Option<Leaf>)> {
        self.trace.pages().map(|(page, view)| {
            let leaf = Leaf {
                first: record.find(page),
                permissions: view.permissions | Permissions::USER,
            };
            (page, view.permissions.allow_any().then_some(leaf))
        })
    }

    /// Looks every page up, as the MMU does.
    fn read_entries(&self, record: &Record) -> Result<(), Difference<Leaf>> {
        self.expected(record).try_for_each(|(page, expected)| {
            let found = Leaf::of_entry(self.space.backend().entry(page), page);
            if found == expected {
                Ok(())
            } else {
                Err(Difference {
                    page,
                    expected,
                    found,
                })
            }
        })
    }

    /// Walks all that is in the page table: each page that should be there is, and no other.
    fn read_leaves(&self, record: &Record) -> Result<usize, Difference<Leaf>> {
        let backend = self.space.backend();
        let runs = backend
            .ranges()
            .iter()
            .flat_map(|&range| backend.populated(range));
        let found = runs.flat_map(|run| {
            pages(run.area).filter_map(move |page| Some((page, Leaf::of(run, page)?)))
        });
        let expected = self
            .expected(record)
            .filter_map(|(page, leaf)| Some((page, leaf?)));
        compare(expected, found)
    }
}
