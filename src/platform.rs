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
pub trait Platform: FrameAllocator + Tlb {}

impl<P: FrameAllocator + Tlb + ?Sized> Platform for P {}
