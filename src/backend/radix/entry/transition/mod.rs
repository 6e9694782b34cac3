//! The transitions of an entry that CPUs and the MMU may make at once: each one function on its place.
//!
//! | transition | from | to | beside |
//! |---|---|---|---|
//! | [`claim`] | empty | leaf, hidden, pointer | other CPUs |
//! | [`permit`] | leaf, hidden | leaf that allows more | other CPUs, the MMU |
//! | [`touch`] | leaf | used leaf | other CPUs, the MMU |
//! | [`swap`] | leaf, hidden | leaf of another frame, through a retired word and its flush | other CPUs, the MMU |
//! | [`hold`] | leaf, hidden | as it was, with a reference to its frame more | other CPUs, the MMU |
//! | [`rewrite`] | leaf, hidden | hidden, leaf | the MMU |
//! | [`retire`] | leaf, hidden | retired, empty | the MMU |
//! | [`reap`] | retired | empty | other CPUs, after the flush |
//! | [`unmark`](mark::unmark) | used leaf | leaf | the MMU |
//! | [`mark`](mark::mark) | leaf | used leaf | the MMU |
//!
//! Each is for any [`Place`](crate::place::Place). The edits call it with `core`'s atomics, and loom with its own: the
//! tests in `interleavings` let every way come to pass in which these meet.

pub(in crate::backend::radix) mod claim;
pub(in crate::backend::radix) mod hold;
pub(in crate::backend::radix) mod mark;
pub(in crate::backend::radix) mod permit;
pub(in crate::backend::radix) mod reap;
pub(in crate::backend::radix) mod retire;
pub(in crate::backend::radix) mod rewrite;
pub(in crate::backend::radix) mod swap;
pub(in crate::backend::radix) mod touch;
