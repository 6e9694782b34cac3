//! Where an edit will be, and whether there is room for it, as the check before it has found out.

use super::path::Path;

/// What a reservation has found out for the edit that follows it. Of use until the tree changes.
#[derive(Clone, Copy, Default)]
pub(crate) enum Spot {
    /// One leaf holds all that the edit touches, and has room for it: the way there, so that the edit need not look for
    /// it again.
    At(Path),
    /// All leaves that the edit touches have room for it.
    Roomy,
    /// Room must be made, with the nodes that were set aside.
    #[default]
    Tight,
}
