//! One CPU of a machine: its registers, its fences, and the accesses that test a flush.

use alloc::vec::Vec;
use core::fmt;

use super::handle::Machine;
use super::memory::Memory;
use super::privilege::Privilege;
use super::riscv::{Cause, RiscV};
use super::rules::Architecture;
use super::state::{CpuState, State};
use super::translate::{Outcome, Request};
use super::trap::Trap;
use crate::addr::{PhysAddr, VirtAddr};
use crate::backend::rng::Rng;
use crate::permissions::Access;

/// One CPU of a [`Machine`]: registers, fences and accesses. Which registers and fences, is the architecture's.
///
/// It is a handle; the CPU itself belongs to the machine.
pub struct Cpu<'a, A: Architecture = RiscV> {
    machine: &'a Machine<A>,
    number: usize,
}

/// Two answers to one access: the CPU's, and that of a CPU with nothing cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look<C = Cause> {
    /// The answer of the CPU, which may have used a stale entry.
    pub seen: Result<PhysAddr, Trap<C>>,
    /// The answer of a fresh walk at that moment.
    pub fresh: Result<PhysAddr, Trap<C>>,
}

impl<C: PartialEq> Look<C> {
    /// Whether the CPU has used an entry that is no longer so.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.seen != self.fresh
    }
}

impl<A: Architecture> Machine<A> {
    /// The CPU with this number. O(1).
    #[must_use]
    pub const fn cpu(&self, number: usize) -> Cpu<'_, A> {
        Cpu {
            machine: self,
            number,
        }
    }
}

impl<A: Architecture> Cpu<'_, A> {
    /// Sets the mode in which the CPU goes on.
    pub fn set_privilege(&self, privilege: Privilege) {
        self.with(|cpu, _, _| *A::privilege(&mut cpu.registers) = privilege);
    }

    /// Translates an access to the byte at `vaddr` to a physical address.
    ///
    /// Marks are set where the hardware sets them. The memory at the physical address is not touched, and need not
    /// exist.
    ///
    /// # Errors
    /// The [`Trap`] that is taken; page faults, and access faults of tables.
    pub fn translate(&self, vaddr: VirtAddr, access: Access) -> Result<PhysAddr, Trap<A::Cause>> {
        self.look(vaddr, access).seen
    }

    /// Translates an access to the byte at `vaddr`, and says where a fresh walk leads beside it.
    ///
    /// The CPU's answer is that of [`translate`](Self::translate). Both are found at one moment.
    #[must_use]
    pub fn look(&self, vaddr: VirtAddr, access: Access) -> Look<A::Cause> {
        self.access(vaddr, access, |cpu, request, rng| {
            let (fresh, seen) = (cpu.fresh(request), cpu.translate(request, rng));
            let trap = |outcome: Outcome<A>| outcome.map_err(|stop| cpu.trap(stop, request));
            Look {
                seen: trap(seen),
                fresh: trap(fresh),
            }
        })
    }

    /// All answers that [`translate`](Self::translate) may give now. Changes nothing.
    ///
    /// The first is that of a fresh walk. The others are those of the cached entries that the CPU may begin with.
    #[must_use]
    pub fn outcomes(
        &self,
        vaddr: VirtAddr,
        access: Access,
    ) -> Vec<Result<PhysAddr, Trap<A::Cause>>> {
        let memory = self.machine.memory();
        let mut state = self.machine.lock();
        let request = Request {
            memory,
            vaddr,
            access,
        };
        let cpu = state.cpu(self.number);
        let outcomes = cpu.outcomes(request).into_iter();
        outcomes
            .map(|outcome| outcome.map_err(|stop| cpu.trap(stop, request)))
            .collect()
    }

    /// Caches all entries on the way to `vaddr`, as the CPU may at any time; on RISC-V those that are not valid, too.
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
        with: impl FnOnce(&mut CpuState<A>, Request<'_, A>, &mut Rng) -> R,
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

    /// Does `fence` to this CPU, after a moment, unless this is the fence to be skipped.
    pub(super) fn fence(&self, fence: impl FnOnce(&mut CpuState<A>, Memory<'_, A>)) {
        let memory = self.machine.memory();
        let mut state = self.machine.lock();
        state.fence(self.number, memory, |cpu| fence(cpu, memory));
    }

    /// Does `order` to all CPUs, after a moment.
    pub(super) fn order(&self, order: impl FnOnce(&mut State<A>, Memory<'_, A>)) {
        let memory = self.machine.memory();
        let mut state = self.machine.lock();
        state.moment(memory);
        order(&mut state, memory);
    }

    /// The number that names this CPU.
    pub(super) const fn number(&self) -> usize {
        self.number
    }

    /// Lets time pass, and then does `with` to this CPU.
    pub(super) fn with<R>(
        &self,
        with: impl FnOnce(&mut CpuState<A>, Memory<'_, A>, &mut Rng) -> R,
    ) -> R {
        let memory = self.machine.memory();
        let mut state = self.machine.lock();
        state.moment(memory);
        let State { cpus, rng, .. } = &mut *state;
        with(cpus.entry(self.number).or_default(), memory, rng)
    }
}

impl<A: Architecture> Clone for Cpu<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Architecture> Copy for Cpu<'_, A> {}

impl<A: Architecture> fmt::Debug for Cpu<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cpu")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
