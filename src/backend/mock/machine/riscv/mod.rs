//! RISC-V: Sv39, Sv48 and Sv57, as the Privileged Architecture (volume II) has them. Chapters and their names are its
//! own.
//!
//! There is no Svnapot, no hypervisor, and no M-mode and its PMP.

mod cause;
mod cpu;
mod extensions;
mod pte;
mod registers;
mod satp;

use alloc::vec;
use alloc::vec::Vec;

use super::calls::Call;
use super::memory::{Memory, Step};
use super::oracle::Leaf;
use super::privilege::Privilege;
use super::rules::{Architecture, Kind, Reach, Root, Route, pages};
use super::state::State;
use super::trap::Stop;
use crate::addr::VirtAddr;
use crate::flush::Flush;
use crate::frame::FRAME_SIZE;
use crate::permissions::Access;

pub use cause::Cause;
pub use extensions::Extensions;
use pte::Pte;
use registers::Registers;
use satp::Scheme;

/// The most pages that are fenced one by one; for more, everything is forgotten.
const FEW: usize = 64;

/// RISC-V CPUs with these extensions.
///
/// For a [`Flush`], a CPU forgets page by page where pages are few, no tables went, and the pages are canonical in the
/// mode that it runs in now. Otherwise it forgets everything under the flush's ASID. Entries that became valid are
/// forgotten likewise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RiscV {
    extensions: Extensions,
}

impl RiscV {
    /// CPUs with these extensions. O(1).
    #[must_use]
    pub const fn new(extensions: Extensions) -> Self {
        Self { extensions }
    }

    /// The extensions that the CPUs have. O(1).
    #[must_use]
    pub const fn extensions(self) -> Extensions {
        self.extensions
    }
}

impl Architecture for RiscV {
    type Registers = Registers;
    /// Whether an entry so far is global: then it serves every ASID.
    type Path = bool;
    type Reason = ();
    type Cause = Cause;

    const LEVELS: usize = Scheme::Sv57.levels();

    fn is_page_fault(cause: Cause) -> bool {
        cause.is_page_fault()
    }

    fn privilege(registers: &mut Registers) -> &mut Privilege {
        &mut registers.privilege
    }

    fn route(self, registers: &Registers, vaddr: VirtAddr) -> Route<()> {
        match root(registers) {
            None => Route::Physical,
            Some(_) if !registers.satp.mode.is_canonical(vaddr) => Route::Fault(()),
            Some(root) => Route::Tables(root),
        }
    }

    fn roots(self, registers: &Registers) -> Vec<Root> {
        root(registers).map_or(Vec::new(), |root| vec![root])
    }

    fn kind(self, entry: u64, level: usize) -> Kind<()> {
        Pte(entry).kind(level, self.extensions)
    }

    /// 'For non-leaf PTEs, the global setting implies that all mappings in the subsequent levels are global.'
    fn path(self, above: bool, entry: u64, _level: usize) -> bool {
        above || Pte(entry).is_global()
    }

    fn is_global(self, _registers: &Registers, step: Step<Self>) -> bool {
        step.path
    }

    /// One that is not valid may be cached, too, unless Svvptc says otherwise.
    fn keeps(self, step: Step<Self>) -> bool {
        !self.extensions.svvptc || self.kind(step.entry, step.level) != Kind::Fault(())
    }

    /// 'Updates of the A bit may be performed as a result of speculation.'
    fn speculated(self, leaf: u64) -> u64 {
        if self.extensions.svadu {
            Pte(leaf).marked(Access::Read).0
        } else {
            leaf
        }
    }

    /// Steps 5 to 7. Without Svadu, A and D that are missing are a page fault.
    fn judge(self, registers: &Registers, leaf: Step<Self>, access: Access) -> Result<u64, ()> {
        let pte = Pte(leaf.entry);
        let marked = pte.marked(access);
        let is_allowed = pte.allows(access, registers);
        let may_mark = marked == pte || self.extensions.svadu;
        (is_allowed && may_mark).then_some(marked.0).ok_or(())
    }

    fn agrees(self, cached: Leaf<Self>, memory: Leaf<Self>) -> bool {
        Pte(cached.entry).agrees(Pte(memory.entry), self.extensions)
    }

    fn allows_less(self, cached: Leaf<Self>, memory: Leaf<Self>) -> bool {
        Pte(cached.entry).allows_less(Pte(memory.entry))
    }

    fn cause(self, _registers: &Registers, stop: Stop<()>, access: Access) -> Cause {
        Cause::of(stop, access)
    }

    fn obey(
        state: &mut State<Self>,
        _call: Call,
        cpus: &[usize],
        flush: &Flush<'_>,
        memory: Memory<'_, Self>,
    ) {
        cpus.iter()
            .for_each(|&number| fence(state, number, flush, memory));
    }
}

/// Does one CPU's share of a flush, fence by fence.
fn fence(state: &mut State<RiscV>, number: usize, flush: &Flush<'_>, memory: Memory<'_, RiscV>) {
    let mode = state.cpu(number).registers.satp.mode;
    let mut fence = |vaddr| {
        state.fence(number, memory, |cpu| {
            cpu.sfence_vma(vaddr, flush.asid(), memory);
        });
    };
    match flush.page_by_page(FEW * FRAME_SIZE, |addr| mode.is_canonical(addr)) {
        Some(ranges) => {
            let pages = ranges.iter().flat_map(|&range| pages(range));
            pages.for_each(|page| fence(Some(page)));
        }
        None => fence(None),
    }
}

/// The tables that `satp` names; in `Bare` there are none.
fn root(registers: &Registers) -> Option<Root> {
    let satp = registers.satp;
    (satp.mode != Scheme::Bare).then_some(Root {
        table: satp.root,
        levels: satp.mode.levels(),
        asid: satp.asid,
        reach: Reach::Both,
    })
}
