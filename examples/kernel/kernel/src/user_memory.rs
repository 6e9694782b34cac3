//! The memory of programs, read and written by the kernel.

use kernel_vm::{Access, Privilege, Stop, Stopped, VirtAddr};

use crate::user_space::UserSpace;

impl UserSpace {
    /// Copies a program's memory from `from` on to `to`. Pages come that are not there.
    ///
    /// # Errors
    /// The program may not read all of it, or there is no frame left.
    pub fn read(&self, from: usize, to: &mut [u8]) -> Result<(), Stop> {
        let (mut at, mut done) = (VirtAddr::new(from), 0);
        loop {
            let read = self.look().read(at, &mut to[done..], Privilege::User);
            let Err(stopped) = read else { return Ok(()) };
            (at, done) = (stopped.at, done + stopped.done);
            self.go_on(stopped, Access::Read)?;
        }
    }

    /// Copies `from` to a program's memory from `to` on. Pages come that are not there, or are copied.
    ///
    /// # Errors
    /// As [`read`](Self::read), for what the program may not write.
    pub fn write(&self, to: usize, from: &[u8]) -> Result<(), Stop> {
        let (mut at, mut done) = (VirtAddr::new(to), 0);
        loop {
            let written = self.look().write(at, &from[done..], Privilege::User);
            let Err(stopped) = written else { return Ok(()) };
            (at, done) = (stopped.at, done + stopped.done);
            self.go_on(stopped, Access::Write)?;
        }
    }

    fn go_on(&self, stopped: Stopped, access: Access) -> Result<(), Stop> {
        match stopped.why {
            Stop::Fault => match self.fault_in(stopped.at, access) {
                Ok(_) => Ok(()),
                Err(error) => Err(Stop::Refused(error)),
            },
            why => Err(why),
        }
    }
}
