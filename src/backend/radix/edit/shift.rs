//! Shifting: mapping the leaves of one area at another.
//!
//! A frame of the page table's own must have one leaf at any time, so its page is moved: out of the old entry first,
//! then into the new. Physical memory may have two, so it is mapped at the new place, and the caller unmaps the old.
//! Where the MMU sets bits meanwhile, the old leaves are taken out at once, and the new ones catch up with those bits.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Relaxed, Release};

use super::moved::Relocation;
use super::used::Used;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::retired::moved;
use crate::backend::radix::entry::transition::mark::mark;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::reservation::reserved::Reserved;
use crate::backend::radix::retire::changed::Changed;
use crate::backend::run::Run;
use crate::flush::Retired;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// Maps the leaves of one area at another, and tells `out`. Frames of the page table's own have moved then;
    /// physical memory is mapped at both places until the caller unmaps the old one. O(leaves + tables).
    pub(in crate::backend::radix) fn shift_area(
        &mut self,
        relocation: Relocation,
        reserved: &mut Reserved,
        out: &mut Retired,
    ) {
        let mut changed = Changed::default();
        for moved in self.moved(relocation) {
            if let Some(page) = moved.page {
                self.move_page(page, &moved.run, reserved, &mut changed);
                continue;
            }
            self.map_alone(&moved.run, moved.used.bits(), reserved);
            if self.is_written_by_hardware() {
                self.catch_up(moved.run.area, relocation, &mut changed);
            }
        }
        changed.tell(out);
    }

    /// Moves the leaf of the owned page at `from` to the page of `run`, with every bit that was set in it by then. The
    /// leaf stays, to be unmapped, where the page cannot be mapped for want of a reservation.
    fn move_page(&self, from: VirtAddr, run: &Run, reserved: &mut Reserved, changed: &mut Changed) {
        let Some(place) = self.find_page(from) else {
            return;
        };
        // Before it is anywhere else: hooks are called in between, and should one panic, no two leaves own the frame.
        let leaf = place.swap(0, Relaxed);
        let bits = (leaf & F::OWNED) | Used::of::<F>(leaf).bits();
        if self.map_alone(run, bits, reserved) {
            let area = MemoryArea::block(from, run.area.size());
            leave::<F>(place, leaf, area, changed);
        } else {
            place.store(leaf, Release);
        }
    }

    /// Marks the leaves at `new`, just mapped, with the bits that the MMU has set in the old leaves since those were
    /// read. Takes the old leaves out for that. O(leaves).
    fn catch_up(&self, new: MemoryArea, relocation: Relocation, changed: &mut Changed) {
        // Without a leaf at the new place, for want of a reservation, the old ones stay to be unmapped.
        let is_mapped = self.leaves(new).next().is_some();
        let Some(old) = relocation.back(new).filter(|_| is_mapped) else {
            return;
        };
        let used = self.take_used(old, changed);
        if !used.is_none() {
            for leaf in self.leaves(new) {
                mark::<F>(leaf.place, used.bits());
            }
        }
    }

    /// Takes out the leaves of `old`, and answers how they were used. A leaf that reaches past `old` is split later.
    /// The MMU may write through it until then, so its memory counts as used.
    fn take_used(&self, old: MemoryArea, changed: &mut Changed) -> Used {
        let mut used = Used::default();
        for leaf in self.leaves(old) {
            if leaf.whole != leaf.run.area {
                used = used | Used::possible::<F>(leaf.run.attributes.permissions);
                continue;
            }
            let old = leaf.place.swap(0, Relaxed);
            leave::<F>(leaf.place, old, leaf.whole, changed);
            used = used | Used::of::<F>(old);
        }
        used
    }
}

/// Notes that the leaf of `area` has gone from `place`, which is empty now. Nothing may be made there before the flush
/// where the format breaks before it makes, so a word stays that waits for it.
fn leave<F: Format>(place: &AtomicU64, leaf: u64, area: MemoryArea, changed: &mut Changed) {
    if leaf & F::VALID != 0 {
        changed.leaves(area);
    }
    let left = moved::<F>(leaf);
    if left != 0 {
        place.store(left, Relaxed);
        changed.entries(area);
    }
}
