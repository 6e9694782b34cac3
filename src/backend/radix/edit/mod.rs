//! The edits, one verb each.
//!
//! | verb | borrows | what it does to entries |
//! |---|---|---|
//! | [`map`] | `&self` or `&mut self` | writes leaves where entries are empty, with [`fill`] for new tables |
//! | [`install`] | `&self` | maps one page to a frame that becomes the page table's own |
//! | [`exchange`] | `&self` | puts another frame in the place of a page's |
//! | [`permit`] | `&self` | lets a leaf allow more |
//! | [`touch`] | `&self` | sets the accessed and dirty bits of a leaf |
//! | [`unmap`] | `&mut self` | takes leaves and tables out |
//! | [`protect`] | `&mut self` | gives leaves other permissions, with [`rewrite`] for leaves in a row |
//! | [`shift`] | `&mut self` | maps leaves elsewhere, after [`moved`] |
//! | [`share`] | `&mut self` | writes leaves to the frames of one page table into another |
//! | [`harvest`] | `&mut self` | reads and clears accessed and dirty bits |
//!
//! [`split`] makes smaller leaves of a large one, for edits that want a part of it. [`at_once`] makes one edit in one
//! call; for one page, [`one_page`] does so with a walk and a store.
//!
//! Under `&self` many CPUs edit at once, so entries are claimed with a compare-and-swap
//! ([`claim`](super::entry::transition::claim)). Under `&mut self`
//! nobody but the MMU writes entries, so loads and stores stand apart wherever the MMU does not write either.

pub(super) mod at_once;
pub(super) mod check_page;
pub(super) mod exchange;
pub(super) mod fill;
pub(super) mod harvest;
pub(super) mod install;
pub(super) mod map;
pub(super) mod map_edit;
pub(super) mod moved;
pub(super) mod one_page;
pub(super) mod permit;
pub(super) mod protect;
pub(super) mod rewrite;
pub(super) mod share;
pub(super) mod shift;
pub(super) mod split;
pub(super) mod touch;
pub(super) mod unmap;
pub(super) mod used;
