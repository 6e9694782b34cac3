//! Page faults of programs: a page comes when it is touched.

use kernel_vm::{Access, Answer, Done, FaultError, Frame, Privilege, Ticket, VirtAddr};

use crate::arch::Registers;
use crate::frames;
use crate::probe::Fault;
use crate::user::{Trap, UserSpace};

impl UserSpace {
    /// Runs a program on this CPU, which must be in this space, until it calls the kernel, or does what it may not.
    pub fn run(&self, program: &mut Registers) -> Trap {
        self.run_with(program, |_, _| ())
    }

    /// The same, and tells of each fault that was resolved, and how.
    pub fn run_with(
        &self,
        program: &mut Registers,
        mut tell: impl FnMut(Fault, Option<Done>),
    ) -> Trap {
        loop {
            match program.run() {
                Trap::Fault(fault) => match self.page_fault(fault) {
                    Ok(done) => tell(fault, done),
                    Err(_) => return Trap::Fault(fault),
                },
                trap => return trap,
            }
        }
    }

    /// Resolves the fault of a program on this CPU, and says what was done. `None`: there was nothing to do but to try
    /// again.
    ///
    /// # Errors
    /// The program has made a mistake, or there is no frame left.
    pub fn page_fault(&self, fault: Fault) -> Result<Option<Done>, FaultError> {
        self.fault_in(VirtAddr::new(fault.addr), fault.access)
    }

    /// Lets the page at `at` come, so that programs may access it so.
    ///
    /// # Errors
    /// As [`page_fault`](Self::page_fault).
    pub fn fault_in(&self, at: VirtAddr, access: Access) -> Result<Option<Done>, FaultError> {
        match self.space.handle_fault(at, access, Privilege::User)? {
            Answer::Resolved { done, .. } => Ok(Some(done)),
            Answer::Spurious { .. } => Ok(None),
            Answer::NeedsFrame { ticket, map, .. } => {
                let frame = map.payload().share().map_err(FaultError::Share)?;
                self.supply(ticket, frame)
            }
        }
    }

    fn supply(&self, ticket: Ticket, frame: Frame) -> Result<Option<Done>, FaultError> {
        match self.space.supply(ticket, frame) {
            Ok(done) => Ok(Some(done)),
            Err(lost) => {
                let error = lost.error();
                frames::release(lost.into_frame());
                // Without an error, another CPU was first.
                error.map_or(Ok(None), |error| Err(error.into()))
            }
        }
    }
}
