//! The public suites: what they prove of platforms that are right, and what they say of those that are not.

mod all_or_nothing;
mod asked;
mod bytes;
mod cpus;
mod digest;
mod frames;
mod page_table;
mod paging;
mod questions;
mod seeds;
mod tlb;
mod verbs;
