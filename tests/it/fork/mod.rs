//! Processes: a space that comes from another; and the pages of objects that many show.

mod basics;
mod injection;
mod page_cache;
mod platform;
mod restrict;
