//! AArch64: a granule of 4 KiB, 48 and 39 bits, as the Arm Architecture Reference Manual for A-profile has it in 'The
//! AArch64 Virtual Memory System Architecture'. Sections are named after it.
//!
//! EL2 and EL3, stage 2, realms, permission overlays, other granules, 52-bit addresses, contiguous hints, address tags
//! and cacheable attributes are not there. MAIR_EL1 is not read: two AttrIndx are two memory types. SCTLR_EL1, TCR_EL1
//! and PSTATE.PAN take effect at once, and nothing depends on `ISB`: no instruction is fetched ahead.

mod abort;
mod barrier;
mod cpu;
mod cpus;
mod descriptor;
mod flush;
mod path;
mod registers;
mod rights;
mod tlbi;

use alloc::vec::Vec;

use super::calls::Call;
use super::memory::{Memory, Step};
use super::oracle::Leaf;
use super::privilege::Privilege;
use super::rules::{Architecture, Kind, Root, Route};
use super::state::State;
use super::trap::Stop;
use crate::addr::VirtAddr;
use crate::flush::Flush;
use crate::permissions::Access;

pub use abort::{Abort, Fault};
pub use cpus::{AArch64, Hafdbs, VaBits};
use descriptor::Descriptor;
use path::Path;
use registers::Registers;
use rights::Rights;
pub use tlbi::Tlbi;

impl Architecture for AArch64 {
    type Registers = Registers;
    type Path = Path;
    type Reason = Fault;
    type Cause = Abort;

    fn is_page_fault(cause: Abort) -> bool {
        cause.fault != Fault::External
    }

    const LEVELS: usize = VaBits::Bits48.levels();
    const BREAKS: bool = true;

    fn privilege(registers: &mut Registers) -> &mut Privilege {
        &mut registers.privilege
    }

    #[inline]
    fn route(self, registers: &Registers, vaddr: VirtAddr) -> Route<Fault> {
        registers.route(self, vaddr)
    }

    fn roots(self, registers: &Registers) -> Vec<Root> {
        registers.roots(self)
    }

    #[inline]
    fn kind(self, entry: u64, level: usize) -> Kind<Fault> {
        Descriptor(entry).kind(level, self.physical_bits)
    }

    /// 'Hierarchical control of data access permissions': what one table takes, those below do not give back.
    #[inline]
    fn path(self, above: Path, entry: u64, level: usize) -> Path {
        match self.kind(entry, level) {
            Kind::Pointer(_) => above | Descriptor(entry).hierarchical(),
            Kind::Leaf(_) | Kind::Fault(_) => above,
        }
    }

    /// A leaf without nG. Pointers are of the ASID under which they were read: 'the entry is from a level of lookup
    /// above the final level and matches the specified ASID' ('TLB maintenance instructions').
    #[inline]
    fn is_global(self, _registers: &Registers, step: Step<Self>) -> bool {
        self.is_leaf(step) && !Descriptor(step.entry).is_of_one_asid()
    }

    /// Also those that no TLB holds: until a barrier, a walk may read them once more ([`barrier`]).
    fn keeps(self, _step: Step<Self>) -> bool {
        true
    }

    /// 'Hardware management of the Access flag': a walk may set it, whoever asked for the walk.
    #[inline]
    fn used(self, entry: u64, level: usize) -> u64 {
        match self.kind(entry, level) {
            Kind::Leaf(_) if self.hafdbs.flag() => Descriptor(entry).accessed().0,
            _ => entry,
        }
    }

    /// The Access flag is looked at before permissions ('Prioritization of MMU faults').
    fn judge(self, registers: &Registers, leaf: Step<Self>, access: Access) -> Result<u64, Fault> {
        let descriptor = Descriptor(leaf.entry);
        if !descriptor.is_accessed() && !self.hafdbs.flag() {
            return Err(Fault::access_flag(leaf.level));
        }
        if !Rights::of(descriptor, leaf.path, self).allow(access, registers) {
            return Err(Fault::permission(leaf.level));
        }
        Ok(descriptor.marked(access, self.hafdbs).0)
    }

    /// Marks may be behind where the hardware sets them, since it sets them in memory; they may not be ahead.
    fn agrees(self, cached: Leaf<Self>, memory: Leaf<Self>) -> bool {
        let (one, other) = (self.rights(cached), self.rights(memory));
        let [marks, set] = [cached, memory].map(|leaf| self.marks(leaf));
        let is_behind = !self.hafdbs.flag() && marks != set;
        one == other && is_alike(cached, memory) && marks & !set == 0 && !is_behind
    }

    fn allows_less(self, cached: Leaf<Self>, memory: Leaf<Self>) -> bool {
        let (one, other) = (self.rights(cached), self.rights(memory));
        let [marks, set] = [cached, memory].map(|leaf| self.marks(leaf));
        other.contains(one) && is_alike(cached, memory) && marks & !set == 0
    }

    /// 'Using break-before-make when updating translation table entries': another output address, another size, another
    /// memory type or shareability, and a global leaf where there was one of an ASID. The bytes at two addresses are
    /// not compared. A leaf without AF is in no TLB.
    #[inline]
    fn conflicts(self, cached: Leaf<Self>, new: Leaf<Self>) -> bool {
        let [one, other] = [cached, new].map(|leaf| Descriptor(leaf.entry));
        let are_cached = one.is_accessed() && (other.is_accessed() || self.hafdbs.flag());
        let becomes_global = one.is_of_one_asid() && !other.is_of_one_asid();
        let is_other = cached.to != new.to
            || cached.level != new.level
            || one.memory() != other.memory()
            || becomes_global;
        are_cached && is_other
    }

    fn cause(self, registers: &Registers, stop: Stop<Fault>, access: Access) -> Abort {
        Abort::of(registers.privilege, stop, access)
    }

    /// Reaches all CPUs, by broadcast.
    fn obey(
        state: &mut State<Self>,
        call: Call,
        _cpus: &[usize],
        flush: &Flush<'_>,
        memory: Memory<'_, Self>,
    ) {
        flush::obey(state, call, flush, memory);
    }
}

impl AArch64 {
    /// Whether the entry is 'from the final level of lookup': a block or a page.
    #[inline]
    fn is_leaf(self, step: Step<Self>) -> bool {
        matches!(self.kind(step.entry, step.level), Kind::Leaf(_))
    }

    fn rights(self, leaf: Leaf<Self>) -> Rights {
        Rights::of(Descriptor(leaf.entry), leaf.path, self)
    }

    /// The marks that an access asks for: AF, and that the leaf was written, where the hardware tells of that.
    fn marks(self, leaf: Leaf<Self>) -> u64 {
        Descriptor(leaf.entry).marks(self.hafdbs)
    }
}

/// Whether both have the same memory type and shareability.
fn is_alike(cached: Leaf<AArch64>, memory: Leaf<AArch64>) -> bool {
    Descriptor(cached.entry).memory() == Descriptor(memory.entry).memory()
}
