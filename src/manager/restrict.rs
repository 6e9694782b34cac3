//! Taking permissions away.

use super::space::VirtualMemoryManager;
use super::unfinished::Unfinished;
use crate::area::MemoryArea;
use crate::backend::{Edit, PageTableBackend, check_area, check_edit};
use crate::error::MapError;
use crate::flush::Retired;
use crate::map::Payload;
use crate::permissions::Permissions;
use crate::tree::Tree;

impl<B: PageTableBackend, T: Payload> VirtualMemoryManager<B, T> {
    /// Takes all permissions that are not in `keep` from everything in `area`: any part of any number of maps, and
    /// holes. Nothing gains a permission, so a kernel that seals memory need not know what is there.
    ///
    /// Maps are split at the borders of `area` and joined where they have become one, as by [`protect`](Self::protect).
    /// Flushes once, unless no valid entry changed. O(log n + maps touched + leaves touched).
    ///
    /// ```
    /// # use kernel_vm::{backend::mock::MockBackend, *};
    /// # let mut space = VirtualMemoryManager::new(MockBackend::new());
    /// let (rw, rx) = (Permissions::READ | Permissions::WRITE, Permissions::READ | Permissions::EXECUTE);
    /// for (start, allowed) in [(0x1000, rx), (0x8000, rw)] {
    ///     let area = MemoryArea::from_start_size(VirtAddr::new(start), 0x3000)?;
    ///     space.add_memory_map(VirtualMemoryMap::identity(area, allowed)?)?;
    /// }
    /// let both = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0xa000)?;
    /// space.restrict(both, rx)?;
    /// let allowed = space.memory_maps().map(MapRef::permissions);
    /// assert!(allowed.eq([rx, Permissions::READ]));
    /// # Ok::<(), MapError>(())
    /// ```
    ///
    /// # Errors
    /// Nothing has changed then:
    /// - [`MapError::Misaligned`], [`MapError::MisalignedSize`]: the area is not whole pages;
    /// - [`MapError::OutOfRange`]: the backend cannot map all of it;
    /// - [`MapError::WriteWithoutRead`]: a map would keep WRITE and lose READ, which no entry can say;
    /// - [`MapError::WidensPermissions`]: a map would keep permissions that entries can only say with others;
    /// - [`MapError::OutOfNodes`], when a map is split;
    /// - [`MapError::OutOfFrames`], when a superpage at a border cannot be split.
    pub fn restrict(&mut self, area: MemoryArea, keep: Permissions) -> Result<(), MapError> {
        self.recover();
        check_area(&self.backend, area)?;
        let change = |permissions: Permissions| permissions & keep;
        let Self { backend, tree, .. } = self;
        let edits = || losses(tree, area, keep).map(|(part, kept)| Edit::Protect(part, kept));
        edits().try_for_each(|edit| check_edit(backend, edit))?;
        let mut reserved = backend.reserve(edits())?;
        let spot = match tree.reserve_restrict(area, change) {
            Ok(spot) => spot,
            Err(error) => {
                self.backend.unreserve(reserved);
                return Err(error);
            }
        };
        self.begin(Unfinished::Permissions(area));
        let mut out = Retired::new();
        for (part, kept) in losses(&self.tree, area, keep) {
            self.backend.protect(part, kept, &mut reserved, &mut out);
        }
        self.finish(reserved, out);
        if let Some((area, spot)) = spot {
            self.tree.protect(area, spot, change);
        }
        self.end();
        Ok(())
    }
}

/// The parts of `area` that lose a permission, with those that they keep.
fn losses<T>(
    tree: &Tree<T>,
    area: MemoryArea,
    keep: Permissions,
) -> impl Iterator<Item = (MemoryArea, Permissions)> {
    let maps = tree.iter_from(area.start());
    let parts = maps.map_while(move |map| {
        let part = map.vmarea().intersection(area)?;
        Some((part, map.permissions()))
    });
    parts
        .filter(move |&(_, had)| !keep.contains(had))
        .map(move |(part, had)| (part, had & keep))
}
