//! What a page fault does to a space: the page comes.

use kernel_vm::{Access, Answer, Done, FaultError, Frame, Privilege, Ticket, VirtAddr};

use crate::frames;
use crate::memory::Space;

/// Lets the page at `at` come, so that programs may access it so, and says what was done. `None`: there was nothing to
/// do but to try again.
///
/// # Errors
/// The program has made a mistake, or there is no frame left.
pub fn resolve(space: &Space, at: VirtAddr, access: Access) -> Result<Option<Done>, FaultError> {
    match space.handle_fault(at, access, Privilege::User)? {
        Answer::Resolved { done, .. } => Ok(Some(done)),
        Answer::Spurious { .. } => Ok(None),
        Answer::NeedsFrame { ticket, map, .. } => {
            let frame = map.payload().share().map_err(FaultError::Share)?;
            supply(space, ticket, frame)
        }
    }
}

fn supply(space: &Space, ticket: Ticket, frame: Frame) -> Result<Option<Done>, FaultError> {
    match space.supply(ticket, frame) {
        Ok(done) => Ok(Some(done)),
        Err(lost) => {
            let error = lost.error();
            frames::release(lost.into_frame());
            // Without an error, another CPU was first.
            error.map_or(Ok(None), |error| Err(error.into()))
        }
    }
}
