//! Adding many maps, or none.
//!
//! The maps wait in nodes of their own, sorted, until the last has come: then they are compared with those of the
//! space, and all move in at once. So nothing of the space changes before all are known to fit.

use core::error::Error;
use core::fmt;

use super::space::VirtualMemoryManager;
use super::steps::check_map;
use super::unfinished::Unfinished;
use crate::backend::PageTableBackend;
use crate::error::MapError;
use crate::map::{Payload, VirtualMemoryMap};
use crate::tree::Scratch;

/// The maps that [`restore_memory_maps`](VirtualMemoryManager::restore_memory_maps) refused, and the reason.
///
/// With `?` it becomes the plain [`MapError`], and the maps are dropped. It borrows the space, whose nodes the maps are
/// in.
pub struct Unrestored<'a, I: Iterator, T: Payload> {
    error: MapError,
    /// The maps that had come and were kept.
    taken: Scratch<'a, T>,
    /// The map that was refused by itself, if one was.
    last: Option<I::Item>,
    /// The maps that nobody has asked for yet.
    rest: I,
}

impl<'a, I: Iterator<Item = VirtualMemoryMap<T>>, T: Payload> Unrestored<'a, I, T> {
    /// The reason why the maps were refused.
    #[must_use]
    pub const fn error(&self) -> MapError {
        self.error
    }

    /// All the maps that were given, in any order. They leave the nodes of the space one by one.
    pub fn into_maps(self) -> impl Iterator<Item = VirtualMemoryMap<T>> + use<'a, I, T> {
        self.taken.chain(self.last).chain(self.rest)
    }
}

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Adds all of `maps`, in any order, to the maps of the space, or none of them: exec's way back.
    ///
    /// They are kept in nodes of their own until all are known to fit. O(k log k + k log n) for k maps: up to twice the
    /// time of adding them one by one. No flush; the page table has their entries when they are
    /// [populated](Self::populate).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x3000)?;
    /// # space.add_memory_map(VirtualMemoryMap::new(area, memory, Permissions::READ, false)?)?;
    /// let mut other = VirtualMemoryManager::new(MockBackend::new());
    /// other.restore_memory_maps(space.remove_all_memory_maps())?;
    /// assert_eq!(space.memory_maps().len(), 0);
    /// let map = other.get_memory_map(0).unwrap().to_map();
    /// let refused = other.restore_memory_maps([map]).unwrap_err();
    /// assert_eq!(refused.error(), MapError::Overlap { existing: area });
    /// assert!(refused.into_maps().eq([map]));
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// All maps come back, and nothing has changed. The error is the one that [`add_memory_map`](Self::add_memory_map)
    /// has for the first map that cannot be added, apart from these:
    /// - [`MapError::Overlap`], also when two of `maps` overlap. Whether one overlaps a map of the space is asked when
    ///   all have come;
    /// - [`MapError::OutOfNodes`], also where adding the maps one by one would find enough.
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
            let checked: Result<(), MapError> = check_map(backend, map.view());
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
