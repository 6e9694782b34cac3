//! The registers of an x86-64 CPU that decide how it translates, and what it forgets when they are written.

use super::X86_64;
use super::invalidate::Invalidate;
use crate::addr::{PhysAddr, VirtAddr};
use crate::asid::Asid;
use crate::backend::mock::machine::privilege::Privilege;
use crate::backend::mock::machine::rules::{Architecture, Kind, Reach, Root};
use crate::backend::mock::machine::state::CpuState;

/// The registers. The default is a CPU after a reset, with everything clear.
#[derive(Clone, Copy, Debug, Default)]
pub struct Registers {
    /// CR0.PG: addresses are translated.
    pub(super) paging: bool,
    /// CR0.WP: the kernel, too, needs R/W to store.
    pub(super) wp: bool,
    pub(super) cr3: u64,
    /// CR4.PGE: leaves may be global.
    pub(super) pge: bool,
    /// CR4.PCIDE: entries are cached under the PCID in CR3.
    pub(super) pcide: bool,
    /// CR4.SMEP: the kernel does not fetch from user pages.
    pub(super) smep: bool,
    /// CR4.SMAP: the kernel does not load from or store to user pages.
    pub(super) smap: bool,
    /// EFLAGS.AC: SMAP is suspended.
    pub(super) ac: bool,
    /// CPL.
    pub(super) privilege: Privilege,
}

/// PCID, in CR3.
const PCID: u64 = 0xfff;

/// In what is written to CR3: nothing is to be forgotten.
const KEEP: u64 = 1 << 63;

impl Registers {
    /// The PCID under which entries are cached now.
    pub(super) const fn pcid(&self) -> Asid {
        Asid::new(if self.pcide { pcid(self.cr3) } else { 0 })
    }

    /// The tables that CR3 names, where addresses are translated.
    pub(super) fn root(&self, cpus: X86_64) -> Option<Root> {
        self.paging.then_some(Root {
            table: PhysAddr::new(self.cr3 & !PCID),
            levels: cpus.levels.count(),
            asid: self.pcid(),
            reach: Reach::Both,
        })
    }
}

const fn pcid(cr3: u64) -> u16 {
    (cr3 & PCID) as u16
}

impl CpuState<X86_64> {
    /// Writes CR3 ('Operations that Invalidate TLBs and Paging-Structure Caches'). What faults writes nothing: bit 63
    /// without PCIDs, and an address that is too wide.
    pub(super) fn write_cr3(&mut self, bits: u64, cpus: X86_64) {
        let (keeps, cr3) = (bits & KEEP != 0, bits & !KEEP);
        let is_wide = cr3.checked_shr(cpus.physical_bits).unwrap_or(0) != 0;
        if keeps && !self.registers.pcide || is_wide {
            return;
        }
        self.registers.cr3 = cr3;
        if !keeps {
            self.obey(Invalidate::Space(self.registers.pcid()), cpus);
        }
        self.note_root(cpus);
    }

    /// Notes that entries below the present root may be cached from now on.
    pub(super) fn note_root(&mut self, cpus: X86_64) {
        let root = self.registers.root(cpus);
        self.roots.extend(root.map(|root| root.table));
    }

    /// Obeys `invlpg`: forgets leaves for `vaddr` of the current PCID and global ones, and pointers of that PCID for
    /// any address ('Operations that Invalidate TLBs and Paging-Structure Caches').
    ///
    /// A large leaf that a CPU keeps in fragments goes whole, so that nobody can tell: here it is kept as one.
    pub(super) fn invlpg(&mut self, vaddr: VirtAddr, cpus: X86_64) {
        let pcid = self.registers.pcid();
        self.tlb.forget_at(vaddr, |cached| cached.hits(pcid));
        self.tlb.forget(|cached| {
            let step = cached.step;
            let is_pointer = matches!(cpus.kind(step.entry, step.level), Kind::Pointer(_));
            is_pointer && cached.is_of(pcid)
        });
    }
}
