//! What kernel-vm asks of a kernel: where frames come from, and who must hear of a flush.

use alloc::sync::Arc;

use kernel_vm::{Counted, Flush, MemoryArea, PhysAddr, Tlb, VirtAddr};

use crate::arch;
use crate::asids::Tags;
use crate::cpus;
use crate::frames::{self, Pool};
use crate::layout::PAGE;

/// What a space is on: the frames that all share, and whoever has cached something of this space.
pub type KernelPlatform = (&'static Counted<Pool>, Hearers);

/// Who must hear of a space's flushes.
#[derive(Clone, Debug)]
pub struct Hearers {
    /// Nothing for the kernel's half, which all CPUs run without an ASID.
    pub tags: Option<Arc<Tags>>,
}

/// What the kernel's own half is on.
pub fn for_kernel() -> KernelPlatform {
    (frames::counted(), Hearers { tags: None })
}

/// What a program's space is on.
pub fn for_program(tags: Arc<Tags>) -> KernelPlatform {
    (frames::counted(), Hearers { tags: Some(tags) })
}

/// From how many bytes on it is cheaper to forget everything.
pub const MANY: usize = 64 * PAGE;

impl Tlb for Hearers {
    /// A space stays cached under its ASID when a CPU goes on to another. So all hear of it that have ever run it; and
    /// of the kernel's half, all that are up.
    fn flush(&self, flush: &Flush<'_>) {
        arch::entries_stored();
        match self.tags.as_ref().map(|tags| tags.cached()) {
            // An order with an ASID passes global translations over.
            Some((asid, cpus)) if !flush.is_global() => arch::flush(flush, Some(asid), cpus),
            _ => arch::flush(flush, None, cpus::all()),
        }
    }

    #[inline]
    fn cpu(&self) -> usize {
        cpus::this().id()
    }

    fn made_valid(&self, made: &Flush<'_>) {
        arch::made_valid(made, cpus::all());
    }

    fn fence(&self, stale: &Flush<'_>) {
        arch::fence(stale);
    }

    fn made_code(&self, area: MemoryArea<PhysAddr>) {
        arch::made_code(area, cpus::all());
    }
}

/// The pages of an area, by their addresses.
pub fn pages(area: MemoryArea) -> impl Iterator<Item = VirtAddr> {
    (0..area.size())
        .step_by(PAGE)
        .filter_map(move |offset| area.at(offset))
}
