//! Page tables as a radix tree of 512-entry tables, for any format of such entries.
//!
//! The tree is here; bits, levels and canonical addresses are behind [`Format`], one file a format.
//!
//! # The life of an entry
//!
//! An entry is a word of a table. This CPU, other CPUs and the MMU touch it at once, so there are few states, and each
//! step between two has one owner:
//!
//! ```text
//!            map, install                 protect
//!  ┌───────┐ ─────────────► ┌────────┐ ◄───────────► ┌────────┐
//!  │ empty │                │  leaf  │               │ hidden │
//!  └───────┘ ◄───────────── └────────┘               └────────┘
//!    ▲   │   unmap              │ │ unmap: it owns its     │
//!    │   │   (not owned)        │ │ frame, or the format   │
//!    │   │              split   │ │ breaks before it makes │
//!    │   │ map        ┌─────────┘ ▼                        │
//!    │   │            │       ┌─────────┐     unmap        │
//!    │   │            │       │ retired │ ◄────────────────┘
//!    │   │            ▼       └─────────┘
//!    │   │       ┌─────────┐       │    unmap, of a table that is left empty
//!    │   └─────► │ pointer │ ──────┼──────────────► ┌─────────────────┐
//!    │           └─────────┘ ◄─────┼─────────────── │ retired pointer │
//!    │                             │ map_exclusive  └─────────────────┘
//!    └─────────────────────────────┴────────────────────────┘
//!                             retire or settle, after the flush
//! ```
//!
//! | borrow | from | to | by |
//! |---|---|---|---|
//! | `&self` | empty | leaf, hidden | `map`, [`install`](crate::backend::Paging::install): with a compare-and-swap, so the first CPU wins |
//! | `&self` | empty | pointer | `map`, `install`: the table is filled first, and published with one store |
//! | `&self` | leaf | used leaf | [`touch`](crate::backend::Paging::touch), or the MMU |
//! | `&self` | leaf, hidden | leaf that allows more | [`permit`](crate::backend::Paging::permit), for the frame of before |
//! | `&self` | leaf, hidden | leaf of another frame | [`exchange`](crate::backend::Paging::exchange): a valid leaf, or a hidden one while a flush is owed, goes through a retired word and its flush |
//! | `&self` | retired, retired pointer | empty | `settle`, after the flush: with a compare-and-swap, so one CPU gives the frame back |
//! | `&mut self` | leaf, hidden | hidden, leaf | `protect` |
//! | `&mut self` | leaf, hidden | empty | `unmap`, if nothing waits for the flush; `shift`, of a page with a frame of the page table's own |
//! | `&mut self` | leaf, hidden | retired | `unmap`, if its frame is the page table's own; `unmap` and `shift`, if the format breaks before it makes |
//! | `&mut self` | leaf, hidden | pointer | any edit that wants a part of a large leaf |
//! | `&mut self` | pointer | retired pointer | any edit that leaves its table empty |
//! | `&mut self` | retired pointer | pointer | `map_exclusive`, `shift`: the table is emptied, filled and put back |
//! | `&mut self` | retired, retired pointer | empty | `retire`, after the flush; then the frame goes back |
//!
//! A retired word is invalid to the MMU, and keeps the address that a TLB may still have. It is *busy* to all `&self`
//! methods: [`Entry::Busy`](crate::backend::Entry::Busy). So is the leaf that an exchange has *broken*; a bit tells it
//! from one that waits, and only the CPU that exchanges it ends that. Under `&self` no table is taken out of use, so a
//! CPU may follow every pointer that it reads: `settle` gives back those alone that were retired under `&mut self`.
//!
//! # One munmap, from top to bottom
//!
//! ```text
//! VirtualMemoryManager::unmap                               manager/unmap.rs
//! ├─ reserve: no later step can fail                        backend.rs
//! │  ├─ cost: tables for leaves that the borders cut        reservation/cost.rs, cut_cost.rs
//! │  └─ set_aside: that many frames, or none                reservation/stack.rs
//! ├─ unmap                                                  backend.rs
//! │  └─ change: the page table owes all that follows        retire/change.rs
//! │     └─ unmap_area                                       edit/unmap.rs
//! │        ├─ pages_of, or down from the root by slots      walk/find.rs, walk/slot.rs
//! │        ├─ split_part: a leaf that a border cuts         edit/split.rs
//! │        ├─ take_out: a table with nothing left in it     retire/take_out.rs
//! │        └─ tell: ranges for the flush, areas that wait   retire/changed.rs
//! ├─ unreserve: frames that were not needed                 reservation/stack.rs
//! └─ retire                                                 backend.rs
//!    └─ settle_told, flush_and_reap                         retire/settle.rs
//!       ├─ flush: one call to the platform, and a wait      hooks.rs
//!       └─ reap: retired words emptied, frames given back   retire/reap.rs
//! ```
//!
//! A deferred one ends before `retire`; `settle` comes in by `retire/settle_shared.rs`.
//!
//! The page table itself is in `memory.rs`, its constructors in `new.rs`. Methods that rest on promises of this folder
//! are seen in this folder alone.
//!
//! # What is not flushed
//!
//! A verb that has changed a valid entry flushes it, whatever the change was: more permissions, too. These changes are
//! not flushed, each for a reason that the RISC-V manual gives (Privileged Architecture, 'Supervisor Memory-Management
//! Fence Instruction', where no other section is named):
//!
//! | change | why it needs no flush |
//! |---|---|
//! | a leaf where the entry was empty or hidden | a CPU may have cached the invalid entry, and faults at worst; then it is soon enough to fence. [`Tlb::made_valid`](crate::Tlb::made_valid) is told, for who would rather fence at once; with Svvptc nobody need ('Svvptc') |
//! | a table where the entry was empty | a CPU may have cached an entry that is no leaf, and faults at worst. Only a fence without an address covers that, so `made_valid` is told of tables |
//! | a table of smaller leaves for a large one (where [`Format::BREAK_BEFORE_MAKE`] is not set, as on RISC-V) | until the verb's own flush, either may be used, and both have equal translations; that flush names pages of the large leaf, and so covers it |
//! | an accessed or dirty bit set by [`touch`](crate::backend::Paging::touch) | a CPU that has cached the leaf without it faults once more ('Virtual Address Translation Process'); `made_valid` is told |
//! | a leaf in the place of one that its own verb has taken out (where `BREAK_BEFORE_MAKE` is not set) | the verb's flush is yet to come, and covers both; until then either may be used |
//! | marks in pointers, of owned leaves below, and accessed and dirty bits that are carried over to leaves just made | the MMU ignores the first; who has cached a leaf without the second sets them again ('Virtual Address Translation Process') |
//! | permissions that are as before | no entry has changed |
//! | a hidden leaf that is unmapped, moved or given other permissions that hide it | it is not valid. What it was before is flushed for the verb that hid it, or is owed until that is settled. Owed, it is flushed once more before a table takes its place, where [`Format::BREAK_BEFORE_MAKE`] is set |
//! | words that wait for a flush, when their frames are given back | they were made invalid before that flush |
//! | a page table that is dropped empty, with nothing to retire | its leaves were flushed when they went |
//!
//! # When a hook panics
//!
//! The platform's hooks ([`Tlb`](crate::Tlb), [`FrameAllocator`](crate::FrameAllocator)) and the sink of
//! [`harvest`](Radix::harvest) are somebody else's code, and a panic of theirs unwinds through a verb. The page table
//! is sound then, and can be used: each frame has one owner, and the invariants hold. The next
//! [`retire`](crate::backend::PageTableBackend::retire) or [`edit`](crate::backend::PageTableBackend::edit), or the
//! drop, flushes everything under every ASID before it gives any of it back, or maps anything. It costs O(tables).
//!
//! A verb that is left so may be half done: entries are missing at worst, and those that are there are right. Whether
//! the MMU has used physical memory may be lost. These frames leak, and no others:
//!
//! | verb | what leaks |
//! |---|---|
//! | all | the frame that the hook was asked for or given, if it had not done that yet; frames set aside in the verb itself, as those of [`edit`](crate::backend::PageTableBackend::edit) are; tables that were being filled, with those below |
//! | [`install`](crate::backend::Paging::install) | the frame that it was given, unless its entry was written |
//! | [`exchange`](crate::backend::Paging::exchange) | the frame that it was given, unless its entry was written; else the old one, if it was the page table's own. Where [`Format::BREAK_BEFORE_MAKE`] is set, a flush that panics leaves the page as it was |
//! | `shift` | the frame of one page of the page table's own, which was on its way |
//! | [`share_into`](crate::backend::Paging::share_into) | one reference, on its way; a table of the child may be empty |
//! | `unreserve` | frames that it had not given back yet |
//! | `retire`, and `edit`, which retires in one call | the tables and frames below one retired pointer |
//! | drop | all frames that were not given back yet |
//!
//! Where [`Format::BREAK_BEFORE_MAKE`] is set, a large leaf that was to be split may be gone. Entries that were made
//! valid may be there although [`Tlb::made_valid`](crate::Tlb::made_valid) was not told of them. A second panic, while
//! a page table is dropped because of the first, aborts, as in any drop.

mod audit;
mod backend;
#[cfg(test)]
#[cfg(feature = "alloc")]
mod breaking;
#[cfg(all(test, feature = "alloc", not(loom)))]
pub(crate) mod digest;
mod display;
mod edit;
mod entry;
mod frames;
mod hooks;
#[cfg(all(test, loom))]
#[cfg(feature = "alloc")]
mod interleavings;
mod memory;
mod new;
mod paging;
mod reservation;
mod retire;
mod view;
mod walk;

pub use edit::harvest::Usage;
pub(super) use entry::by_permissions::{ByPermissions, by_permissions};
pub use entry::features::{AccessedDirty, Features};
pub use entry::format::Format;
pub(super) use entry::format::check_code_is_readable;
pub(super) use entry::format::sealed::Sealed;
pub use memory::Radix;
pub use reservation::reserved::Reserved;
pub use view::View;
pub(crate) use walk::table::span;
