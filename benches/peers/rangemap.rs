//! `rangemap`, which joins whatever touches and is equal.

use std::ops::Range;

use kernel_vm::{MapError, MemoryArea, Permissions};
use rangemap::RangeMap;

use super::Store;
use crate::workload::{AreaValue, Entry, PAGE, check, check_protect, check_unmap};

pub(crate) struct Rangemap {
    areas: RangeMap<usize, AreaValue>,
}

fn range(area: MemoryArea) -> Range<usize> {
    area.start().get()..area.end().get() + 1
}

impl Store for Rangemap {
    const NAME: &str = "rangemap";

    fn new() -> Self {
        Self {
            areas: RangeMap::new(),
        }
    }

    fn len(&self) -> usize {
        self.areas.len()
    }

    fn lookup(&self, addr: usize) -> Option<u64> {
        self.areas.get(&addr).map(|value| value.translate(addr))
    }

    fn insert(&mut self, entry: Entry) -> Result<(), MapError> {
        check(&entry)?;
        if self.areas.overlaps(&range(entry.area)) {
            return Err(MapError::Overlap {
                existing: entry.area,
            });
        }
        self.areas.insert(range(entry.area), entry.value());
        Ok(())
    }

    fn unmap(&mut self, area: MemoryArea) -> Result<(), MapError> {
        check_unmap(area)?;
        self.areas.remove(range(area));
        Ok(())
    }

    fn protect(&mut self, area: MemoryArea, permissions: Permissions) -> Result<(), MapError> {
        check_protect(area, permissions)?;
        let mut rest = range(area);
        let first = self.areas.get_key_value(&rest.start);
        let is_whole = first.is_some_and(|(old, _)| old.end >= rest.end);
        if !is_whole && self.areas.gaps(&rest).next().is_some() {
            return Err(MapError::NotMapped { hole: area });
        }
        while let Some((old, value)) = self.areas.get_key_value(&rest.start) {
            let part = rest.start..rest.end.min(old.end);
            let value = AreaValue {
                permissions,
                ..*value
            };
            rest.start = part.end;
            self.areas.insert(part, value);
            if rest.is_empty() {
                break;
            }
        }
        Ok(())
    }

    fn find_gap(&self, size: usize, window: MemoryArea) -> Option<usize> {
        let window = range(window);
        let mut gaps = self.areas.gaps(&window);
        gaps.find_map(|gap| {
            let place = gap.start.next_multiple_of(PAGE);
            (place.checked_add(size)? <= gap.end).then_some(place)
        })
    }
}
