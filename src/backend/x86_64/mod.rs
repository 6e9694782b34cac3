//! x86-64: entries, the `CR3` register and its invalidations.
//!
//! [`X86_64`] has four levels of tables and addresses of 48 bits, [`X86_64La57`] five and 57 bits. Which of them a CPU
//! walks is CR4.LA57's to say, set before long mode is entered.
//!
//! Fields and rules are those of Intel's Software Developer's Manual, volume 3: '4-Level Paging and 5-Level Paging',
//! 'Access Rights', 'Accessed and Dirty Flags', 'Paging and Memory Typing' and 'Caching Translation Information'. AMD's
//! volume 2 has them in 'Long-Mode Page Translation', 'Page-Protection Checks' and 'Translation-Lookaside Buffer'.
//!
//! # What the kernel sets up
//!
//! | | why |
//! |---|---|
//! | EFER.NXE = 1 | entries say what cannot be executed by bit 63, which is reserved else |
//! | CR0.WP = 1 | the kernel itself faults where an entry may not be written, as copy-on-write wants |
//! | CR4.PGE = 1 | leaves of the kernel half are global |
//! | CR4.SMEP, SMAP | the kernel neither executes nor touches user pages by accident; without them it may |
//! | CR4.PKE, CET = 0 | protection keys and shadow stacks are not spoken of: a read-only leaf may have D set |
//! | the page attribute table as it is after a reset | 0 is write-back, 2 uncached unless an MTRR says otherwise, 3 uncached |
//! | its entry 1 write-combining (IA32_PAT), where [`Features::memory_types`] is set | after a reset it is write-through |
//! | [`Features::physical_bits`] as CPUID.80000008H:EAX says | address bits above are reserved |
//! | [`Features::gib_leaves`] as CPUID.80000001H:EDX\[26\] says | elsewhere PS is reserved in such entries |
//! | CR4.PCIDE = 1, for ASIDs (CPUID.01H:ECX\[17\]) | to be set while CR3 has PCID 0, in long mode |
//!
//!
//! # What the hooks do
//!
//! | hook | instructions |
//! |---|---|
//! | [`flush`](crate::Tlb::flush) | `invlpg` of each page, where the CPU is in the space or the order is global; [`invpcid`] of another PCID. Pointers of the PCID go with either. Of many pages: `invpcid`, or `CR3` written; of global ones, or where tables of all spaces went: `invpcid` of everything, or [`toggle_global`] |
//! | [`made_valid`](crate::Tlb::made_valid) | nothing: that nothing is there is not cached |
//! | [`fence`](crate::Tlb::fence) | nothing: the fault has invalidated what it came of |
//! | [`made_code`](crate::Tlb::made_code) | nothing; other CPUs come to the code by an instruction that serializes |
//!
//! # Permissions
//!
//! | asked for | an entry says | |
//! |---|---|---|
//! | READ, with WRITE or EXECUTE or both | P, with RW, without XD | as asked |
//! | EXECUTE without READ | nothing can | refused: [`MapError::WidensPermissions`] |
//! | none | a word that is not present | hidden: the data stays |
//! | USER beside them | US | the kernel reaches such pages, too, unless SMAP and SMEP are set |
//!
//! # Memory types
//!
//! [`Normal`](crate::MemoryType::Normal) is write-back, [`NonCacheable`](crate::MemoryType::NonCacheable) is UC- and
//! [`Device`](crate::MemoryType::Device) is UC (SDM, 'Page Attribute Table'), whatever [`Features::memory_types`] says.
//! [`WriteCombining`](crate::MemoryType::WriteCombining) is WC, and refused unless that is set.
//!
//! # Accessed and dirty bits
//!
//! [`AccessedDirty::Preset`](crate::backend::radix::AccessedDirty) and `Hardware` are what a CPU does. It cannot leave
//! them to software: that policy is taken for `Hardware`.
//!
//! # What is not there
//!
//! Protection keys and shadow stacks.
//!
//! On Intel CPUs that have the L1 terminal fault, hidden and retired words keep the address of their frame, and are not
//! present. User programs could read it speculatively while it is in the L1 cache. Such a kernel flushes that cache on
//! its way to user mode, keeps a core's threads to one space, and gives hidden memory back.
//!
//! On CPUs that have Meltdown, both halves below one root let programs read the kernel's. A kernel of two roots a space
//! makes the second by itself. On those whose instruction TLB must not hit a page in two sizes, code of the kernel does
//! not lie in a large leaf that a verb splits.
//!
//! [`MapError::WidensPermissions`]: crate::MapError::WidensPermissions
//! [`Features::memory_types`]: crate::backend::radix::Features::memory_types
//! [`Features::physical_bits`]: crate::backend::radix::Features::physical_bits
//! [`Features::gib_leaves`]: crate::backend::radix::Features::gib_leaves

mod cr3;
#[cfg(any(target_arch = "x86_64", doc))]
mod instructions;
mod word;

use crate::backend::radix::Radix;

pub use cr3::Cr3;
#[cfg(any(target_arch = "x86_64", doc))]
pub use instructions::{Invalidate, activate, current, invlpg, invpcid, toggle_global};
pub use word::X86_64Format;

/// An x86-64 page table with four levels in frames of platform `P`: leaves of 4 KiB, 2 MiB and, where the
/// CPU has them, 1 GiB.
///
/// Its root goes into `CR3`: see [`cr3`](Radix::cr3).
pub type X86_64<P> = Radix<X86_64Format<4>, P>;

/// An x86-64 page table with five levels (LA57) in frames of platform `P`: leaves of 4 KiB, 2 MiB and,
/// where the CPU has them, 1 GiB.
pub type X86_64La57<P> = Radix<X86_64Format<5>, P>;
