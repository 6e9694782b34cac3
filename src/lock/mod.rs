//! A lock for spaces in which many CPUs fault at once. It is no part of a space: the guide's page on locks says which
//! lock a space wants, and when any will do.
//!
//! # When a plain lock is enough
//!
//! Where a space has one thread, or its threads seldom fault at once: any lock of readers and a writer. It takes a
//! word, where this one takes 128 bytes for each CPU of the machine, in every space. What this one gives is that
//! readers do not wait for each other's cache line, however many they are.
//!
//! # A space under it
//!
//! ```
//! use kernel_vm::backend::{mock::HostFrames, sv39::Sv39};
//! use kernel_vm::lock::PerCpuRwLock;
//! use kernel_vm::{Access, Answer, MemoryArea, Permissions, Privilege, VirtAddr};
//! use kernel_vm::{VirtualMemoryManager, VirtualMemoryMap};
//!
//! /// As many as the kernel may have.
//! const CPUS: usize = 4;
//!
//! /// What a CPU does while it waits: it answers the shootdowns that others wait for.
//! fn serve_shootdowns() {
//!     core::hint::spin_loop();
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let space = VirtualMemoryManager::<Sv39<HostFrames>>::new(Sv39::new(HostFrames::new(64))?);
//! let space = PerCpuRwLock::<_, CPUS>::with_relax(space, serve_shootdowns);
//!
//! // A system call writes.
//! let area = MemoryArea::from_start_size(VirtAddr::new(0x1_0000), 0x8000)?;
//! let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
//! space.write().add_memory_map(VirtualMemoryMap::anonymous(area, rw)?)?;
//!
//! // Page faults read: on all CPUs at once, each with its own number.
//! std::thread::scope(|scope| {
//!     for cpu in 0..CPUS {
//!         let space = &space;
//!         scope.spawn(move || {
//!             let space = space.read(cpu);
//!             let page = VirtAddr::new(0x1_0000 + cpu * 0x1000);
//!             let answer = space.handle_fault(page, Access::Write, Privilege::User);
//!             assert!(matches!(answer, Ok(Answer::Resolved { .. })));
//!         });
//!     }
//! });
//!
//! // What follows an edit may go on under the reader's hold, beside the faults of others.
//! let mut writer = space.write();
//! writer.unmap(MemoryArea::from_start_size(VirtAddr::new(0x1_4000), 0x4000)?)?;
//! let reader = writer.downgrade(0);
//! assert_eq!(reader.memory_maps().len(), 1);
//! # Ok(())
//! # }
//! ```

mod cell;
mod exclusion;
mod guards;
mod line;
mod per_cpu_rw_lock;
mod slot;

pub use guards::{ReadGuard, WriteGuard};
pub use per_cpu_rw_lock::PerCpuRwLock;
