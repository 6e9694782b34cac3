//! `nodit`, whose insertions say whether they refuse, overwrite or join.

use kernel_vm::{MapError, MemoryArea, Permissions};
use nodit::interval::ii;
use nodit::{Interval, NoditMap};

use super::Store;
use crate::workload::{AreaValue, Entry, PAGE, check, check_protect, check_unmap};

pub(crate) struct Nodit {
    areas: NoditMap<usize, Interval<usize>, AreaValue>,
}

fn interval(area: MemoryArea) -> Interval<usize> {
    ii(area.start().get(), area.end().get())
}

impl Store for Nodit {
    const NAME: &str = "nodit";

    fn new() -> Self {
        Self {
            areas: NoditMap::new(),
        }
    }

    fn len(&self) -> usize {
        self.areas.len()
    }

    fn lookup(&self, addr: usize) -> Option<u64> {
        let value = self.areas.get_at_point(&addr)?;
        Some(value.translate(addr))
    }

    fn insert(&mut self, entry: Entry) -> Result<(), MapError> {
        check(&entry)?;
        let existing = entry.area;
        self.areas
            .insert_merge_touching_if_values_equal(interval(entry.area), entry.value())
            .map(drop)
            .map_err(|_| MapError::Overlap { existing })
    }

    fn unmap(&mut self, area: MemoryArea) -> Result<(), MapError> {
        check_unmap(area)?;
        self.areas.cut(&interval(area)).for_each(drop);
        Ok(())
    }

    fn protect(&mut self, area: MemoryArea, permissions: Permissions) -> Result<(), MapError> {
        check_protect(area, permissions)?;
        if !self.areas.contains_interval(&interval(area)) {
            return Err(MapError::NotMapped { hole: area });
        }
        for (part, value) in self.areas.cut(&interval(area)) {
            let value = AreaValue {
                permissions,
                ..value
            };
            self.areas
                .insert_merge_touching_if_values_equal(part, value)
                .map_err(|_| MapError::Overlap { existing: area })?;
        }
        Ok(())
    }

    fn find_gap(&self, size: usize, window: MemoryArea) -> Option<usize> {
        let mut gaps = self.areas.gaps_trimmed(&interval(window));
        gaps.find_map(|gap| {
            let place = gap.start().next_multiple_of(PAGE);
            (place.checked_add(size - 1)? <= *gap.end()).then_some(place)
        })
    }
}
