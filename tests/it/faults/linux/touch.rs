//! How the kernel copies user memory: faults that stop it are resolved on the way.

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{
    Access, Answer, FaultError, Privilege, Stop, Stopped, VirtAddr, VirtualMemoryManager,
};

use super::object::Object;
use crate::subject::PAGE;

pub type Space = VirtualMemoryManager<Sv39<HostFrames>, Object>;

/// Does `go_on`, which is told how many bytes are done, and resolves the faults that stop it. Answers how far it came
/// before a program would be sent a signal.
pub fn as_far_as_possible(
    space: &Space,
    access: Access,
    len: usize,
    mut go_on: impl FnMut(usize) -> Result<(), Stopped>,
) -> usize {
    let mut done = 0;
    // A page is supplied, and copied.
    for _ in 0..=2 * (2 + len / PAGE) {
        let Err(stopped) = go_on(done) else {
            return len;
        };
        done += stopped.done;
        match stopped.why {
            Stop::Fault => {}
            Stop::Refused(FaultError::NotMapped { .. } | FaultError::Denied { .. }) => return done,
            why => panic!("{why}"),
        }
        if !resolve(space, stopped.at, access) {
            return done;
        }
    }
    panic!("a fault that comes back for ever")
}

/// Whether the fault was resolved, and not past the end of an object.
fn resolve(space: &Space, at: VirtAddr, access: Access) -> bool {
    match space.handle_fault(at, access, Privilege::User).unwrap() {
        Answer::Resolved { .. } | Answer::Spurious { .. } => true,
        Answer::NeedsFrame {
            ticket,
            map,
            offset,
        } => {
            let frame = map.payload().page(offset);
            frame.is_some_and(|frame| space.supply(ticket, frame).is_ok())
        }
    }
}
