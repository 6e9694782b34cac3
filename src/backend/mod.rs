//! The contract between the manager and an MMU's page tables, and the page tables that keep it.
//!
//! [`PageTableBackend`] is the contract. [`radix`] keeps it for tables of 512 words, in the formats of [`sv39`],
//! [`sv48`], [`sv57`], [`x86_64`] and [`aarch64`]. Only they need 64-bit addresses, and only the mocks need a heap.

#[cfg(target_pointer_width = "64")]
pub mod aarch64;
mod check;
mod lost;
#[cfg(feature = "alloc")]
pub mod mock;
mod page_table;
mod paging;
#[cfg(target_pointer_width = "64")]
pub mod radix;
#[cfg(target_pointer_width = "64")]
pub mod riscv;
#[cfg(feature = "alloc")]
mod rng;
pub(crate) mod run;
#[cfg(target_pointer_width = "64")]
pub mod sv39;
#[cfg(target_pointer_width = "64")]
pub mod sv48;
#[cfg(target_pointer_width = "64")]
pub mod sv57;
#[cfg(target_pointer_width = "64")]
pub mod x86_64;

pub use check::{check_area, check_edit};
pub use lost::{Lost, Replaced};
pub use page_table::{Edit, PageTableBackend};
pub use paging::{NotAtOnce, Paging, Unheld, Unshared};
pub use run::{Entry, Run};
