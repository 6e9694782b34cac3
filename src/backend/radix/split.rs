//! Making smaller leaves of a large one.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Relaxed, Release};

use super::format::Format;
use super::reserved::Reserved;
use super::table::span;
use super::walker::Radix;
use crate::addr::PhysAddr;
use crate::attributes::Attributes;
use crate::flush::Tlb;
use crate::frame::FrameAllocator;

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    /// Puts a table of leaves one below `level` in place of the leaf in `word`, and answers where it is; `None`, and
    /// nothing has changed, when no frame is left.
    ///
    /// The translations stay the same, so nothing needs to be flushed for this: old and new may both be used until
    /// the edit that asked for it is flushed (Privileged, 'Supervisor Memory-Management Fence Instruction').
    pub(super) fn split(
        &self,
        word: &AtomicU64,
        first: PhysAddr,
        attributes: Attributes,
        level: usize,
        with: &mut Reserved,
    ) -> Option<PhysAddr> {
        let below = level.checked_sub(1)?;
        let (at, table) = self.take_table(with)?;
        let mut addr = Some(first);
        for entry in table {
            entry.store(F::leaf(addr?, attributes, below), Relaxed);
            addr = addr?.checked_add(span(below));
        }
        word.store(F::table(at, level), Release);
        Some(at)
    }
}
