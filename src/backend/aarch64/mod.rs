//! AArch64: descriptors for a granule of 4 KiB, and the `TTBR` registers.
//!
//! [`Aarch64`] has four levels of tables and halves of 48 bits, [`Aarch64Va39`] three and 39 bits, as TCR_EL1's T0SZ
//! and T1SZ say (16 or 25). Each half has a root of its own: a page table is of the lower half (`TTBR0_EL1`), or the
//! [kernel's](crate::backend::radix::Radix::kernel) (`TTBR1_EL1`).
//!
//! # What the kernel sets up
//!
//! | | why |
//! |---|---|
//! | MAIR_EL1: 0 is Normal write-back (0xff), 1 and 3 Normal non-cacheable (0x44), 2 Device-nGnRE (0x04) | leaves say these numbers; 3 is for write-combining |
//! | TCR_EL1: TG0, TG1 of 4 KiB; SH inner, walks write-back; IPS as wide as the CPU's addresses | tables are read as they are written |
//! | TCR_EL1.HA and HD = 1, where accessed and dirty bits are `Hardware`; else 0 | see below |
//! | [`Features::physical_bits`](crate::backend::radix::Features) as ID_AA64MMFR0_EL1.PARange says | address bits above must be 0 |
//! | SCTLR_EL1.WXN = 0 | else what may be written cannot be executed |
//! | SCTLR_EL1.SPAN = 0, PSTATE.PAN = 1 | the kernel does not touch user pages by accident; without PAN it may |
//!
//! Every edit of a live descriptor breaks it, flushes, and only then makes another: `TLBI` with `DSB ISH` and `ISB`, in
//! the platform's [`flush`](crate::Tlb::flush). [`made_valid`](crate::Tlb::made_valid) wants `DSB ISHST` and `ISB`: a
//! walk may else read a descriptor of before. [`fence`](crate::Tlb::fence) is a `TLBI VAE1` of this CPU: a descriptor
//! that forbade an access may be cached, and one that is not valid is not.
//!
//! A large leaf that is split is broken meanwhile: its addresses lead nowhere until the flush has returned, and that is
//! one flush beside the verb's own. So the kernel's code, its stacks, and the bytes that
//! [`reach`](crate::FrameAllocator::reach) answers must not lie in a large leaf that a verb may split.
//!
//! # Permissions
//!
//! | asked for | a descriptor says | |
//! |---|---|---|
//! | READ, with WRITE or not | DBM is set, or clear; AP\[2\] follows it | as asked |
//! | EXECUTE with READ, with USER | PXN; not UXN | user mode alone executes it |
//! | EXECUTE with READ, without USER | UXN; not PXN | the kernel alone executes it |
//! | EXECUTE without READ | nothing can, for the kernel, too | refused: [`MapError::WidensPermissions`] |
//! | none | a word that is not valid | hidden: the data stays |
//! | USER beside them | AP\[1\] | the kernel reads and writes as user mode does, unless PAN is set |
//!
//! # Accessed flag and dirty state
//!
//! | [policy](crate::backend::radix::AccessedDirty) | a leaf that may be written, new | first use | first write |
//! |---|---|---|---|
//! | `Preset` | AF, DBM, AP\[2\] clear | nothing happens | nothing happens |
//! | `Hardware` (FEAT_HAFDBS: HA and HD) | DBM, AP\[2\] set | the MMU sets AF | the MMU clears AP\[2\] |
//! | `Software` | DBM, AP\[2\] set | access flag fault: [`touch`](crate::backend::Paging::touch) sets AF | permission fault: `touch` clears AP\[2\] |
//!
//! So the bit that tells of a write is one of the permissions, inverted. When WRITE is taken from a leaf that was
//! written, a bit of software's remembers it. A CPU without FEAT_HAFDBS ignores DBM.
//!
//! # What is not there
//!
//! Granules of 16 and 64 KiB, contiguous hints, and 52-bit addresses.
//!
//! [`MapError::WidensPermissions`]: crate::MapError::WidensPermissions

#[cfg(any(target_arch = "aarch64", doc))]
mod instructions;
mod ttbr;
mod word;

use crate::backend::radix::Radix;

#[cfg(any(target_arch = "aarch64", doc))]
pub use instructions::{
    Cpus, Invalidate, activate, activate_kernel, current, dsb_ish, dsb_ishst, isb, tlbi,
};
pub use ttbr::Ttbr;
pub use word::Aarch64Format;

/// An AArch64 page table with four levels, of one half of 48 bits, in frames of platform `P`: leaves of 4 KiB, 2 MiB
/// and 1 GiB.
///
/// Its root goes into a `TTBR`: see [`ttbr`](Radix::ttbr).
pub type Aarch64<P> = Radix<Aarch64Format<4>, P>;

/// An AArch64 page table with three levels, of one half of 39 bits, in frames of platform `P`: leaves of 4 KiB, 2 MiB
/// and 1 GiB.
pub type Aarch64Va39<P> = Radix<Aarch64Format<3>, P>;
