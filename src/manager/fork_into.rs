//! Fork.
//!
//! ```text
//!            parent           child
//! 1. build   RW -> frame 7                      the child gets maps, tables, references and leaves without WRITE:
//!            RW -> frame 7    R  -> frame 7     all that may fail
//! 2. protect R  -> frame 7    R  -> frame 7     the parent's leaves lose WRITE, and one flush makes all CPUs see it:
//!                                               the moment of the fork
//! 3. copy                                       pages that are copied at once get their bytes
//! ```
//!
//! Until the flush, other CPUs may write in the parent, and the child sees that: it has not run yet. From the flush on,
//! whoever writes first gets a page of its own, by a fault.

use super::space::VirtualMemoryManager;
use crate::area::MemoryArea;
use crate::backend::{Edit, Entry, Paging, Run};
use crate::bytes::alloc_zeroed;
use crate::error::MapError;
use crate::flush::Retired;
use crate::fork::{ForkError, Inherit, is_private};
use crate::frame::FrameAllocator;
use crate::map::{MapRef, Payload};
use crate::permissions::Permissions;
use crate::tree::Tree;

impl<B: Paging, T: Payload> VirtualMemoryManager<B, T> {
    /// Makes `child`, an empty space, a copy of this one, as `fork` does. `inherit` says of each map how the child gets
    /// it, and makes the child's payload; `None` leaves the map out. [`Inherit::posix`] is ready-made.
    ///
    /// Maps, permissions and [fault-around](Self::set_fault_around) are those of here, hidden pages included. Pages of
    /// maps that are copied on write are in both spaces, and neither can write them until a fault there has decided.
    /// Nothing is done for pages that are not resident: a fault brings them, in either space. No CPU may use `child`
    /// meanwhile.
    ///
    /// Flushes this space once, unless no entry was writable. The flush is the moment of the fork: the child has all
    /// that was written before it and nothing that is written after. Memory that devices write must not be copied on
    /// write: see [`Inherit::Copy`] and [`pin`](Self::pin). O(n log n + resident pages + tables), and O(page) for each
    /// that is copied.
    ///
    /// ```
    /// # use kernel_vm::{backend::{mock::HostFrames, sv39::Sv39}, *};
    /// # let frames = HostFrames::new(32);
    /// # let mut parent = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// # let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// # let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    /// parent.add_memory_map(VirtualMemoryMap::anonymous(area, rw)?)?;
    /// parent.prefault(area)?;
    /// parent.write(area.start(), b"before", Privilege::User)?;
    ///
    /// let mut child = VirtualMemoryManager::new(Sv39::new(frames.clone())?);
    /// parent.fork_into(&mut child, Inherit::posix)?;
    ///
    /// let answer = parent.handle_fault(area.start(), Access::Write, Privilege::User)?;
    /// assert!(matches!(answer, Answer::Resolved { done: Done::Copied, .. }));
    /// parent.write(area.start(), b"after ", Privilege::User)?;
    /// let mut bytes = [0; 6];
    /// child.read(area.start(), &mut bytes, Privilege::User)?;
    /// assert_eq!(&bytes, b"before");
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// This space is as it was, counts of frames included, and `child` is empty, unless it was not before;
    /// [`ForkError`] has the reasons.
    ///
    /// Should a hook panic, or `inherit`, this space is sound and has all its pages. The child is to be dropped: a
    /// table of its page table may be empty.
    pub fn fork_into(
        &mut self,
        child: &mut Self,
        inherit: impl FnMut(MapRef<'_, T>) -> Option<(Inherit, T)>,
    ) -> Result<(), ForkError> {
        self.recover();
        child.recover();
        if child.tree.len() > 0 {
            return Err(ForkError::NotEmpty);
        }
        if child.backend.platform().id() != self.backend.platform().id() {
            return Err(ForkError::ForeignAllocator);
        }
        match self.build(child, inherit) {
            Ok(is_copied) => {
                child.fault_around = self.fault_around;
                self.protect_private(&child.tree);
                if is_copied {
                    self.copy_pages(child);
                }
                Ok(())
            }
            Err(error) => {
                drop(child.remove_all_memory_maps());
                Err(error)
            }
        }
    }

    /// Gives the child its maps and its pages. Answers whether some of those are its own, and want their
    /// bytes.
    fn build(
        &mut self,
        child: &mut Self,
        mut inherit: impl FnMut(MapRef<'_, T>) -> Option<(Inherit, T)>,
    ) -> Result<bool, ForkError> {
        let Self { backend, tree, .. } = self;
        let mut is_copied = false;
        for map in tree.iter() {
            let area = map.vmarea();
            let Some((inherit, payload)) = inherit(map) else {
                continue;
            };
            if !inherit.suits(map) {
                return Err(ForkError::Unsuited { area, inherit });
            }
            child
                .add_memory_map(map.with_payload(payload))
                .map_err(MapError::from)?;
            match inherit {
                Inherit::Share => {}
                Inherit::CopyOnWrite => {
                    backend.share_into(&mut child.backend, area, map.permissions())?;
                }
                Inherit::Copy => {
                    install_copies(backend, &child.backend, map)?;
                    is_copied = true;
                }
            }
        }
        Ok(is_copied)
    }

    /// Takes WRITE from all pages that the child has inherited and that are private. One flush.
    fn protect_private(&mut self, inherited: &Tree<T>) {
        let writable = |map: &MapRef<'_, T>| {
            is_private(*map) && map.permissions().contains(Permissions::WRITE)
        };
        let (mut none, mut out) = (B::Reserved::default(), Retired::new());
        for map in inherited.iter().filter(writable) {
            let kept = map.permissions() - Permissions::WRITE;
            self.backend
                .protect(map.vmarea(), kept, &mut none, &mut out);
        }
        self.finish(none, out);
    }

    /// Copies the bytes of pages that the child has in frames of its own, now that nobody writes them. What could be
    /// written before can be written again: its frame may be in a device's hands.
    fn copy_pages(&mut self, child: &mut Self) {
        let Self { backend, tree, .. } = child;
        for map in tree.iter().filter(|map| is_private(*map)) {
            let mut rest = Some(map.vmarea());
            while let Some(to) = rest.and_then(|rest| backend.populated(rest).next()) {
                rest = behind(map.vmarea(), to.area);
                copy_page(&mut self.backend, backend, to);
            }
        }
    }
}

/// The part of `area` behind `page`.
fn behind(area: MemoryArea, page: MemoryArea) -> Option<MemoryArea> {
    MemoryArea::new(page.next()?, area.end()).ok()
}

/// Copies the bytes of one page, unless both have the same frame.
fn copy_page<B: Paging>(parent: &mut B, child: &mut B, to: Run) {
    let from = match parent.entry(to.area.start()) {
        Entry::Leaf(run) | Entry::Hidden(run) if run.first != to.first => run,
        _ => return,
    };
    if let (Ok(from), Ok(to)) = (parent.hold_alone(from), child.hold_alone(to)) {
        to.copy_from(&from);
    }
    if to.attributes.permissions.contains(Permissions::WRITE) {
        // The leaf allowed as much before, and nobody else edits: this cannot be refused.
        let _ = parent.permit(from, to.attributes.permissions);
    }
}

/// Gives the child a page of its own for each page of `map` that is resident, with zeroes for now.
fn install_copies<B: Paging, T>(
    parent: &B,
    child: &B,
    map: MapRef<'_, T>,
) -> Result<(), ForkError> {
    let pages = parent.populated(map.vmarea());
    // A space owns single pages alone.
    for page in pages.filter(|run| run.area.size() == B::PAGE_SIZE) {
        let frame = alloc_zeroed(child.platform());
        let frame = frame.ok_or(MapError::OutOfFrames { needed: 1 })?;
        let run = Run {
            first: frame.addr(),
            ..page
        };
        let mut reserved = match child.reserve([Edit::Map(run)].into_iter()) {
            Ok(reserved) => reserved,
            Err(error) => {
                child.platform().release(frame, false);
                return Err(error.into());
            }
        };
        let start = page.area.start();
        let installed = child.install(start, frame, page.attributes, &mut reserved);
        child.unreserve(reserved);
        if let Err(lost) = installed {
            let existing = page.area;
            let error = lost.error().unwrap_or(MapError::Overlap { existing });
            child.platform().release(lost.into_frame(), false);
            return Err(error.into());
        }
    }
    Ok(())
}
