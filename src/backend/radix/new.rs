//! Which half of the space a page table is for.

use core::sync::atomic::Ordering::Relaxed;

use super::memory::Radix;
use crate::area::MemoryArea;
use crate::backend::radix::entry::features::Features;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::walk::ranges::Ranges;
use crate::backend::radix::walk::table::{slots, span};
use crate::error::MapError;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// An empty page table, for an MMU of which nothing is known: one frame from `platform`. Of both halves, where they
    /// have one root ([`Format::ONE_ROOT`]), else of the lower.
    ///
    /// # Errors
    /// [`MapError::OutOfFrames`]; [`MapError::ForeignFrame`] from a platform that hands frames on and forgets to hand on
    /// their allocator's [id](crate::FrameAllocator::id).
    pub fn new(platform: P) -> Result<Self, MapError> {
        Self::with_features(platform, Features::default())
    }

    /// As [`new`](Self::new), for an MMU of which this is known.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_features(platform: P, features: Features) -> Result<Self, MapError> {
        let ranges = const {
            let [lower, _] = *F::RANGES;
            if F::ONE_ROOT {
                Ranges::halves(*F::RANGES)
            } else {
                Ranges::one(lower)
            }
        };
        Self::with_root(platform, features, ranges, false, 1)
    }

    /// The kernel's page table, which others [share](Self::with_kernel): the part of the upper half that `area`
    /// touches, widened to what entries of the root span (1 GiB in Sv39). All those entries are made now and stay, each
    /// with a table of its own, so what is mapped later appears in every space that shares them; leaves are global.
    ///
    /// # Errors
    /// [`MapError::OutOfRange`] unless `area` lies in the upper half; [`MapError::OutOfFrames`].
    pub fn kernel(platform: P, features: Features, area: MemoryArea) -> Result<Self, MapError> {
        let [_, upper] = *F::RANGES;
        if !upper.contains_area(area) {
            return Err(MapError::OutOfRange { area });
        }
        let first = MemoryArea::block(area.start(), span(Self::TOP));
        let last = MemoryArea::block(area.end(), span(Self::TOP));
        let area = first.hull(last)?;
        let needed = 1 + slots(area, Self::TOP).count();
        let ranges = Ranges::one(area);
        let radix = Self::with_root(platform, features, ranges, true, needed)?;
        for slot in slots(area, Self::TOP) {
            // What was made so far goes when `radix` is dropped.
            let table = radix.alloc_table(needed)?;
            radix.clear(table);
            slot.of(radix.root_table())
                .store(F::table(table, Self::TOP), Relaxed);
        }
        Ok(radix)
    }

    /// An empty page table of the lower half, with all that `kernel`, made by [`kernel`](Self::kernel), has and will
    /// have in the upper one (where each half has its own root, the CPU is pointed to both). That is not its own: it
    /// neither edits nor reads nor frees it, and answers that nothing is there. One frame from `platform`.
    ///
    /// The kernel's page table must stay as long as a CPU uses this one
    /// ([`activate`](crate::backend::riscv::activate) asks for that).
    ///
    /// # Errors
    /// [`MapError::NotKernelHalf`]; [`MapError::OutOfFrames`].
    pub fn with_kernel<K>(platform: P, kernel: &Radix<F, K>) -> Result<Self, MapError>
    where
        K: Platform,
    {
        if !kernel.is_kernel() {
            return Err(MapError::NotKernelHalf);
        }
        let [lower, _] = *F::RANGES;
        let ranges = Ranges::one(lower);
        let radix = Self::with_root(platform, kernel.features(), ranges, false, 1)?;
        if F::ONE_ROOT {
            radix.share(kernel);
        }
        Ok(radix)
    }

    /// Copies the entries of a kernel's root.
    fn share<K: Platform>(&self, kernel: &Radix<F, K>) {
        let areas = kernel.ranges.as_slice().iter();
        for slot in areas.flat_map(|&area| slots(area, Self::TOP)) {
            let word = slot.of(kernel.root_table()).load(Relaxed);
            slot.of(self.root_table()).store(word, Relaxed);
        }
    }
}
