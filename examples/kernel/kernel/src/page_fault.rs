//! Page faults of programs: a page comes when it is touched.

use kernel_vm::{Access, Done, FaultError, VirtAddr};

use crate::fault::resolve;
use crate::user_space::UserSpace;

impl UserSpace {
    /// Lets the page at `at` come, so that programs may access it so, and says what was done. `None`: there was nothing
    /// to do but to try again.
    ///
    /// # Errors
    /// The program has made a mistake, or there is no frame left.
    pub fn fault_in(&self, at: VirtAddr, access: Access) -> Result<Option<Done>, FaultError> {
        resolve(&self.look(), at, access)
    }
}
