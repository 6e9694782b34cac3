//! Filling tables that nobody has seen yet.

use core::ops::Range;
use core::sync::atomic::AtomicU64;

use super::count::leaves_fit;
use super::format::Format;
use super::map::Mapping;
use super::table::{Cut, Table, index, span};
use super::walker::Radix;
use crate::addr::PhysAddr;
use crate::backend::run::Run;
use crate::flush::Tlb;
use crate::frame::FrameAllocator;

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    /// A new table at `level` with `run` in it, which lies within it; `None` when nothing could be written, for want of
    /// a reservation.
    pub(super) fn new_table(
        &self,
        level: usize,
        run: Run,
        edit: &mut Mapping<'_>,
    ) -> Option<PhysAddr> {
        let table = self.take_table(edit.with)?;
        let (at, wrote) = self.write_new(table, |table| self.fill(table, level, run, edit));
        if !wrote {
            self.put_back(at, level, edit.with);
            return None;
        }
        Some(at)
    }

    /// Writes all words of `table`, which are junk before. Answers whether any is not empty now.
    fn fill(&self, table: &mut Table, level: usize, run: Run, edit: &mut Mapping<'_>) -> bool {
        let first = index(run.area.start(), level);
        let last = index(run.area.end(), level);
        clear(table, 0..first);
        clear(table, last + 1..table.len());
        let cut = Cut::new(run.area, level);
        let mut wrote = false;
        for part in [cut.head, cut.tail].into_iter().flatten() {
            wrote |= self.fill_slot(table, level, run.intersection(part), edit);
        }
        let Some(body) = cut.body.and_then(|body| run.intersection(body)) else {
            return wrote;
        };
        if leaves_fit::<F>(body, level) {
            let word = F::leaf(body.first, body.attributes, level) | edit.common;
            fill_leaves::<F>(table, cut.slots(), word, level);
            return true;
        }
        for part in body.area.blocks(span(level)) {
            wrote |= self.fill_slot(table, level, run.intersection(part.piece), edit);
        }
        wrote
    }

    /// Writes the word of the slot that `part` lies in: a pointer to a new table, or nothing.
    fn fill_slot(
        &self,
        table: &mut Table,
        level: usize,
        part: Option<Run>,
        edit: &mut Mapping<'_>,
    ) -> bool {
        let (Some(part), Some(below)) = (part, level.checked_sub(1)) else {
            return false;
        };
        let child = self.new_table(below, part, edit);
        if let Some(word) = table.get_mut(index(part.area.start(), level)) {
            *word.get_mut() = child.map_or(0, |child| edit.pointer::<F>(child, level));
        }
        child.is_some()
    }
}

fn clear(table: &mut Table, slots: Range<usize>) {
    let words = table.get_mut(slots).unwrap_or_default();
    words.iter_mut().for_each(|word| *word.get_mut() = 0);
}

/// Leaves in a row, from the one that `word` is. Nobody else sees the table: these are plain stores, several at a time.
fn fill_leaves<F: Format>(table: &mut Table, slots: Range<usize>, word: u64, level: usize) {
    let words = table.get_mut(slots).unwrap_or_default();
    let step = F::step(level);
    let mut next = word;
    for word in words.iter_mut().map(AtomicU64::get_mut) {
        *word = next;
        next = next.wrapping_add(step);
    }
}
