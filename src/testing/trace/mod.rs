//! Recorded processes, and whether a space follows them to where their system led.
//!
//! `line` reads one line, `history` keeps the whole trace. `plan` makes the manager's calls of it, and chooses physical
//! memory; `record` keeps in plain numbers which memory stands where. `replay` makes the calls, and `check` compares.

mod check;
mod compare;
mod error;
mod history;
mod leaf;
mod line;
mod plan;
mod record;
mod replay;
mod view;

pub use check::Checked;
pub use error::TraceError;
pub use history::Trace;
pub use replay::{Replay, replay};
