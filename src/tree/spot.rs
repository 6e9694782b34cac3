//! The answer of a reservation: where the edit will be, and whether there is room for it.
//!
//! A verb reserves, edits the page table, and then edits the tree. The spot carries over the part of the reservation's
//! search that the edit would otherwise repeat.

use super::path::Path;

/// The place of an edit, as its reservation has found it. Of use until the tree changes.
#[derive(Clone, Copy, Default)]
pub(crate) enum Spot {
    /// The first leaf that the edit touches has room for it, and no other needs any. The edit follows the path there,
    /// and searches for that leaf no second time.
    At(Path),
    /// All leaves that the edit touches have room for it. The edit searches for each.
    Roomy,
    /// Room may be lacking. The edit makes it, with the nodes that were set aside. Always a correct answer, only slow.
    #[default]
    Tight,
}
