//! Page tables that a kernel's author could pick, each used as its own documentation has it, behind one trait.

mod aarch64_paging;
mod arena;
mod bound;
mod duty;
mod kernel_vm;
mod owner;
mod page_table_generic;
mod page_table_multiarch;
mod prove;
pub(crate) mod words;
mod work;
mod x86_64;

use ::kernel_vm::Permissions;

pub(crate) use aarch64_paging::Aarch64Paging;
pub(crate) use arena::Frames;
pub(crate) use bound::Bound;
pub(crate) use duty::{Duty, Verb, new_owner, time_owned};
pub(crate) use kernel_vm::{KernelVm, KernelVmAarch64, KernelVmX86_64, Svadu};
pub(crate) use owner::{Owner, prove_owner};
pub(crate) use page_table_generic::PageTableGeneric;
pub(crate) use page_table_multiarch::PageTableMultiarch;
pub(crate) use prove::prove;
pub(crate) use words::aarch64::Aarch64 as Aarch64Words;
pub(crate) use words::sv39::Sv39 as Sv39Words;
pub(crate) use words::x86_64::X86_64 as X86_64Words;
pub(crate) use work::{Pages, Work};
pub(crate) use x86_64::X86_64;

/// What a kernel may do with what the benches map, at first.
const READ_WRITE: Permissions = Permissions::READ.union(Permissions::WRITE);

/// A page table in frames of the [arena](Frames), edited by ranges. Nobody else uses it, so flushes do nothing.
///
/// All have the same duties, aside from those that a constant speaks of.
pub(crate) trait PageTable: Sized {
    /// The function's name in criterion's files.
    const NAME: &str;

    /// Whether tables go back to the arena when nothing is left in them.
    const FREES_TABLES: bool;

    /// An empty page table. Dropped, it gives back all of its frames.
    fn new() -> Self;

    /// Maps `pages`, which nothing maps yet, with leaves of their size, [`READ_WRITE`]. What is there stays.
    fn map(&mut self, pages: &Pages);

    /// Takes out what maps `pages`, which were mapped with leaves of their size.
    fn unmap(&mut self, pages: &Pages);

    /// Lets what maps `pages` allow this. What is absent stays so.
    fn protect(&mut self, pages: &Pages, permissions: Permissions);

    /// Where `addr` leads.
    fn query(&self, addr: usize) -> Option<u64>;

    /// What the page at `addr` allows: to prove [`protect`](Self::protect).
    fn permissions(&self, addr: usize) -> Option<Permissions>;

    /// As [`map`](Self::map) of one page, for those that have a shorter way.
    #[inline]
    fn map_one(&mut self, page: &Pages) {
        self.map(page);
    }

    /// As [`unmap`](Self::unmap) of one page, for those that have a shorter way. The table may stay when it was the
    /// last.
    #[inline]
    fn unmap_one(&mut self, page: &Pages) {
        self.unmap(page);
    }
}
