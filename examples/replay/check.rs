//! Whether a replay led where it should.

use kernel_vm::backend::PageTableBackend;
use kernel_vm::{Permissions, VirtAddr};

use super::compare::{Difference, compare};
use super::failure::Failure;
use super::leaf::Leaf;
use super::replay::Replay;
use super::trace::{Trace, pages};
use super::view::View;

/// How many pages were looked at.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Checked {
    /// Pages that Linux and the manager both have, and see alike.
    pub(crate) compared: usize,
    /// Pages that the page table translates as it should.
    pub(crate) read_back: usize,
}

impl Checked {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            compared: self.compared + other.compared,
            read_back: self.read_back + other.read_back,
        }
    }
}

/// Compares the space with Linux's last view, populates all of it, and reads the page table back.
///
/// # Errors
/// The first thing that is not as it should be.
pub(crate) fn check<B: PageTableBackend>(
    replay: &Replay<B>,
    trace: &Trace,
) -> Result<Checked, Failure> {
    let space = &replay.space;
    let maps = space.memory_maps().flat_map(|map| {
        let view = View::of(map);
        pages(map.vmarea()).map(move |page| (page, view))
    });
    let compared = compare(trace.pages(), maps).map_err(Failure::Space)?;
    for &range in space.backend().ranges() {
        space.populate(range).map_err(Failure::Populate)?;
    }
    space.check_invariants().map_err(Failure::Broken)?;
    read_entries(replay, trace).map_err(Failure::Table)?;
    let read_back = read_leaves(replay, trace).map_err(Failure::Table)?;
    Ok(Checked {
        compared,
        read_back,
    })
}

/// What the page table should say of each page that Linux has; `None` where it allows nothing.
fn expected<B: PageTableBackend>(
    replay: &Replay<B>,
    trace: &Trace,
) -> impl Iterator<Item = (VirtAddr, Option<Leaf>)> {
    trace.pages().map(|(page, view)| {
        let leaf = Leaf {
            first: replay.record.find(page),
            permissions: view.permissions | Permissions::USER,
        };
        (page, view.permissions.allow_any().then_some(leaf))
    })
}

/// Looks every page up, as the MMU does.
fn read_entries<B: PageTableBackend>(
    replay: &Replay<B>,
    trace: &Trace,
) -> Result<(), Difference<Leaf>> {
    expected(replay, trace).try_for_each(|(page, expected)| {
        let found = Leaf::of_entry(replay.space.backend().entry(page), page);
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
fn read_leaves<B: PageTableBackend>(
    replay: &Replay<B>,
    trace: &Trace,
) -> Result<usize, Difference<Leaf>> {
    let backend = replay.space.backend();
    let runs = backend
        .ranges()
        .iter()
        .flat_map(|&range| backend.populated(range));
    let found = runs
        .flat_map(|run| pages(run.area).filter_map(move |page| Some((page, Leaf::of(run, page)?))));
    let expected = expected(replay, trace).filter_map(|(page, leaf)| Some((page, leaf?)));
    compare(expected, found)
}
