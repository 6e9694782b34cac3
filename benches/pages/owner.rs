//! Pages that own their frames: unmapped, those go back to the arena.

use super::work::PAGE;
use super::{Frames, PageTable, Pages, READ_WRITE, Work};

/// A page table that knows which pages own their frames, or whose author's own loop over pages gives frames back.
pub(crate) trait Owner: PageTable {
    /// Maps each of `pages` to a frame of its own, [`READ_WRITE`].
    fn install(&mut self, pages: &Pages) {
        for addr in (pages.start()..pages.end()).step_by(PAGE) {
            let frame = Frames.alloc_page().into_addr();
            self.map(&Pages {
                first: frame.get(),
                ..pages.leaf_at(addr)
            });
        }
    }

    /// Takes out what maps `pages`, and gives back their frames, and tables if it can.
    fn unmap_owned(&mut self, pages: &Pages);
}

/// Whether the duty is done.
///
/// # Panics
/// When it is not.
pub(crate) fn prove_owner<T: Owner>(work: &Work) {
    let pages = &work.small;
    let before = Frames.in_use();
    let mut table = T::new();
    let empty = Frames.in_use();
    table.install(pages);
    let count = pages.bytes() / PAGE;
    let full = Frames.in_use();
    assert!(full - empty > count, "{}: a frame a page", T::NAME);
    let mut last = None;
    for addr in (pages.start()..pages.end()).step_by(PAGE) {
        let leads = table.query(addr);
        assert!(leads.is_some() && leads != last, "{}", T::NAME);
        assert_eq!(table.permissions(addr), Some(READ_WRITE), "{}", T::NAME);
        last = leads;
    }
    let one = pages.leaf_at(pages.start() + pages.bytes() / 2);
    table.unmap_owned(&one);
    assert_eq!(Frames.in_use(), full - 1, "{}: one is back", T::NAME);
    assert_eq!(table.query(one.start()), None, "{}", T::NAME);
    table.install(&one);
    table.unmap_owned(pages);
    assert_eq!(table.query(pages.start()), None, "{}", T::NAME);
    assert!(Frames.in_use() <= full - count, "{}: all back", T::NAME);
    if T::FREES_TABLES {
        assert_eq!(Frames.in_use(), empty, "{}: the root is left", T::NAME);
    }
    drop(table);
    assert_eq!(Frames.in_use(), before, "{}: all is back", T::NAME);
}
