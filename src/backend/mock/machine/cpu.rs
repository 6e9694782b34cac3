//! One CPU of a machine: its registers, its fences, and the accesses that test a flush.

use alloc::vec::Vec;
use core::fmt;

use super::handle::Machine;
use super::memory::Memory;
use super::state::{CpuState, State};
use super::status::Privilege;
use super::translate::{Outcome, Request};
use super::trap::Trap;
use crate::addr::{PhysAddr, VirtAddr};
use crate::asid::Asid;
use crate::backend::rng::Rng;
use crate::permissions::Access;

/// One CPU ('hart') of a [`Machine`]: registers, fences and accesses.
///
/// It is a handle; the CPU itself belongs to the machine.
#[derive(Clone, Copy)]
pub struct Cpu<'a> {
    machine: &'a Machine,
    number: usize,
}

/// Two answers to one access: the CPU's, and that of a CPU with nothing cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The answer of the CPU, which may have used a stale entry.
    pub seen: Result<PhysAddr, Trap>,
    /// The answer of a fresh walk at that moment.
    pub fresh: Result<PhysAddr, Trap>,
}

impl Look {
    /// Whether the CPU has used an entry that is no longer so.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.seen != self.fresh
    }
}

impl Machine {
    /// The CPU with this number. O(1).
    #[must_use]
    pub const fn cpu(&self, number: usize) -> Cpu<'_> {
        Cpu {
            machine: self,
            number,
        }
    }
}

impl Cpu<'_> {
    /// Writes `satp`, as [`Satp::bits`](crate::backend::riscv::Satp::bits) has it.
    ///
    /// As on hardware, this neither orders nor forgets anything, and entries that are cached under the new ASID hit at
    /// once. With a reserved MODE nothing is written.
    pub fn write_satp(&self, bits: u64) {
        let asid_bits = self.machine.extensions().asid_bits;
        self.with(|cpu, _, _| cpu.write_satp(bits, asid_bits));
    }

    /// Reads `satp`.
    #[must_use]
    pub fn satp(&self) -> u64 {
        self.with(|cpu, _, _| cpu.satp.bits())
    }

    /// Sets the mode in which the CPU goes on.
    pub fn set_privilege(&self, privilege: Privilege) {
        self.with(|cpu, _, _| cpu.status.privilege = privilege);
    }

    /// Sets SUM in `sstatus`: S-mode may load and store where user mode may. Takes effect at once.
    pub fn set_sum(&self, sum: bool) {
        self.with(|cpu, _, _| cpu.status.sum = sum);
    }

    /// Sets MXR in `sstatus`: what is executable is readable. Takes effect at once.
    pub fn set_mxr(&self, mxr: bool) {
        self.with(|cpu, _, _| cpu.status.mxr = mxr);
    }

    /// `sfence.vma`, here and nowhere else; `None` is `x0` ('Supervisor Memory-Management Fence Instruction').
    /// - Without operands everything is forgotten.
    /// - With an ASID: what was cached under it, at all levels. Global entries stay.
    /// - With an address: leaves for it, under any ASID, global ones too, and invalid entries where a leaf is now.
    ///   Pointers stay, and so do invalid entries above level 0 in whose place there is a pointer now.
    /// - With both: what both name. Global entries stay.
    ///
    /// An address that is not canonical names nothing.
    pub fn sfence_vma(&self, vaddr: Option<VirtAddr>, asid: Option<Asid>) {
        let memory = self.machine.memory();
        let mut state = self.machine.lock();
        state.fence(self.number, vaddr, asid, memory);
    }

    /// Translates an access to the byte at `vaddr` to a physical address.
    ///
    /// A and D are set where the hardware sets them. The memory at the physical address is not touched, and need not
    /// exist.
    ///
    /// # Errors
    /// The [`Trap`] that is taken; page faults, and access faults of tables.
    pub fn translate(&self, vaddr: VirtAddr, access: Access) -> Result<PhysAddr, Trap> {
        self.look(vaddr, access).seen
    }

    /// Translates an access to the byte at `vaddr`, and says where a fresh walk leads beside it.
    ///
    /// The CPU's answer is that of [`translate`](Self::translate). Both are found at one moment.
    #[must_use]
    pub fn look(&self, vaddr: VirtAddr, access: Access) -> Look {
        let trap = |outcome: Outcome| outcome.map_err(|stop| stop.trap(access, vaddr));
        self.access(vaddr, access, |cpu, request, rng| {
            let fresh = trap(cpu.fresh(request));
            let seen = trap(cpu.translate(request, rng));
            Look { seen, fresh }
        })
    }

    /// All answers that [`translate`](Self::translate) may give now. Changes nothing.
    ///
    /// The first is that of a fresh walk. The others are those of the cached entries that the CPU may begin with.
    #[must_use]
    pub fn outcomes(&self, vaddr: VirtAddr, access: Access) -> Vec<Result<PhysAddr, Trap>> {
        let memory = self.machine.memory();
        let mut state = self.machine.lock();
        let request = Request {
            memory,
            vaddr,
            access,
        };
        let outcomes = state.cpu(self.number).outcomes(request).into_iter();
        outcomes
            .map(|outcome| outcome.map_err(|stop| stop.trap(access, vaddr)))
            .collect()
    }

    /// Caches all entries on the way to `vaddr`, as the CPU may at any time; those that are not valid, too.
    pub fn prefetch(&self, vaddr: VirtAddr) {
        self.with(|cpu, memory, _| cpu.prefetch(memory, vaddr));
    }

    /// The number of entries that the CPU has cached.
    #[must_use]
    pub fn cached(&self) -> usize {
        self.machine.lock().cpu(self.number).tlb.len()
    }

    /// Lets time pass, in which CPUs may walk for `vaddr`, and then does `with` to this CPU.
    pub(super) fn access<R>(
        &self,
        vaddr: VirtAddr,
        access: Access,
        with: impl FnOnce(&mut CpuState, Request<'_>, &mut Rng) -> R,
    ) -> R {
        self.machine.lock().hot.note(vaddr);
        self.with(|cpu, memory, rng| {
            let request = Request {
                memory,
                vaddr,
                access,
            };
            with(cpu, request, rng)
        })
    }

    /// Lets time pass, and then does `with` to this CPU.
    fn with<R>(&self, with: impl FnOnce(&mut CpuState, Memory<'_>, &mut Rng) -> R) -> R {
        let memory = self.machine.memory();
        let mut state = self.machine.lock();
        state.moment(memory);
        let State { cpus, rng, .. } = &mut *state;
        with(cpus.entry(self.number).or_default(), memory, rng)
    }
}

impl fmt::Debug for Cpu<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cpu")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
