//! Processes: a space that comes from another.

mod basics;
