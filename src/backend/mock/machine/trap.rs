//! Traps: the reasons for which an access does not happen.

use core::fmt;

use super::riscv::Cause;
use super::rules::Architecture;
use super::state::CpuState;
use super::translate::Request;
use crate::addr::{PhysAddr, VirtAddr};

/// An access that trapped, on RISC-V or where the cause is another architecture's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Trap<C = Cause> {
    /// The reason for the trap.
    pub cause: C,
    /// The first byte that could not be accessed, as `stval` or `CR2` has it.
    pub vaddr: VirtAddr,
    /// The physical address, of a table or of data, at which the access found a frame that is not in use.
    ///
    /// It is a use after free, and `cause` is that of missing memory. Hardware says nothing of the kind: it would go
    /// on.
    pub freed: Option<PhysAddr>,
}

impl<C: fmt::Debug> fmt::Display for Trap<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.cause, self.vaddr)?;
        self.freed.map_or(Ok(()), |at| {
            write!(f, ": use after free, no frame is in use at {at}")
        })
    }
}

impl<C: fmt::Debug> core::error::Error for Trap<C> {}

/// The reason for which an access stopped, on the way down the tables or at the memory behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop<R> {
    /// An entry is not valid, reserved, misaligned, or does not allow the access.
    Fault(R),
    /// A table, or the memory that is accessed, is where no memory is.
    Memory,
    /// The frame at this address is not in use.
    Freed(PhysAddr),
}

impl<R: Default> Stop<R> {
    /// An entry that is not valid.
    pub(super) fn invalid() -> Self {
        Self::Fault(R::default())
    }
}

impl<A: Architecture> CpuState<A> {
    /// The trap that an access takes for this reason.
    pub(super) fn trap(&self, stop: Stop<A::Reason>, request: Request<'_, A>) -> Trap<A::Cause> {
        let rules = request.memory.rules;
        Trap {
            cause: rules.cause(&self.registers, stop, request.access),
            vaddr: request.vaddr,
            freed: match stop {
                Stop::Freed(at) => Some(at),
                Stop::Fault(_) | Stop::Memory => None,
            },
        }
    }
}
