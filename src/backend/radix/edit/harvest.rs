//! Harvesting: which pages were used since the last harvest.

use crate::area::MemoryArea;
use crate::backend::radix::entry::features::AccessedDirty;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::transition::mark::unmark;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::retire::changed::Changed;
use crate::backend::run::Run;
use crate::flush::Retired;
use crate::permissions::Permissions;
use crate::platform::Platform;

/// The use of a leaf since it was mapped or last harvested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The leaf, cut at the borders of the area that was asked for.
    pub run: Run,
    /// Whether the leaf was used: read, written or executed.
    pub accessed: bool,
    /// Whether the leaf was written through.
    pub dirty: bool,
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Reads the accessed and dirty bits of all leaves in `area`, hidden ones too, for `sink`, in address order, and
    /// clears them. O(populated).
    ///
    /// `sink` is told again only of pages that are used after the flush that `out` asks for. A leaf that reaches past
    /// `area` is cleared as a whole. Where the bits are preset ([`AccessedDirty::Preset`]), they are always set, and
    /// stay.
    pub fn harvest(&mut self, area: MemoryArea, out: &mut Retired, mut sink: impl FnMut(Usage)) {
        self.change(out, |table, out| table.harvest_area(area, out, &mut sink));
    }

    fn harvest_area(&mut self, area: MemoryArea, out: &mut Retired, sink: &mut impl FnMut(Usage)) {
        let clears = self.features().accessed_dirty != AccessedDirty::Preset;
        for part in self.canonical(area) {
            let mut changed = Changed::default();
            for leaf in self.leaves(part) {
                let mut old = leaf.word;
                if clears && F::marks(old) != 0 {
                    if old & F::VALID != 0 {
                        // The whole leaf: a CPU that keeps a part of it as used would not set the bit again.
                        changed.leaves(leaf.whole);
                    }
                    old = unmark::<F>(leaf.place, F::ACCESSED | F::DIRTY);
                }
                let marks = F::marks(old);
                sink(Usage {
                    run: leaf.run,
                    accessed: marks & F::ACCESSED != 0,
                    dirty: marks & F::DIRTY != 0,
                });
            }
            changed.tell(out);
        }
    }

    /// As [`Paging::take_accessed`](crate::backend::Paging::take_accessed).
    pub(in crate::backend::radix) fn take_accessed_of(
        &mut self,
        area: MemoryArea,
        out: &mut Retired,
        mut sink: impl FnMut(Run),
    ) {
        let clears = self.features().accessed_dirty != AccessedDirty::Preset;
        for part in self.canonical(area) {
            let mut changed = Changed::default();
            let leaves = self.leaves(part);
            for leaf in leaves.filter(|leaf| F::marks(leaf.word) & F::ACCESSED != 0) {
                if clears && leaf.word & F::VALID != 0 {
                    changed.leaves(leaf.whole);
                }
                if clears {
                    unmark::<F>(leaf.place, F::ACCESSED);
                }
                sink(leaf.run);
            }
            changed.tell(out);
        }
    }

    /// As [`Paging::take_dirty`](crate::backend::Paging::take_dirty).
    pub(in crate::backend::radix) fn take_dirty_of(
        &mut self,
        area: MemoryArea,
        mut sink: impl FnMut(Run),
    ) {
        for part in self.canonical(area) {
            for leaf in self.leaves(part) {
                let is_owned = leaf.word & F::OWNED != 0;
                let is_writable = leaf.run.attributes.permissions.contains(Permissions::WRITE);
                if is_owned && !is_writable && F::marks(leaf.word) & F::DIRTY != 0 {
                    unmark::<F>(leaf.place, F::DIRTY);
                    sink(leaf.run);
                }
            }
        }
    }
}
