//! Making page tables: of a whole space, of the kernel's half, and with a kernel's half.

use core::sync::atomic::Ordering::Relaxed;

use super::entry::features::Features;
use super::entry::format::Format;
use super::frames::clear;
use super::memory::Radix;
use super::walk::ranges::Ranges;
use super::walk::slot::slots;
use super::walk::table::span;
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// An empty page table, for an MMU of which nothing is known: one frame from `platform`.
    ///
    /// It is of both halves, where they have one root ([`Format::ONE_ROOT`]), else of the lower.
    ///
    /// # Errors
    /// [`MapError::OutOfFrames`]. [`MapError::ForeignFrame`] from a platform that hands frames on and forgets to hand
    /// on their allocator's [id](crate::FrameAllocator::id). The platform has its frame back then.
    ///
    /// ```
    /// use kernel_vm::backend::mock::HostFrames;
    /// use kernel_vm::backend::sv39::Sv39;
    ///
    /// let frames = HostFrames::new(8);
    /// let table = Sv39::new(frames.clone())?;
    /// assert_eq!(frames.frames_in_use(), 1); // its root
    /// # Ok::<(), kernel_vm::MapError>(())
    /// ```
    pub fn new(platform: P) -> Result<Self, MapError> {
        Self::with_features(platform, Features::default())
    }

    /// An empty page table, as [`new`](Self::new) makes it, for an MMU with these features. One frame from `platform`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// ```
    /// use kernel_vm::backend::mock::HostFrames;
    /// use kernel_vm::backend::radix::Features;
    /// use kernel_vm::backend::sv39::Sv39;
    ///
    /// let svpbmt = Features::new().with_memory_types(true);
    /// let table = Sv39::with_features(HostFrames::new(8), svpbmt)?;
    /// # Ok::<(), kernel_vm::MapError>(())
    /// ```
    pub fn with_features(platform: P, features: Features) -> Result<Self, MapError> {
        Self::with_root(platform, features, Self::ALL, false, 1)
    }

    /// All addresses that one root speaks of: both halves, or the lower.
    pub(super) const ALL: Ranges = {
        let [lower, _] = *F::RANGES;
        if F::ONE_ROOT {
            Ranges::halves(*F::RANGES)
        } else {
            Ranges::one(lower)
        }
    };

    /// The kernel's page table, which others [share](Self::with_kernel): the part of the upper half that `area`
    /// touches, widened to whole entries of the root (1 GiB each in Sv39).
    ///
    /// All those entries are made now and stay, each with a table of its own. So leaves that are mapped later appear in
    /// every space that shares the tables; they are global. One frame for the root and one for each entry.
    ///
    /// # Errors
    /// [`MapError::OutOfRange`] unless `area` lies in the upper half; [`MapError::OutOfFrames`];
    /// [`MapError::ForeignFrame`]. The platform has its frames back then.
    ///
    /// ```
    /// use kernel_vm::backend::mock::HostFrames;
    /// use kernel_vm::backend::radix::Features;
    /// use kernel_vm::backend::sv39::Sv39;
    /// use kernel_vm::{MemoryArea, VirtAddr};
    ///
    /// let frames = HostFrames::new(8);
    /// let gib = MemoryArea::from_start_size(VirtAddr::new(0xffff_ffc0_0000_0000), 1 << 30)?;
    /// let kernel = Sv39::kernel(frames.clone(), Features::default(), gib)?;
    /// let user = Sv39::with_kernel(frames.clone(), &kernel)?;
    /// assert_eq!(frames.frames_in_use(), 3); // two roots, and a table that both share
    /// # Ok::<(), kernel_vm::MapError>(())
    /// ```
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
            // On an error, the tables that were made so far go when `radix` is dropped.
            let (table, ()) = radix.write_new(radix.alloc_table(needed)?, clear);
            slot.of(radix.root_table())
                .store(F::table(table, Self::TOP), Relaxed);
        }
        Ok(radix)
    }

    /// An empty page table of the lower half, which shares the upper half of `kernel`, made by
    /// [`kernel`](Self::kernel). One frame from `platform`.
    ///
    /// All that `kernel` has and will have is reached through both. The shared half is not this page table's own: it
    /// neither edits nor reads nor frees it, and answers that nothing is there. Where each half has its own root, the
    /// CPU is pointed to both, and nothing is shared here.
    ///
    /// The kernel's page table must stay as long as a CPU uses this one
    /// ([`activate`](crate::backend::riscv::activate) asks for that).
    ///
    /// # Errors
    /// [`MapError::NotKernelHalf`] unless `kernel` was made so; [`MapError::OutOfFrames`]; [`MapError::ForeignFrame`].
    ///
    /// ```
    /// use kernel_vm::backend::mock::HostFrames;
    /// use kernel_vm::MapError;
    /// use kernel_vm::backend::sv39::Sv39;
    ///
    /// let frames = HostFrames::new(8);
    /// let user = Sv39::new(frames.clone())?;
    /// let child = Sv39::with_kernel(frames, &user); // that is not a kernel half
    /// assert_eq!(child.err(), Some(MapError::NotKernelHalf));
    /// # Ok::<(), MapError>(())
    /// ```
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

    /// Copies the entries of a kernel's root. They never change, so neither does the copy.
    fn share<K: Platform>(&self, kernel: &Radix<F, K>) {
        let areas = kernel.ranges.as_slice().iter();
        for slot in areas.flat_map(|&area| slots(area, Self::TOP)) {
            let word = slot.of(kernel.root_table()).load(Relaxed);
            slot.of(self.root_table()).store(word, Relaxed);
        }
    }
}
