//! Suites for a kernel's own platform, page table, fault handler and fork, to be run on the host: the feature
//! `testing`.
//!
//! They are what this crate's own tests run. Each is one call, and answers [`Broken`] for the first law that does not
//! hold: the law in words, the evidence, and for random verbs the seed and the fewest steps that go wrong.
//!
//! | call | asks for | proves |
//! |---|---|---|
//! | [`frames`] | a [`FrameAllocator`](crate::FrameAllocator) | a frame has one owner, its bytes stay, its address is reached in one way, and it comes back with its last reference |
//! | [`tlb`] | a [`Kernel`]: its [`Tlb`](crate::Tlb) and its context switch, on a machine's CPUs | behind a verb, nothing is cached that is no longer so; no frame goes back before its flush; a flush that is left out is noticed |
//! | [`page_table`] | a [`PageTableBackend`](crate::backend::PageTableBackend) | its contract, law by law, and by random edits |
//! | [`reservations`] | the same, and how to make it fail | a failed reservation changes nothing |
//! | [`paging`] | a [`Paging`](crate::backend::Paging) | the contract of who owns frames |
//! | [`Verbs`] | a [`Subject`]: a space with the kernel's page table, behind its lock, with its payload and fault handler | each of fifteen verbs does what a model of a few bits a page does |
//! | [`Bytes`] | a [`Processes`]: a kernel with its fork, its fault handler and its copies from and to programs | programs see the bytes that a model knows, and do what their maps allow |
//! | [`all_or_nothing`] | a space and a verb | the verb, without its first, second… frame, changes nothing |
//! | [`replay`] | a [`Trace`] and a page table | a recorded process ends where its own system said |
//!
//! [`Faulty`] wraps a platform: the n-th allocation fails, or the n-th flush is left out. A [`Lie`] keeps verbs from the
//! space. With either, a suite must answer `Broken`: if it does not, it is not looking.
//!
//! # In a kernel
//! `kernel-vm = { version = "0.1", features = ["testing"] }` under `[dev-dependencies]`, and a test:
//!
//! ```
//! use kernel_vm::VirtualMemoryManager;
//! use kernel_vm::backend::{mock::HostFrames, sv39::Sv39};
//! use kernel_vm::testing::{self, Broken, Faulty, Verbs};
//!
//! # use HostFrames as Board;
//! fn board() -> Board {
//!     Board::new(600) // the kernel's own platform, over memory of the host
//! }
//!
//! # fn main() -> Result<(), Broken> {
//! testing::frames(&board())?;
//! let make = || Sv39::new(Faulty::new(board())).expect("there is a frame");
//! testing::page_table(make, |table| table.platform().frames_in_use())?;
//! for seed in 0..10 {
//!     Verbs::new(seed).steps(200).run(|_| VirtualMemoryManager::<Sv39<_>>::new(make()))?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The guide's page [`test_your_platform`](crate::guide::test_your_platform) goes on from there, and
//! `examples/kernel/host` runs all of it on a kernel that boots.
//!
//! Nothing here needs `std`, or reads a clock: one seed is one run.

mod all_or_nothing;
mod broken;
mod bytes;
mod faulty;
mod frames;
mod guard;
mod page_table;
mod rng;
mod shrink;
mod span;
mod tlb;
mod trace;
mod verbs;

pub use all_or_nothing::all_or_nothing;
pub use broken::Broken;
pub use bytes::{Bytes, Events, Processes};
pub use faulty::{Duty, Faulty};
pub use frames::frames;
pub use guard::Guard;
pub use page_table::{laws_of_page_tables, laws_of_paging, page_table, paging, reservations};
pub use tlb::{Kernel, tlb};
pub use trace::{Checked, Replay, Trace, TraceError, replay};
pub use verbs::{Lie, Subject, Tally, Verbs};
