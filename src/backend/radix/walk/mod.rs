//! The way from a root to an entry: tables, slots, and the leaves in an area.
//!
//! ```text
//!              level 2 (root)        level 1              level 0
//!            ┌──────────────┐    ┌──────────────┐    ┌──────────────┐
//!  address ─►│ slot: 1 GiB  │─┐  │ slot: 2 MiB  │─┐  │ slot: 4 KiB  │─► frame
//!            │      …       │ └─►│      …       │ └─►│      …       │
//!            └──────────────┘    └──────────────┘    └──────────────┘
//! ```
//!
//! A *level* counts from the pages up: level 0 has the leaves of 4 KiB. A *slot* is a place in a table, and spans as
//! many bytes as a leaf there would. [`table`], [`slot`], [`cut`] and [`ranges`] are geometry, without an access to
//! memory; [`filled`] keeps where the root may have entries. [`find`] goes down to one entry, [`leaves`] goes over all
//! leaves of an area, and [`vacant`] asks how full a table is.

pub(super) mod cut;
pub(super) mod filled;
pub(super) mod find;
pub(super) mod fit;
pub(super) mod leaves;
pub(super) mod ranges;
pub(super) mod slot;
pub(super) mod table;
pub(super) mod vacant;
