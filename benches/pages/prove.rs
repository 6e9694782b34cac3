//! Whether a page table does all of its duties: what does less is no peer.

use kernel_vm::Permissions;

use super::work::{LARGE, PAGE};
use super::{Frames, PageTable, Pages, READ_WRITE, Work};

/// # Panics
/// When it does less.
pub(crate) fn prove<T: PageTable>(work: &Work) {
    let before = Frames.in_use();
    let mut table = T::new();
    let empty = Frames.in_use();
    for pages in [&work.small].into_iter().chain(&work.large) {
        table.map(pages);
        prove_mapped(&table, pages);
        prove_leaves::<T>(pages, Frames.in_use() - empty);
        prove_edits(&mut table, pages);
        table.unmap(pages);
        prove_absent(&table, pages);
        if T::FREES_TABLES {
            assert_eq!(Frames.in_use(), empty, "{}: the root is left", T::NAME);
        }
        table.map(pages);
        prove_mapped(&table, pages);
        table.unmap(pages);
        table = T::new();
    }
    work.large.iter().for_each(|pages| table.map(pages));
    work.large
        .iter()
        .for_each(|pages| prove_mapped(&table, pages));
    drop(table);
    assert_eq!(Frames.in_use(), before, "{}: all is back", T::NAME);
}

/// The leaf that edits single out.
fn middle(pages: &Pages) -> Pages {
    pages.leaf_at(pages.start() + pages.bytes() / 2)
}

/// The first and last byte of some leaves, the first, the [`middle`] and the last among them.
fn samples(pages: &Pages) -> impl Iterator<Item = usize> {
    let (start, end, leaf) = (pages.start(), pages.end(), pages.leaf);
    let some = (start..end).step_by(7 * leaf);
    let some = some.chain([middle(pages).start(), end - leaf]);
    some.flat_map(move |first| [first, first + leaf - 1])
}

fn prove_mapped<T: PageTable>(table: &T, pages: &Pages) {
    for addr in samples(pages) {
        assert_eq!(table.query(addr), pages.translate(addr), "{}", T::NAME);
        assert_eq!(table.permissions(addr), Some(READ_WRITE), "{}", T::NAME);
    }
    for addr in [pages.start() - 1, pages.end()] {
        assert_eq!(table.query(addr), None, "{}: outside", T::NAME);
    }
}

fn prove_absent<T: PageTable>(table: &T, pages: &Pages) {
    for addr in samples(pages) {
        assert_eq!(table.query(addr), None, "{}: it is gone", T::NAME);
    }
}

/// By the tables that it took, whether leaves have their size: smaller ones take more, larger ones none.
fn prove_leaves<T: PageTable>(pages: &Pages, tables: usize) {
    let needed = pages.bytes().div_ceil(512 * pages.leaf);
    // And for each level above, two at most.
    let right = needed..=needed + 3;
    assert!(right.contains(&tables), "{}: {tables} tables", T::NAME);
}

fn prove_edits<T: PageTable>(table: &mut T, pages: &Pages) {
    let one = middle(pages);
    let other = Pages {
        first: one.first + LARGE as u64,
        ..one
    };
    table.map(&other);
    prove_mapped(table, pages);
    if pages.leaf == PAGE {
        table.map_one(&other);
        prove_mapped(table, pages);
        table.unmap_one(&one);
    } else {
        table.unmap(&one);
    }
    assert_eq!(table.query(one.start()), None, "{}: a hole", T::NAME);

    let read = Permissions::READ;
    table.protect(pages, read);
    assert_eq!(table.query(one.start()), None, "{}: still one", T::NAME);
    for addr in samples(pages).filter(|&addr| !one.contains(addr)) {
        assert_eq!(table.query(addr), pages.translate(addr), "{}", T::NAME);
        assert_eq!(table.permissions(addr), Some(read), "{}", T::NAME);
    }
    table.protect(pages, READ_WRITE);
    if pages.leaf == PAGE {
        table.map_one(&one);
    } else {
        table.map(&one);
    }
    prove_mapped(table, pages);
}
