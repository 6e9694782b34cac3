//! Adding many maps, or none.

use core::error::Error;
use core::fmt;

use super::space::VirtualMemoryManager;
use super::steps::run;
use super::unfinished::Unfinished;
use crate::backend::{Edit, PageTableBackend, check_edit};
use crate::error::MapError;
use crate::map::{Payload, VirtualMemoryMap};
use crate::tree::Scratch;

/// The maps that [`restore_memory_maps`](VirtualMemoryManager::restore_memory_maps) refused, and why. With `?` it
/// becomes the plain [`MapError`], and the maps are dropped.
///
/// It borrows the space, whose nodes the maps are in.
pub struct Unrestored<'a, I: Iterator, T: Payload> {
    error: MapError,
    taken: Scratch<'a, T>,
    last: Option<I::Item>,
    rest: I,
}

impl<'a, I: Iterator<Item = VirtualMemoryMap<T>>, T: Payload> Unrestored<'a, I, T> {
    /// Why.
    #[must_use]
    pub const fn error(&self) -> MapError {
        self.error
    }

    /// All the maps that were given, in any order.
    pub fn into_maps(self) -> impl Iterator<Item = VirtualMemoryMap<T>> + use<'a, I, T> {
        self.taken.chain(self.last).chain(self.rest)
    }
}

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Adds all of `maps`, in any order, to what is there, or none of them: exec's way back. They are kept in nodes of
    /// their own until all are known to fit. O(k log k + k log n) for k maps.
    ///
    /// # Errors
    /// All maps come back, and nothing has changed: as [`add_memory_map`](Self::add_memory_map), for the first map
    /// that cannot be added; [`MapError::Overlap`] also when two of `maps` overlap. Whether one overlaps a map of the
    /// space is asked when all have come.
    #[expect(clippy::result_large_err, reason = "the error holds what was given")]
    pub fn restore_memory_maps<I>(&mut self, maps: I) -> Result<(), Unrestored<'_, I::IntoIter, T>>
    where
        I: IntoIterator<Item = VirtualMemoryMap<T>>,
    {
        self.recover();
        let Self {
            backend,
            tree,
            unfinished,
            ..
        } = self;
        let mut taken = Scratch::new(tree);
        let mut rest = maps.into_iter();
        while let Some(map) = rest.next() {
            let checked: Result<(), MapError> = check_edit(backend, Edit::Map(run(map.view())));
            let refused = match checked {
                Ok(()) => taken.put(map).err(),
                Err(error) => Some((error, map)),
            };
            if let Some((error, map)) = refused {
                return Err(Unrestored {
                    error,
                    taken,
                    last: Some(map),
                    rest,
                });
            }
        }
        *unfinished = Unfinished::Joins;
        let merged = taken.add_all();
        *unfinished = Unfinished::Nothing;
        match merged {
            Ok(()) => Ok(()),
            Err((error, taken)) => Err(Unrestored {
                error,
                taken,
                last: None,
                rest,
            }),
        }
    }
}

impl<I: Iterator, T: Payload> From<Unrestored<'_, I, T>> for MapError {
    fn from(unrestored: Unrestored<'_, I, T>) -> Self {
        unrestored.error
    }
}

impl<I: Iterator, T: Payload> fmt::Display for Unrestored<'_, I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<I: Iterator, T: Payload> fmt::Debug for Unrestored<'_, I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unrestored")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl<I: Iterator, T: Payload> Error for Unrestored<'_, I, T> {}
