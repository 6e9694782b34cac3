//! Giving tables back, once nobody can reach them.

use core::sync::atomic::Ordering::Relaxed;

use super::format::{Format, Word};
use super::table::{Table, slots};
use super::walker::Radix;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::flush::{Retired, Tlb};
use crate::frame::FrameAllocator;

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    /// The second pass of an unmap: gives back every table that was taken out. The flush has been waited for.
    pub(super) fn reap(&mut self, retired: &Retired) {
        if !retired.tables() {
            return;
        }
        let areas = retired.ranges().unwrap_or(F::RANGES);
        for area in areas.iter().flat_map(|&area| self.canonical(area)) {
            self.reap_in(self.root_table(), Self::TOP, area);
        }
    }

    fn reap_in(&self, table: &Table, level: usize, area: MemoryArea) {
        let Some(below) = level.checked_sub(1) else {
            return;
        };
        for slot in slots(area, level) {
            match F::decode(slot.of(table).load(Relaxed), level) {
                Word::Table(child) => self.reap_in(self.table(child), below, slot.piece()),
                Word::Retired(child) => {
                    slot.of(table).store(0, Relaxed);
                    self.release_tree(child, below);
                }
                _ => {}
            }
        }
    }

    /// Gives back the table at `at`, and all below it.
    pub(super) fn release_tree(&self, at: PhysAddr, level: usize) {
        if let Some(below) = level.checked_sub(1) {
            for word in self.table(at) {
                if let Word::Table(child) | Word::Retired(child) =
                    F::decode(word.load(Relaxed), level)
                {
                    self.release_tree(child, below);
                }
            }
        }
        self.release_table(at);
    }
}
