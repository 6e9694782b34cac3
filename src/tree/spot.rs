//! Where an edit will be, as the check before it has found out.

use super::path::Path;

/// The way to where an area starts, if one leaf holds all that an edit of that area touches, and has room for it: then
/// the edit need not look for it again. Of use until the tree changes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spot(pub(super) Option<Path>);
