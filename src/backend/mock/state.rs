//! The entries and the TLBs of the mock, and the edits of both.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use super::countdown::Countdown;
use super::page::{self, Page};
use super::slot::Slot;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::lost::Replaced;
use crate::backend::run::{Entry, Run};
use crate::flush::{Flush, Retired};
use crate::permissions::{Access, Permissions};

/// Everything that a mock keeps, under its lock.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The entries that are not empty, by page number.
    pub(super) pages: BTreeMap<usize, Slot>,
    /// The TLB of each CPU that has accessed anything: copies of entries, as they were when they were first used.
    tlbs: BTreeMap<usize, BTreeMap<usize, Page>>,
    /// The numbers of the owned pages that were taken out: they are busy until they are retired.
    waiting: BTreeSet<usize>,
    /// All notes on changes since the last flush that knew of all.
    pub(super) told: Retired,
    /// Whether an edit or a flush is under way: it stays set when a hook panics there.
    pub(super) is_torn: bool,
    pub(super) flushes: usize,
    pub(super) reservations: usize,
    pub(super) failure: Countdown,
    pub(super) race: Countdown,
}

impl State {
    pub(super) const fn new() -> Self {
        Self {
            pages: BTreeMap::new(),
            tlbs: BTreeMap::new(),
            waiting: BTreeSet::new(),
            told: Retired::new(),
            is_torn: false,
            flushes: 0,
            reservations: 0,
            failure: Countdown::new(),
            race: Countdown::new(),
        }
    }

    /// The entry of the page with this number. O(log n).
    pub(super) fn entry(&self, number: usize) -> Entry {
        let slot = self.pages.get(&number);
        slot.map_or(Entry::Empty, |slot| slot.entry(number))
    }

    /// The entry that the TLB of `cpu` holds for the page with this number, after a walk where it held none.
    ///
    /// `None` when the page table has no valid entry either: that is not cached. O(log n).
    pub(super) fn cached(&mut self, cpu: usize, number: usize) -> Option<Page> {
        let tlb = self.tlbs.entry(cpu).or_default();
        if let Some(&page) = tlb.get(&number) {
            return Some(page);
        }
        let slot = self.pages.get(&number).filter(|slot| slot.is_valid())?;
        tlb.insert(number, slot.page);
        Some(slot.page)
    }

    /// Marks an access to the frame at `first` through the page with this number, if that led there last: by a stale
    /// translation, too, while the page waits for its flush.
    pub(super) fn mark(&mut self, number: usize, first: PhysAddr, access: Access) {
        let slot = self.pages.get_mut(&number);
        if let Some(slot) = slot.filter(|slot| slot.page.first == first) {
            slot.used.mark(access);
        }
    }

    /// Empties the pages in `area`, which lies in one range. Owned ones stay, busy, until they are retired.
    pub(super) fn unmap(&mut self, area: MemoryArea, out: &mut Retired) {
        let (mut gone, mut waiting) = (Hull::default(), Hull::default());
        for (&number, slot) in self.pages.range_mut(numbers(area)) {
            gone.add_if(slot.is_valid(), number);
            if slot.owned.is_some() && !slot.is_busy {
                slot.is_busy = true;
                waiting.add_if(true, number);
                self.waiting.insert(number);
            }
        }
        remove(&mut self.pages, numbers(area), |slot| slot.is_busy);
        self.tell(out, |notes| {
            gone.area().into_iter().for_each(|area| notes.note(area));
            if let Some(area) = waiting.area() {
                notes.note_entries();
                notes.note_waiting(area);
            }
        });
    }

    /// Gives the pages in `area`, which lies in one range, these permissions, and notes those that were valid and have
    /// changed. Answers the pages from the first to the last that have become valid.
    pub(super) fn protect(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        out: &mut Retired,
    ) -> Option<MemoryArea> {
        let (mut changed, mut made) = (Hull::default(), Hull::default());
        let slots = self.pages.range_mut(numbers(area));
        for (&number, slot) in slots.filter(|(_, slot)| !slot.is_busy) {
            let before = slot.page;
            slot.page.attributes.permissions = slot.allowed(permissions);
            changed.add_if(before.is_valid() && before != slot.page, number);
            made.add_if(!before.is_valid() && slot.is_valid(), number);
        }
        self.tell(out, |notes| {
            changed.area().into_iter().for_each(|area| notes.note(area));
        });
        made.area()
    }

    /// The frames of the pages in `area` that cannot be executed. O(pages in `area`).
    pub(super) fn no_code(&self, area: MemoryArea) -> Vec<PhysAddr> {
        let slots = self.pages.range(numbers(area)).map(|(_, slot)| slot);
        let is_code = |slot: &&Slot| {
            let permissions = slot.page.attributes.permissions;
            permissions.contains(Permissions::EXECUTE)
        };
        let slots = slots.filter(|slot| !slot.is_busy && !is_code(slot));
        slots.map(|slot| slot.page.first).collect()
    }

    /// Maps the pages of `from` to the same frames at the pages of `to` that are empty. The two areas have one size.
    ///
    /// A frame that is owned has one entry at any time, so its page moves; where it went, and was valid, is noted.
    /// Answers the pages from the first to the last that have become valid.
    pub(super) fn shift(
        &mut self,
        from: MemoryArea,
        to: MemoryArea,
        out: &mut Retired,
    ) -> Option<MemoryArea> {
        let (first, target) = (page::number(from.start()), page::number(to.start()));
        let slots = self.pages.range(numbers(from));
        let old: Vec<_> = slots
            .filter(|(_, slot)| !slot.is_busy)
            .map(|(&number, _)| (number, number - first + target))
            .collect();
        let (mut gone, mut made) = (Hull::default(), Hull::default());
        for (old, new) in old {
            let was_valid = self.entry_is_valid(old);
            if self.shift_page(old, new) {
                gone.add_if(was_valid && !self.pages.contains_key(&old), old);
                made.add_if(was_valid, new);
            }
        }
        self.tell(out, |notes| {
            gone.area().into_iter().for_each(|area| notes.note(area));
        });
        made.area()
    }

    fn entry_is_valid(&self, number: usize) -> bool {
        self.pages.get(&number).is_some_and(Slot::is_valid)
    }

    /// Moves an owned page, or maps the frame of another once more; false where the new place is not empty.
    fn shift_page(&mut self, old: usize, new: usize) -> bool {
        if self.pages.contains_key(&new) {
            return false;
        }
        let moved = match self.pages.get(&old) {
            Some(slot) if slot.owned.is_none() => Some(Slot {
                used: slot.used,
                ..Slot::new(slot.page, None)
            }),
            _ => self.pages.remove(&old),
        };
        moved.map(|slot| self.pages.insert(new, slot)).is_some()
    }

    /// Takes out the first owned page that waits: its number, and its frame.
    pub(super) fn reap(&mut self) -> Option<(usize, Replaced)> {
        let number = self.waiting.pop_first()?;
        let slot = self.pages.remove(&number)?;
        slot.into_replaced().map(|replaced| (number, replaced))
    }

    /// Clears the accessed bits of the pages in `area`, which lies in one range, and notes those that are valid.
    /// Answers those that had it set.
    pub(super) fn take_accessed(&mut self, area: MemoryArea, out: &mut Retired) -> Vec<Run> {
        let mut changed = Hull::default();
        let mut taken = Vec::new();
        for (&number, slot) in self.pages.range_mut(numbers(area)) {
            let run = slot.run(number).filter(|_| slot.used.accessed);
            if let Some(run) = run {
                slot.used.accessed = false;
                changed.add_if(slot.is_valid(), number);
                taken.extend(run.intersection(area));
            }
        }
        self.tell(out, |notes| {
            changed.area().into_iter().for_each(|area| notes.note(area));
        });
        taken
    }

    /// Makes an owned page of `area` clean that is dirty and cannot be written: the first, if there is one.
    pub(super) fn take_dirty(&mut self, area: MemoryArea) -> Option<Run> {
        let mut slots = self.pages.range_mut(numbers(area));
        slots.find_map(|(&number, slot)| {
            let permissions = slot.page.attributes.permissions;
            let is_meant = slot.owned.is_some() && !permissions.contains(Permissions::WRITE);
            let run = slot.run(number).filter(|_| is_meant && slot.used.dirty)?;
            slot.used.dirty = false;
            Some(run)
        })
    }

    /// Whether owned pages wait for a flush.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Makes every TLB forget the pages that `flush` names, or everything where it names no ranges.
    pub(super) fn flush(&mut self, flush: &Flush<'_>) {
        self.flushes += 1;
        match flush.ranges() {
            None => self.tlbs.clear(),
            Some(ranges) => ranges.iter().for_each(|&range| self.forget(range)),
        }
    }

    /// Makes every TLB forget the pages that have a byte in `area`.
    pub(super) fn forget(&mut self, area: MemoryArea) {
        let tlbs = self.tlbs.values_mut();
        tlbs.for_each(|tlb| remove(tlb, numbers(area), |_| false));
    }

    /// Writes notes down for the caller, and for the mock itself.
    fn tell(&mut self, out: &mut Retired, note: impl Fn(&mut Retired)) {
        note(out);
        note(&mut self.told);
    }
}

/// The numbers of the pages that have a byte in `area`.
pub(super) fn numbers(area: MemoryArea) -> RangeInclusive<usize> {
    page::number(area.start())..=page::number(area.end())
}

/// The pages of one range from the first to the last that were added, in address order.
#[derive(Clone, Copy, Default)]
struct Hull(Option<(usize, usize)>);

impl Hull {
    fn add_if(&mut self, is_one: bool, number: usize) {
        if is_one {
            self.0 = Some((self.0.map_or(number, |(first, _)| first), number));
        }
    }

    fn area(self) -> Option<MemoryArea> {
        let (first, last) = self.0?;
        MemoryArea::new(page::area(first).start(), page::area(last).end()).ok()
    }
}

/// Takes out the pages with these numbers, but for those that stay.
///
/// O(log n + pages) when no others lie behind, O(pages × log n) otherwise.
fn remove<V>(
    pages: &mut BTreeMap<usize, V>,
    numbers: RangeInclusive<usize>,
    stays: impl Fn(&V) -> bool,
) {
    let last = pages.last_key_value();
    if last.is_some_and(|(last, _)| last <= numbers.end()) {
        let cut_off = pages.split_off(numbers.start());
        pages.extend(cut_off.into_iter().filter(|(_, page)| stays(page)));
        return;
    }
    let all = pages.range(numbers).filter(|(_, page)| !stays(page));
    let gone: Vec<_> = all.map(|(&number, _)| number).collect();
    gone.iter().for_each(|number| drop(pages.remove(number)));
}
