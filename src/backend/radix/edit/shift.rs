//! Moving leaves to other addresses.

use core::sync::atomic::Ordering::{Relaxed, Release};

use super::unmap::Changed;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::reservation::reserved::Reserved;
use crate::backend::radix::walk::leaves::Leaf;
use crate::backend::run::Run;
use crate::flush::Retired;
use crate::permissions::Permissions;
use crate::platform::Platform;

/// What is to be mapped elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct Moved {
    /// As it will be.
    pub(crate) run: Run,
    /// What was used of it.
    used: u64,
    /// Where it was, if it is a page that the space owns.
    page: Option<VirtAddr>,
}

impl Moved {
    fn new<F: Format>(leaf: Leaf<'_>, from: MemoryArea, to: MemoryArea) -> Option<Self> {
        let page = leaf.run.area.start();
        let start = to.at(from.offset_of(page)?)?;
        let area = MemoryArea::from_start_size(start, leaf.run.area.size()).ok()?;
        Some(Self {
            run: Run { area, ..leaf.run },
            used: leaf.word & (F::ACCESSED | F::DIRTY),
            page: (leaf.word & F::OWNED != 0).then_some(page),
        })
    }
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// What `from` has, as it will be at `to`. Physical memory that continues is one run, so that a leaf may grow where
    /// it goes; pages that the space owns go one by one.
    pub(in crate::backend::radix) fn shifted(
        &self,
        from: MemoryArea,
        to: MemoryArea,
    ) -> impl Iterator<Item = Moved> {
        let moved = move |leaf| Moved::new::<F>(leaf, from, to);
        let mut leaves = self.leaves(from).filter_map(moved).peekable();
        core::iter::from_fn(move || {
            let mut moved = leaves.next()?;
            if moved.page.is_none() {
                let continues =
                    |run: Run, next: &Moved| next.page.is_none() && run.continues_in(next.run);
                while let Some(next) = leaves.next_if(|next| continues(moved.run, next)) {
                    let hull = moved.run.area.hull(next.run.area);
                    moved.run.area = hull.unwrap_or(moved.run.area);
                    moved.used |= next.used;
                }
            }
            Some(moved)
        })
    }

    pub(in crate::backend::radix) fn shift_area(
        &mut self,
        from: MemoryArea,
        to: MemoryArea,
        with: &mut Reserved,
        out: &mut Retired,
    ) {
        let mut changed = Changed::default();
        for moved in self.shifted(from, to) {
            if let Some(page) = moved.page {
                self.move_page(page, &moved.run, with, &mut changed);
                continue;
            }
            self.map_moved(&moved.run, moved.used, with);
            if self.is_written_by_hardware() {
                self.move_used(moved.run.area, from, to, &mut changed);
            }
        }
        changed.tell(out);
    }

    /// Moves the leaf of the owned page at `from` to where `run` says, with all that was set in it by then. It stays,
    /// to be unmapped, where it cannot be mapped for want of a reservation.
    fn move_page(&self, from: VirtAddr, run: &Run, with: &mut Reserved, changed: &mut Changed) {
        let Some(place) = self.find_page(from) else {
            return;
        };
        // Before it is anywhere else: hooks are called in between, and should one panic, no two leaves own the frame.
        let leaf = place.swap(0, Relaxed);
        let bits = leaf & (F::OWNED | F::ACCESSED | F::DIRTY);
        if !self.map_moved(run, bits, with) {
            place.store(leaf, Release);
        } else if leaf & F::VALID != 0 {
            changed.leaves(MemoryArea::block(from, run.area.size()));
        }
    }

    /// Takes out the leaves that what is at `moved` now, in `to`, was mapped by in `from`, and marks it with what the
    /// MMU has set in them since they were looked at. A leaf that reaches past `from` is split later: the MMU may write
    /// through it until then, so what was mapped by it counts as used.
    fn move_used(
        &self,
        moved: MemoryArea,
        from: MemoryArea,
        to: MemoryArea,
        changed: &mut Changed,
    ) {
        let start = to
            .offset_of(moved.start())
            .and_then(|offset| from.at(offset));
        let old = start.and_then(|start| MemoryArea::from_start_size(start, moved.size()).ok());
        // Without a leaf there, for want of a reservation, all stays to be unmapped.
        let Some(old) = old.filter(|_| self.leaves(moved).next().is_some()) else {
            return;
        };
        let mut used = 0;
        for leaf in self.leaves(old) {
            let is_valid = leaf.word & F::VALID != 0;
            used |= if leaf.whole == leaf.run.area {
                if is_valid {
                    changed.leaves(leaf.whole);
                }
                leaf.place.swap(0, Relaxed)
            } else if is_valid && leaf.run.attributes.permissions.contains(Permissions::WRITE) {
                F::ACCESSED | F::DIRTY
            } else {
                F::ACCESSED
            };
        }
        used &= F::ACCESSED | F::DIRTY;
        if used != 0 {
            for leaf in self.leaves(moved) {
                leaf.place.fetch_or(used, Relaxed);
            }
        }
    }
}
