//! Adding many maps, or none.

use alloc::vec::{self, Vec};
use core::error::Error;
use core::fmt;

use super::space::VirtualMemoryManager;
use crate::backend::PageTableBackend;
use crate::error::MapError;
use crate::map::{Payload, VirtualMemoryMap};

/// The maps that [`restore_memory_maps`](VirtualMemoryManager::restore_memory_maps) refused, and why. With `?` it
/// becomes the plain [`MapError`], and the maps are dropped.
pub struct Unrestored<I: Iterator> {
    error: MapError,
    taken: vec::IntoIter<I::Item>,
    last: Option<I::Item>,
    rest: I,
}

impl<I: Iterator> Unrestored<I> {
    /// Why.
    #[must_use]
    pub const fn error(&self) -> MapError {
        self.error
    }

    /// All the maps that were given, in any order.
    pub fn into_maps(self) -> impl Iterator<Item = I::Item> {
        self.taken.chain(self.last).chain(self.rest)
    }
}

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Adds all of `maps`, in any order, to what is there, or none of them: exec's way back. What
    /// [`remove_all_memory_maps`](Self::remove_all_memory_maps) answered can be given as it is, once collected.
    /// O(k log k + k log n) for k maps, and a sorted vector's moves.
    ///
    /// # Errors
    /// All maps come back, and nothing has changed: as [`add_memory_map`](Self::add_memory_map), for the lowest map
    /// that cannot be added; [`MapError::Overlap`] also when two of `maps` overlap.
    pub fn restore_memory_maps<I>(&mut self, maps: I) -> Result<(), Unrestored<I::IntoIter>>
    where
        I: IntoIterator<Item = VirtualMemoryMap<T>>,
    {
        let mut rest = maps.into_iter();
        let mut taken = Vec::new();
        while let Some(map) = rest.next() {
            if taken.try_reserve(1).is_err() {
                let error = MapError::OutOfNodes {
                    needed: taken.len() + 1,
                };
                return Err(Unrestored {
                    error,
                    taken: taken.into_iter(),
                    last: Some(map),
                    rest,
                });
            }
            taken.push(map);
        }
        taken.sort_unstable_by_key(|map| map.vmarea().start());
        if let Err(error) = self
            .check_all(&taken)
            .and_then(|()| self.tree.reserve(taken.len()))
        {
            return Err(Unrestored {
                error,
                taken: taken.into_iter(),
                last: None,
                rest,
            });
        }
        taken.into_iter().for_each(|map| self.tree.insert(map));
        Ok(())
    }

    /// Whether all of `maps`, in address order, can be added.
    fn check_all(&self, maps: &[VirtualMemoryMap<T>]) -> Result<(), MapError> {
        let lefts = core::iter::once(None).chain(maps.iter().map(Some));
        maps.iter().zip(lefts).try_for_each(|(map, left)| {
            self.check_free(map)?;
            match left.map(VirtualMemoryMap::vmarea) {
                Some(existing) if existing.overlaps(&map.vmarea()) => {
                    Err(MapError::Overlap { existing })
                }
                _ => Ok(()),
            }
        })
    }
}

impl<I: Iterator> From<Unrestored<I>> for MapError {
    fn from(unrestored: Unrestored<I>) -> Self {
        unrestored.error
    }
}

impl<I: Iterator> fmt::Display for Unrestored<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<I: Iterator> fmt::Debug for Unrestored<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unrestored")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl<I: Iterator> Error for Unrestored<I> {}
