//! The software MMU: what the manual says, rule by rule, and TLBs that do the worst.

mod aarch64;
mod agree;
mod fences;
mod junk;
mod mmu;
mod modes;
mod needed;
mod one_hart;
mod rules;
mod sequences;
mod stale;
mod subject;
mod tables;
mod threads;
mod world;
mod worlds;
mod x86_64;
