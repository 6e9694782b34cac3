//! x86-64: long mode with four levels and five, as Intel's Software Developer's Manual (SDM), volume 3, has it in
//! 'Paging'. Sections are named after it.
//!
//! There are no protection keys, no shadow stacks (CET), no nested paging and no memory types: what would be a type
//! makes a difference only to who compares leaves.

mod cpu;
mod cpus;
mod entry;
mod exception;
mod invalidate;
mod path;
mod reason;
mod registers;
mod shootdown;

use alloc::vec::Vec;

use super::calls::Call;
use super::memory::{Memory, Step};
use super::oracle::Leaf;
use super::privilege::Privilege;
use super::rules::{Architecture, Kind, Root, Route};
use super::state::{CpuState, State};
use super::trap::Stop;
use crate::addr::VirtAddr;
use crate::flush::Flush;
use crate::permissions::Access;

pub use cpus::{Levels, X86_64};
use entry::{Bits, Entry};
pub use exception::{ErrorCode, Exception};
pub use invalidate::Invalidate;
use path::Path;
use reason::Reason;
use registers::Registers;

impl Architecture for X86_64 {
    type Registers = Registers;
    type Path = Path;
    type Reason = Reason;
    type Cause = Exception;

    const LEVELS: usize = Levels::Five.count();

    fn is_page_fault(cause: Exception) -> bool {
        matches!(cause, Exception::PageFault(_))
    }

    fn privilege(registers: &mut Registers) -> &mut Privilege {
        &mut registers.privilege
    }

    fn route(self, registers: &Registers, vaddr: VirtAddr) -> Route<Reason> {
        match registers.root(self) {
            None => Route::Physical,
            Some(_) if !self.levels.is_canonical(vaddr) => Route::Fault(Reason::NotCanonical),
            Some(root) => Route::Tables(root),
        }
    }

    fn roots(self, registers: &Registers) -> Vec<Root> {
        registers.root(self).into_iter().collect()
    }

    fn kind(self, entry: u64, level: usize) -> Kind<Reason> {
        Entry(entry).kind(level, self)
    }

    fn path(self, above: Path, entry: u64, _level: usize) -> Path {
        above.with(Entry(entry))
    }

    /// Only leaves are: 'Global Pages'.
    fn is_global(self, registers: &Registers, step: Step<Self>) -> bool {
        let is_leaf = matches!(self.kind(step.entry, step.level), Kind::Leaf(_));
        is_leaf && registers.pge && Entry(step.entry).has(Bits::G)
    }

    /// Entries that are present, have no reserved bit set, and have A set: 'Details of TLB Use', and 'Caches for Paging
    /// Structures'.
    fn keeps(self, step: Step<Self>) -> bool {
        let faults = matches!(self.kind(step.entry, step.level), Kind::Fault(_));
        !faults && Entry(step.entry).has(Bits::A)
    }

    /// A is set in every entry that is used, a pointer or a leaf ('Accessed and Dirty Flags').
    fn used(self, entry: u64, level: usize) -> u64 {
        match self.kind(entry, level) {
            Kind::Fault(_) => entry,
            Kind::Pointer(_) | Kind::Leaf(_) => Entry(entry).accessed().0,
        }
    }

    /// A store sets D, in leaves alone.
    fn judge(self, registers: &Registers, leaf: Step<Self>, access: Access) -> Result<u64, Reason> {
        if !leaf.path.allows(access, registers) {
            return Err(Reason::Protection);
        }
        Ok(match access {
            Access::Write => Entry(leaf.entry).dirty().0,
            _ => Entry(leaf.entry).accessed().0,
        })
    }

    /// A and D may be behind, since the hardware sets them in memory; they may not be ahead, or the next access or
    /// store would not set them. D makes no difference where there is no R/W.
    fn agrees(self, cached: Leaf<Self>, memory: Leaf<Self>) -> bool {
        cached.path == memory.path && is_alike(cached, memory)
    }

    fn allows_less(self, cached: Leaf<Self>, memory: Leaf<Self>) -> bool {
        cached.path.is_within(memory.path) && is_alike(cached, memory)
    }

    fn cause(self, registers: &Registers, stop: Stop<Reason>, access: Access) -> Exception {
        Exception::of(registers, stop, access, self.nxe)
    }

    /// A page fault forgets what was cached for the address, so that it does not recur where the tables allow the
    /// access by now ('Operations that Invalidate TLBs and Paging-Structure Caches').
    fn faulted(self, cpu: &mut CpuState<Self>, vaddr: VirtAddr) {
        let pcid = cpu.registers.pcid();
        cpu.tlb.forget_at(vaddr, |cached| cached.hits(pcid));
    }

    /// Nothing that is not present is cached, so what became valid needs nothing.
    fn obey(
        state: &mut State<Self>,
        call: Call,
        cpus: &[usize],
        flush: &Flush<'_>,
        memory: Memory<'_, Self>,
    ) {
        if call == Call::Flush {
            cpus.iter()
                .for_each(|&number| shootdown::shoot(state, number, flush, memory));
        }
    }
}

/// Whether two leaves have the same memory type, and the cached one no mark that the other lacks.
fn is_alike(cached: Leaf<X86_64>, memory: Leaf<X86_64>) -> bool {
    let [one, other] = [cached, memory].map(|leaf| Entry(leaf.entry));
    let is_ahead = |mark| one.has(mark) && !other.has(mark);
    one.memory_type(cached.level) == other.memory_type(memory.level)
        && !is_ahead(Bits::A)
        && !(cached.path.is_writable() && is_ahead(Bits::D))
}
