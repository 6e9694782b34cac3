//! The kernel's side of a page table: its frames and its shootdowns, under one name.

use crate::flush::Tlb;
use crate::frame::FrameAllocator;

/// The kernel's side of a page table: frames to build tables from ([`FrameAllocator`]), and CPUs that can be told to
/// forget translations ([`Tlb`]).
///
/// A kernel implements those two for one type of its own, or for a reference to one, and that type is a platform:
/// nothing is to be written for this trait. It stands in the bounds of every page table of this crate.
///
/// ```
/// use kernel_vm::backend::radix::{Format, Radix};
/// use kernel_vm::{MapError, Platform};
///
/// fn empty_space<F: Format, P: Platform>(platform: P) -> Result<Radix<F, P>, MapError> {
///     Radix::new(platform)
/// }
/// ```
///
/// A pair of the two is a platform as well: frames that all spaces share, and the CPUs that one of them has run on. So
/// `fork_into` finds one allocator in both spaces, and each flush reaches the CPUs of its own.
///
/// ```
/// use core::cell::Cell;
/// use kernel_vm::backend::{mock::HostFrames, sv39::Sv39};
/// use kernel_vm::{
///     Flush, Inherit, MemoryArea, Permissions, Tlb, VirtAddr, VirtualMemoryManager,
///     VirtualMemoryMap,
/// };
///
/// #[derive(Default)]
/// struct Cpus {
///     flushes: Cell<usize>, // a kernel has a mask of CPUs here
/// }
///
/// impl Tlb for Cpus {
///     fn flush(&self, _flush: &Flush<'_>) {
///         self.flushes.set(self.flushes.get() + 1);
///     }
/// }
///
/// let (frames, [parents, childs]) = (HostFrames::new(32), <[Cpus; 2]>::default());
/// let mut parent = VirtualMemoryManager::new(Sv39::new((&frames, &parents))?);
/// let mut child = VirtualMemoryManager::new(Sv39::new((&frames, &childs))?);
/// let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
/// let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
/// parent.add_memory_map(VirtualMemoryMap::anonymous(area, rw)?)?;
/// parent.prefault(area)?;
/// parent.fork_into(&mut child, Inherit::posix)?;
/// assert_eq!((parents.flushes.get(), childs.flushes.get()), (1, 0));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub trait Platform: FrameAllocator + Tlb {}

impl<P: FrameAllocator + Tlb + ?Sized> Platform for P {}
