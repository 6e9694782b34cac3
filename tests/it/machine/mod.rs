//! The software MMU: what the manual says, rule by rule, and TLBs that do the worst.

mod fences;
mod rules;
mod stale;
mod tables;
