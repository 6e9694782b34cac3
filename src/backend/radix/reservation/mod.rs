//! How many tables edits need, and the frames set aside for them.
//!
//! An edit cannot fail, so the frames for its new tables are set aside before the first entry is written. They are
//! counted from the page table as it is. A cost is never too small; where it is too large, frames are given back.
//!
//! ```text
//!  slots at level 1   │ 0: pointer      │ 1: empty        │ 2: empty        │
//!  map this run                 ▓▓▓▓▓▓▓▓ ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓ ▓▓▓▓▓▓
//!  new tables           0: the table is   0: one leaf of    1: the pages need
//!                       there             2 MiB fits        a table
//!
//!  slots at level 1   │ 0: leaf         │ 1: leaf         │ 2: leaf         │
//!  unmap this area              ░░░░░░░░ ░░░░░░░░░░░░░░░░░ ░░░░░░
//!  new tables           1: the leaf is    0: the leaf is    1: the leaf is
//!                       split             taken out whole   split
//! ```
//!
//! Several edits of one verb do not simply add up ([`earlier_edits`]). After the unmap above, a map of its area finds
//! the two tables of the splits, and needs none. Where entries wait for their flush, as those of owned pages do, the
//! verb flushes in between. Then tables with nothing else in them are given back, and the map needs new ones.
//!
//! [`cost`] adds the edits of a verb up, with [`cut_cost`] for leaves that are split and [`map_cost`] for runs.
//! [`new_tables`] knows the tables of a run where none is. [`reserved`] is the value that a caller holds, and [`stack`]
//! pushes and pops its frames.

mod cost;
mod cut_cost;
mod earlier_edits;
mod map_cost;
mod new_tables;
pub(super) mod reserved;
mod stack;
