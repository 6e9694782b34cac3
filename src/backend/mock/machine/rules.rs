//! The rules in which architectures differ: everything else of the machine is written once.

use alloc::vec::Vec;
use core::fmt::Debug;

use super::calls::Call;
use super::memory::{Memory, Step};
use super::oracle::Leaf;
use super::privilege::Privilege;
use super::state::{CpuState, State};
use super::trap::Stop;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::flush::Flush;
use crate::permissions::Access;

/// The kind of an entry in a hardware walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<R> {
    /// An entry that stops the walk, whatever the access.
    Fault(R),
    /// A pointer to the next table, which is at this address.
    Pointer(PhysAddr),
    /// A page or a larger block, whose first byte is at this address.
    Leaf(PhysAddr),
}

/// The addresses that are translated from one root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Both halves: the bits above those that are translated equal the highest of them.
    Both,
    /// The lower half: the bits above those that are translated are 0.
    Lower,
    /// The upper half: the bits above those that are translated are 1.
    Upper,
}

/// The tables that translate an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// The physical address of the first table.
    pub table: PhysAddr,
    /// How many levels of tables there are.
    pub levels: usize,
    /// The identifier under which entries are cached.
    pub asid: Asid,
    /// The addresses that they translate.
    pub reach: Reach,
}

/// How an address is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<R> {
    /// Not at all: it is a physical one.
    Physical,
    /// It has no translation, whatever the tables say.
    Fault(R),
    /// By these tables.
    Tables(Root),
}

/// The CPUs that a [`Machine`](super::Machine) has: [`RiscV`](super::RiscV), if nothing else is said,
/// [`X86_64`](super::X86_64) or [`AArch64`](super::AArch64).
///
/// A value says what of the architecture these CPUs have. Sealed, as its methods speak of what has no public name: the
/// rules of each are written here, from its manual. Tables have 512 entries of 8 bytes each, and level 0 has the pages
/// of 4 KiB: so have all that are here.
pub trait Architecture: Copy + Eq + Debug + Send + Sync + 'static {
    /// What a CPU says of an access that did not happen.
    type Cause: Copy + Eq + Debug;

    /// Whether an access did not happen because the page table did not allow it. O(1).
    fn is_page_fault(cause: Self::Cause) -> bool;

    /// The registers by which one CPU translates. The default is a CPU that was never used: it does not translate.
    #[doc(hidden)]
    type Registers: Default + Debug + Send;
    /// All that the entries from the root down to one say together, beside where they lead.
    #[doc(hidden)]
    type Path: Copy + Eq + Debug + Default + Send;
    /// The reasons for which tables stop an access. The default is an entry that is not valid.
    #[doc(hidden)]
    type Reason: Copy + Eq + Debug + Default;
    /// The most levels of tables that a CPU may have.
    #[doc(hidden)]
    const LEVELS: usize;

    /// Whether a valid entry must be made invalid, and flushed, before some other takes its place.
    #[doc(hidden)]
    const BREAKS: bool = false;

    /// The mode that the CPU runs in.
    #[doc(hidden)]
    fn privilege(registers: &mut Self::Registers) -> &mut Privilege;

    /// How `vaddr` is translated.
    #[doc(hidden)]
    fn route(self, registers: &Self::Registers, vaddr: VirtAddr) -> Route<Self::Reason>;

    /// The roots of the tables in use: speculation walks from them.
    #[doc(hidden)]
    fn roots(self, registers: &Self::Registers) -> Vec<Root>;

    /// The kind of an entry that stands in a table of this level.
    #[doc(hidden)]
    fn kind(self, entry: u64, level: usize) -> Kind<Self::Reason>;

    /// What the entries down to `entry`, of this level, say together, where those before it say `above`.
    #[doc(hidden)]
    fn path(self, above: Self::Path, entry: u64, level: usize) -> Self::Path;

    /// Whether a cached entry serves every ASID.
    #[doc(hidden)]
    fn is_global(self, registers: &Self::Registers, step: Step<Self>) -> bool;

    /// Whether an entry that a walk has read may be cached for long.
    #[doc(hidden)]
    fn keeps(self, step: Step<Self>) -> bool;

    /// The entry as a walk that reads it leaves it in memory, before it is used or cached. The default changes nothing.
    #[doc(hidden)]
    fn used(self, entry: u64, level: usize) -> u64 {
        let _ = level;
        entry
    }

    /// The leaf as speculation may leave it in memory. The default changes nothing.
    #[doc(hidden)]
    fn speculated(self, leaf: u64) -> u64 {
        leaf
    }

    /// Whether a leaf lets `access` happen, and the leaf as the access leaves it in memory.
    #[doc(hidden)]
    fn judge(
        self,
        registers: &Self::Registers,
        leaf: Step<Self>,
        access: Access,
    ) -> Result<u64, Self::Reason>;

    /// Whether a cached leaf does all that the leaf in `memory` would. Both lead to the same address.
    #[doc(hidden)]
    fn agrees(self, cached: Leaf<Self>, memory: Leaf<Self>) -> bool;

    /// Whether a cached leaf can only fault where the leaf in `memory` would not. Both lead to the same address.
    #[doc(hidden)]
    fn allows_less(self, cached: Leaf<Self>, memory: Leaf<Self>) -> bool;

    /// Whether the new leaf must not take the place of the cached one at once ([`BREAKS`](Self::BREAKS)).
    #[doc(hidden)]
    fn conflicts(self, cached: Leaf<Self>, new: Leaf<Self>) -> bool {
        let _ = (cached, new);
        false
    }

    /// What a CPU says of an access that stopped.
    #[doc(hidden)]
    fn cause(
        self,
        registers: &Self::Registers,
        stop: Stop<Self::Reason>,
        access: Access,
    ) -> Self::Cause;

    /// What a CPU forgets by itself when tables stop an access to `vaddr`. The default is nothing.
    #[doc(hidden)]
    fn faulted(self, cpu: &mut CpuState<Self>, vaddr: VirtAddr) {
        let _ = (cpu, vaddr);
    }

    /// Does what a kernel does for `flush` on these CPUs, by the instructions that it has: any one can be skipped.
    #[doc(hidden)]
    fn obey(
        state: &mut State<Self>,
        call: Call,
        cpus: &[usize],
        flush: &Flush<'_>,
        memory: Memory<'_, Self>,
    );
}

/// The number of bytes of which an entry at `level` speaks; level 0 has the pages.
pub const fn span(level: usize) -> usize {
    1 << (12 + 9 * level)
}

impl Root {
    /// The address that has these low bits, of those that are translated from here.
    pub fn extend(self, low: usize) -> VirtAddr {
        let used = 12 + 9 * u32::try_from(self.levels).unwrap_or(0);
        let unused = usize::BITS - used;
        VirtAddr::new(match self.reach {
            Reach::Both => (((low << unused) as isize) >> unused) as usize,
            Reach::Lower => low,
            Reach::Upper => usize::MAX << used | low,
        })
    }
}

/// The first address of each page in `area`.
pub fn pages(area: MemoryArea) -> impl Iterator<Item = VirtAddr> {
    area.blocks(span(0)).map(|part| part.block.start())
}
