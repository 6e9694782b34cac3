//! A vector in address order, and binary search.

use std::ops::Range;

use kernel_vm::{MapError, MemoryArea, Permissions};

use super::{Store, first_gap};
use crate::workload::{Entry, check, check_protect, check_unmap};

pub(crate) struct SortedVec {
    areas: Vec<Entry>,
}

impl SortedVec {
    /// The positions of the areas that have a byte in `area`.
    fn touched(&self, area: MemoryArea) -> Range<usize> {
        let first = (self.areas).partition_point(|entry| entry.area.end() < area.start());
        let rest = self.areas[first..].iter();
        let touched = rest.take_while(|entry| entry.area.start() <= area.end());
        first..first + touched.count()
    }

    /// Puts `parts`, joined where they can be, in place of `range` and its neighbours, which are parts too.
    fn replace(&mut self, range: Range<usize>, parts: impl Iterator<Item = Entry>) {
        let left = range.start.saturating_sub(1);
        let right = (range.end + 1).min(self.areas.len());
        let mut joined: Vec<Entry> = Vec::with_capacity(right - left + 2);
        let around = [left..range.start, range.end..right].map(|side| self.areas[side].first());
        let parts = around[0].copied().into_iter().chain(parts);
        for part in parts.chain(around[1].copied()) {
            match joined.last_mut() {
                Some(last) if last.join(&part).is_some() => {
                    *last = last.join(&part).unwrap_or(part);
                }
                _ => joined.push(part),
            }
        }
        self.areas.splice(left..right, joined);
    }
}

impl Store for SortedVec {
    const NAME: &str = "sorted-vec";

    fn new() -> Self {
        Self { areas: Vec::new() }
    }

    fn len(&self) -> usize {
        self.areas.len()
    }

    fn lookup(&self, addr: usize) -> Option<u64> {
        let index = self.areas.partition_point(|entry| entry.end() < addr);
        self.areas.get(index)?.translate(addr)
    }

    fn insert(&mut self, entry: Entry) -> Result<(), MapError> {
        check(&entry)?;
        let touched = self.touched(entry.area);
        if let Some(old) = self.areas[touched.clone()].first() {
            return Err(MapError::Overlap { existing: old.area });
        }
        self.replace(touched, std::iter::once(entry));
        Ok(())
    }

    fn unmap(&mut self, area: MemoryArea) -> Result<(), MapError> {
        check_unmap(area)?;
        let touched = self.touched(area);
        let [first, last] = [touched.clone().next(), touched.clone().next_back()];
        let below = first.and_then(|index| self.areas[index].without(area)[0]);
        let above = last.and_then(|index| self.areas[index].without(area)[1]);
        self.areas.splice(touched, below.into_iter().chain(above));
        Ok(())
    }

    fn protect(&mut self, area: MemoryArea, permissions: Permissions) -> Result<(), MapError> {
        check_protect(area, permissions)?;
        let touched = self.touched(area);
        let old = self.areas[touched.clone()].to_vec();
        let parts = || old.iter().filter_map(|entry| entry.within(area));
        if parts().map(|part| part.area.size()).sum::<usize>() < area.size() {
            return Err(MapError::NotMapped { hole: area });
        }
        let below = old.first().and_then(|entry| entry.without(area)[0]);
        let above = old.last().and_then(|entry| entry.without(area)[1]);
        let changed = parts().map(|part| Entry {
            permissions,
            ..part
        });
        let parts = below.into_iter().chain(changed).chain(above);
        self.replace(touched, parts);
        Ok(())
    }

    fn find_gap(&self, size: usize, window: MemoryArea) -> Option<usize> {
        let start = window.start().get();
        let first = self.areas.partition_point(|entry| entry.end() < start);
        let areas = self.areas[first..].iter();
        let areas = areas.map(|entry| (entry.start(), entry.end()));
        first_gap(size, start, window.end().get(), areas)
    }

    /// Sorted once: inserting one by one would move half of them each time.
    fn filled(entries: &[Entry]) -> Self {
        let mut areas = entries.to_vec();
        areas.sort_unstable_by_key(Entry::start);
        Self { areas }
    }
}
