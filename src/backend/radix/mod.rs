//! Page tables as a radix tree of 512-entry tables, for any format of such entries.
//!
//! What is the tree's is here; what is a format's (bits, levels, which addresses are canonical) is behind [`Format`],
//! one file a format.
//!
//! # What is not flushed
//!
//! A verb that has changed a valid entry flushes it, whatever the change was: more permissions, too. These changes are
//! not flushed, each for a reason that the RISC-V manual gives (Privileged Architecture, 'Supervisor Memory-Management
//! Fence Instruction', where no other section is named):
//!
//! | change | why it needs no flush |
//! |---|---|
//! | a leaf where nothing was, or where one was hidden | a CPU may have cached that nothing is there, and faults at worst; then it is soon enough to fence. [`Tlb::made_valid`](crate::Tlb::made_valid) is told, for who would rather fence at once; with Svvptc nobody need ('Svvptc') |
//! | a table where nothing was | the same, but an entry that is no leaf was cached: only a fence without an address covers that, so `made_valid` is told of tables |
//! | a table of smaller leaves for a large one (where [`Format::BREAK_BEFORE_MAKE`] is not set, as on RISC-V) | until the verb's own flush, either may be used, and both say the same; that flush names pages of the large leaf, and so covers it |
//! | an accessed or dirty bit set by [`set_accessed`](Radix::set_accessed) | a CPU that has cached the leaf without it faults once more ('Virtual Address Translation Process'); `made_valid` is told |
//! | what takes the place of a leaf that the same verb has taken out (where `BREAK_BEFORE_MAKE` is not set) | the verb's flush is yet to come, and covers both; until then either may be used |
//! | marks in pointers, of owned leaves below, and accessed and dirty bits that are carried over to leaves just made | the MMU ignores the first; who has cached a leaf without the second sets them again ('Virtual Address Translation Process') |
//! | permissions that are as before | no entry has changed |
//! | a hidden leaf that is unmapped, moved or given other permissions that hide it | it was not valid: no translation was cached ('Addressing and Memory Protection') |
//! | words that wait for a flush, when their frames are given back | they were made invalid before that flush |
//! | a page table that is dropped empty, with nothing to retire | what was there has been flushed |
//!
//! # When a hook panics
//!
//! The platform's hooks ([`Tlb`](crate::Tlb), [`FrameAllocator`](crate::FrameAllocator)) and the sink of
//! [`harvest`](Radix::harvest) are somebody else's code, and a panic of theirs unwinds through a verb. The page table
//! is sound then, and can be used: each frame has one owner, and the invariants hold. The next
//! [`retire`](crate::backend::PageTableBackend::retire), or the drop, flushes everything under every ASID before it
//! gives any of it back. It costs O(tables).
//!
//! A verb that is left so may be half done: entries are missing at worst, and what is there is right. Whether the MMU
//! has used physical memory may be lost. These frames leak, and no others:
//!
//! | verb | what leaks |
//! |---|---|
//! | all | the frame that the hook was asked for or given, if it had not done that yet; frames set aside in the verb itself, as those of [`edit`](crate::backend::PageTableBackend::edit) are; tables that were being filled, with those below |
//! | [`install`](Radix::install) | the frame that it was given, unless its entry was written |
//! | [`exchange`](Radix::exchange) | the frame that it was given, unless its entry was written; else the old one, if it was the page table's own. Where [`Format::BREAK_BEFORE_MAKE`] is set, a flush that panics leaves the page as it was |
//! | `shift` | the frame of one page of the page table's own, which was on its way |
//! | `unreserve` | what it had not given back yet |
//! | `retire`, and what retires in the same call | what hung below one pointer that was taken out |
//! | drop | all that was not given back yet |
//!
//! Where [`Format::BREAK_BEFORE_MAKE`] is set, a large leaf that was to be split may be gone. Entries that were made
//! valid may be there although [`Tlb::made_valid`](crate::Tlb::made_valid) was not told of them. A second panic, while
//! a page table is dropped because of the first, aborts, as in any drop.

#[cfg(test)]
#[cfg(feature = "alloc")]
mod arm_like;
mod audit;
mod backend;
mod display;
mod edit;
mod entry;
mod frames;
mod hooks;
mod memory;
mod new;
mod reservation;
mod retire;
mod walk;

pub use edit::harvest::Usage;
pub use edit::lost::{Lost, Replaced};
pub use entry::features::{AccessedDirty, Features};
pub use entry::format::Format;
pub(super) use entry::format::sealed::Sealed;
pub use memory::Radix;
pub use reservation::reserved::Reserved;
