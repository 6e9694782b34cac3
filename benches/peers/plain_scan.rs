//! A plain scan: a vector in no order, looked through from its start.

use kernel_vm::{MapError, MemoryArea, Permissions};

use super::{Store, first_gap};
use crate::workload::{Entry, check, check_protect, check_unmap};

pub(crate) struct PlainScan {
    areas: Vec<Entry>,
}

impl PlainScan {
    /// Adds an area that overlaps none.
    fn add(&mut self, mut entry: Entry) {
        self.areas.retain(|old| {
            let joined = old.join(&entry).or_else(|| entry.join(old));
            entry = joined.unwrap_or(entry);
            joined.is_none()
        });
        self.areas.push(entry);
    }

    /// Takes out what lies in `area`, and answers the areas as they were.
    fn cut(&mut self, area: MemoryArea) -> Vec<Entry> {
        let mut old = Vec::new();
        self.areas.retain(|entry| {
            let touched = entry.area.overlaps(&area);
            old.extend(touched.then_some(*entry));
            !touched
        });
        for entry in &old {
            self.areas.extend(entry.without(area).into_iter().flatten());
        }
        old
    }
}

impl Store for PlainScan {
    const NAME: &str = "plain_scan";

    /// A lookup takes microseconds there, and milliseconds soon after.
    const MOST: usize = 16_384;

    fn new() -> Self {
        Self { areas: Vec::new() }
    }

    fn len(&self) -> usize {
        self.areas.len()
    }

    fn lookup(&self, addr: usize) -> Option<u64> {
        self.areas.iter().find_map(|entry| {
            // One comparison, not two: which of two fails is a guess that a CPU gets wrong.
            let offset = addr.wrapping_sub(entry.start());
            (offset <= entry.end() - entry.start()).then(|| entry.first + offset as u64)
        })
    }

    fn insert(&mut self, entry: Entry) -> Result<(), MapError> {
        check(&entry)?;
        let mut areas = self.areas.iter().map(|old| old.area);
        if let Some(existing) = areas.find(|old| old.overlaps(&entry.area)) {
            return Err(MapError::Overlap { existing });
        }
        self.add(entry);
        Ok(())
    }

    fn unmap(&mut self, area: MemoryArea) -> Result<(), MapError> {
        check_unmap(area)?;
        self.cut(area);
        Ok(())
    }

    fn protect(&mut self, area: MemoryArea, permissions: Permissions) -> Result<(), MapError> {
        check_protect(area, permissions)?;
        let parts = self.areas.iter().filter_map(|entry| entry.within(area));
        if parts.map(|part| part.area.size()).sum::<usize>() < area.size() {
            return Err(MapError::NotMapped { hole: area });
        }
        for old in self.cut(area) {
            if let Some(part) = old.within(area) {
                self.add(Entry {
                    permissions,
                    ..part
                });
            }
        }
        Ok(())
    }

    /// Sorts a copy: going on from one area to the next would scan all of them each time.
    fn find_gap(&self, size: usize, window: MemoryArea) -> Option<usize> {
        let start = window.start().get();
        let areas = self.areas.iter().map(|entry| (entry.start(), entry.end()));
        let mut areas: Vec<_> = areas.filter(|&(_, end)| end >= start).collect();
        areas.sort_unstable();
        first_gap(size, start, window.end().get(), areas.into_iter())
    }
}
