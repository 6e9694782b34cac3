//! Small scopes, and every sequence of verbs in them.
//!
//! A scope is five pages and three kinds of map, with every verb that there is for it, and every argument. In each
//! state that verbs have led to, every verb is done, and compared with a model that is a few words for each page: its
//! answer, all that can be looked up, and the invariants.
//!
//! `cargo test` does sequences of two verbs. Those of four and more take minutes, and want to be asked for, by
//! `.ci/scopes`. There the tree has tiny nodes, and tables have two entries each: `kernel_vm_small_tables`. So
//! five pages are in several tables, and in leaves of one page, two and four. Elsewhere tables have 512 entries, and
//! the pages lie at the border of two large tables.
//!
//! | scope | is | its model |
//! |---|---|---|
//! | [`maps`] | a space over no page table, in a tree with neighbours or without | [`layout`], [`remap`] |
//! | [`walker`] | a page table by itself, with pages of its own, and edits that are deferred or shared | a page each |
//! | [`faults`] | a space with a page table, its faults, and pages that the kernel supplies | [`process`], [`memory`] |
//! | [`fork`] | such a space and its child | two of those |
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails should stop where it fails"
)]

mod explore;
mod faults;
mod fork;
mod layout;
mod maps;
mod memory;
mod process;
mod process_verbs;
mod remap;
mod shape;
mod span;
mod tests;
mod walker;
mod walker_verbs;
mod watch;
