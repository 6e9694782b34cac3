//! The AArch64 machine: what the Arm Architecture Reference Manual for A-profile says, rule by rule. Sections are named
//! after it.

mod aborts;
mod barriers;
mod breaks;
mod descriptors;
mod invalidations;
mod marks;
mod rights;
mod stale;
mod tables;
mod translation;
