//! Page faults of programs: a page comes when it is touched.

use kernel_vm::{Access, Done, FaultError, VirtAddr};

use crate::arch::Registers;
use crate::fault::resolve;
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
        resolve(&self.look(), at, access)
    }
}
