//! Page faults, and the whole life of a small space: by this crate, and by hand as a kernel's author would write them.

mod by_hand;
mod bytes;
mod duty;
mod forks;
mod forks_kernel_vm;
mod forks_plain;
mod kernel_vm;
mod layout;
mod paged;
mod plain;
mod platform;
mod process;

use ::kernel_vm::Access;

pub(crate) use by_hand::ByHand;
pub(crate) use bytes::Bytes;
pub(crate) use duty::Duty;
pub(crate) use forks::{Family, Forks};
pub(crate) use forks_kernel_vm::ManagedForks;
pub(crate) use forks_plain::PlainForks;
pub(crate) use kernel_vm::KernelVm;
pub(crate) use layout::Layout;
pub(crate) use plain::Plain;
pub(crate) use platform::Source;
pub(crate) use process::{Managed, PAGES, Process, time_processes};

/// How a fault has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Mapped,
    Zeroed,
    Copied,
    Spurious,
    Refused,
}

/// The memory behind all maps of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// In one piece each. A fault maps a block of pages.
    Physical,
    /// Zeroed when it is touched.
    Anonymous,
    /// Supplied by the kernel, and private.
    Provided,
}

/// An address space that resolves page faults.
pub(crate) trait Space: Sized {
    /// The function's name in criterion's files.
    const NAME: &str;

    /// A space with the maps of `layout`, in which no table goes that the layout's pages need.
    fn new(layout: &Layout, memory: Memory) -> Self;

    /// A program's access at `addr` has faulted.
    fn fault(&mut self, addr: usize, access: Access) -> Outcome;

    /// Maps the page at `page` to a frame that others have, too, to be read only.
    fn share(&mut self, page: usize);

    /// Takes out all that a fault at `page` has mapped.
    fn forget(&mut self, page: usize);
}
