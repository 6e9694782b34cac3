//! The standard library's map from start to area, as the most careful code written by hand uses it: `range(..=a)` finds
//! what an edit touches, and each area that comes, goes or may join is one more way down the tree.

use std::collections::BTreeMap;

use kernel_vm::{MapError, MemoryArea, Permissions, VirtAddr};

use super::{Store, first_gap};
use crate::workload::{Entry, check, check_protect, check_unmap};

#[derive(Clone, Copy)]
struct Area {
    /// The last byte.
    end: usize,
    first: u64,
    permissions: Permissions,
    is_shared: bool,
}

pub(crate) struct Btreemap {
    areas: BTreeMap<usize, Area>,
}

impl Area {
    /// Whether `right` continues this area, which starts at `start`.
    fn joins(&self, start: usize, right_start: usize, right: &Self) -> bool {
        self.end + 1 == right_start
            && self.first + (right_start - start) as u64 == right.first
            && self.permissions == right.permissions
            && self.is_shared == right.is_shared
    }

    /// What is left of this area, which starts at `start`, from `addr` on.
    fn tail(self, start: usize, addr: usize) -> Option<Self> {
        (addr <= self.end).then(|| Self {
            first: self.first + (addr - start) as u64,
            ..self
        })
    }
}

impl Btreemap {
    /// `area` cut where one mapped area ends and the next starts.
    fn parts(&self, area: MemoryArea) -> Result<Vec<MemoryArea>, MapError> {
        let mut parts = Vec::new();
        let mut rest = Some(area);
        while let Some(hole) = rest {
            let start = hole.start();
            let found = self.areas.range(..=start.get()).next_back();
            let Some((_, found)) = found.filter(|(_, found)| found.end >= start.get()) else {
                return Err(MapError::NotMapped { hole });
            };
            let end = VirtAddr::new(found.end).min(area.end());
            parts.push(MemoryArea::new(start, end)?);
            let next = end.checked_add(1);
            rest = next.and_then(|next| MemoryArea::new(next, area.end()).ok());
        }
        Ok(parts)
    }

    /// Changes `start..=end`, if that lies in one area.
    fn protect_part(&mut self, start: usize, end: usize, permissions: Permissions) -> Option<()> {
        let (&at, old) = self.areas.range_mut(..=end).next_back()?;
        if at > start || old.end < end {
            return None;
        }
        if old.permissions == permissions {
            return Some(());
        }
        let tail = old.tail(at, end + 1);
        let mut part = Area {
            end,
            permissions,
            ..old.tail(at, start)?
        };
        if at < start {
            old.end = start - 1;
        }
        if let Some(tail) = tail {
            self.areas.insert(end + 1, tail);
        } else {
            part.end = self.take_right(start, &part).unwrap_or(end);
        }
        if at == start && self.grow_left(start, &part) {
            self.areas.remove(&start);
        } else {
            self.areas.insert(start, part);
        }
        Some(())
    }

    /// Takes out the area that continues `area`, which starts at `start`, and answers its end.
    fn take_right(&mut self, start: usize, area: &Area) -> Option<usize> {
        let next = area.end + 1;
        let right = self.areas.get(&next)?;
        let joins = area.joins(start, next, right);
        joins.then(|| self.areas.remove(&next).map(|right| right.end))?
    }

    /// Lets the area that `area`, which starts at `start`, continues grow over it.
    fn grow_left(&mut self, start: usize, area: &Area) -> bool {
        match self.areas.range_mut(..start).next_back() {
            Some((&at, left)) if left.joins(at, start, area) => {
                left.end = area.end;
                true
            }
            _ => false,
        }
    }
}

impl Store for Btreemap {
    const NAME: &str = "btreemap";

    fn new() -> Self {
        Self {
            areas: BTreeMap::new(),
        }
    }

    fn len(&self) -> usize {
        self.areas.len()
    }

    fn lookup(&self, addr: usize) -> Option<u64> {
        let (&start, area) = self.areas.range(..=addr).next_back()?;
        (addr <= area.end).then(|| area.first + (addr - start) as u64)
    }

    fn insert(&mut self, entry: Entry) -> Result<(), MapError> {
        check(&entry)?;
        let (start, end) = (entry.start(), entry.end());
        let mut new = Area {
            end,
            first: entry.first,
            permissions: entry.permissions,
            is_shared: entry.is_shared,
        };
        let right = self.areas.get(&(end + 1));
        let right = right.filter(|right| new.joins(start, end + 1, right));
        let right_goes = right.is_some();
        new.end = right.map_or(end, |right| right.end);
        match self.areas.range_mut(..=end).next_back() {
            Some((&at, old)) if old.end >= start => {
                let existing = MemoryArea::new(VirtAddr::new(at), VirtAddr::new(old.end))?;
                return Err(MapError::Overlap { existing });
            }
            Some((&at, left)) if left.joins(at, start, &new) => left.end = new.end,
            _ => {
                self.areas.insert(start, new);
            }
        }
        if right_goes {
            self.areas.remove(&(end + 1));
        }
        Ok(())
    }

    fn unmap(&mut self, area: MemoryArea) -> Result<(), MapError> {
        check_unmap(area)?;
        let (start, end) = (area.start().get(), area.end().get());
        while let Some((&at, old)) = self.areas.range_mut(..=end).next_back() {
            if old.end < start {
                break;
            }
            let tail = old.tail(at, end + 1);
            if at < start {
                old.end = start - 1;
            } else {
                self.areas.remove(&at);
            }
            if let Some(tail) = tail {
                self.areas.insert(end + 1, tail);
            }
            if at <= start {
                break;
            }
        }
        Ok(())
    }

    fn protect(&mut self, area: MemoryArea, permissions: Permissions) -> Result<(), MapError> {
        check_protect(area, permissions)?;
        let (start, end) = (area.start().get(), area.end().get());
        if self.protect_part(start, end, permissions).is_none() {
            for part in self.parts(area)? {
                self.protect_part(part.start().get(), part.end().get(), permissions);
            }
        }
        Ok(())
    }

    fn find_gap(&self, size: usize, window: MemoryArea) -> Option<usize> {
        let start = window.start().get();
        let before = self.areas.range(..=start).next_back();
        let from = before.map_or(start, |(_, area)| start.max(area.end + 1));
        let areas = self.areas.range(from..);
        let areas = areas.map(|(&at, area)| (at, area.end));
        first_gap(size, from, window.end().get(), areas)
    }
}
