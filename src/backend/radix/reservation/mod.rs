//! How many tables edits need, and the frames set aside for them.

pub(super) mod cost;
pub(super) mod earlier_edits;
pub(super) mod map_cost;
pub(super) mod new_tables;
pub(super) mod reserved;
pub(super) mod stack;
