//! AArch64: descriptors for a granule of 4 KiB, and the `TTBR` registers.
//!
//! [`Aarch64`] has four levels of tables and halves of 48 bits, [`Aarch64Va39`] three and 39 bits, as TCR_EL1's T0SZ
//! and T1SZ say (16 or 25). Each half has a root of its own: a page table is of the lower half (`TTBR0_EL1`), or the
//! [kernel's](crate::backend::radix::Radix::kernel) (`TTBR1_EL1`).
//!
//! Fields and rules are those of the Arm Architecture Reference Manual for A-profile: 'VMSAv8-64 translation table
//! format descriptors', 'Memory access control', 'Hardware management of the Access flag and dirty state', 'Memory
//! region attributes' and 'TLB maintenance requirements'.
//!
//! # What the kernel sets up
//!
//! | | why |
//! |---|---|
//! | MAIR_EL1: 0 is Normal write-back (0xff), 1 and 3 Normal non-cacheable (0x44), 2 Device-nGnRE (0x04) | leaves say these numbers; 3 is for write-combining |
//! | TCR_EL1: TG0, TG1 of 4 KiB; SH inner, walks write-back; IPS as wide as the CPU's addresses | tables are read as they are written |
//! | TCR_EL1.A1, TBI0, TBI1 and DS = 0; AS = 1 where ID_AA64MMFR0_EL1.ASIDBits says 16 | TTBR0_EL1 has the ASID; addresses are whole, and descriptors as here |
//! | TCR_EL1.HA and HD = 1, where accessed and dirty bits are `Hardware`; else 0 | see below |
//! | [`Features::physical_bits`](crate::backend::radix::Features) as ID_AA64MMFR0_EL1.PARange says | address bits above must be 0 |
//! | SCTLR_EL1.EE, TCR_EL1.EPD0 and EPD1 = 0 | tables are little-endian; both halves are walked |
//! | SCTLR_EL1.WXN = 0 | else what may be written cannot be executed |
//! | SCTLR_EL1.SPAN = 0, PSTATE.PAN = 1 | the kernel does not touch user pages by accident; without PAN it may |
//!
//! # What the hooks do
//!
//! | hook | instructions |
//! |---|---|
//! | [`flush`](crate::Tlb::flush) | `DSB ISHST`, behind which the [ASID](crate::AsidSlot::asid) is read; `TLBI` of all CPUs; `DSB ISH`; `ISB` |
//! | [`made_valid`](crate::Tlb::made_valid) | `DSB ISHST`; `ISB`: a walk may else read a descriptor of before. A leaf that allowed less may be cached: `TLBI VAALE1` of this CPU, and `DSB NSH`, save it a fault |
//! | [`fence`](crate::Tlb::fence) | `TLBI VALE1` of this CPU, under the ASID that it runs ([`current`]); `DSB NSH`; `ISB`. One that is not valid is not cached |
//! | [`made_code`](crate::Tlb::made_code) | `DC CVAU` of each line; `DSB ISH`; `IC IALLUIS`; `DSB ISH`; `ISB`. Other CPUs come to the code by an `ISB` or an `ERET` |
//!
//! A flush of few pages takes VALE1IS for each; with [`tables`](crate::Flush::tables) VAE1IS, which goes for pointers,
//! too: the ranges name an address of each table that has gone. One of many pages takes ASIDE1IS. Global orders take
//! VAALE1IS, VAAE1IS and VMALLE1IS.
//!
//! No interrupt is sent, and no mask of CPUs kept. An entry that is valid now may still fault once on another CPU that
//! walked a little too early (unless there is FEAT_ETS2). A kernel that maps memory in its own half for other CPUs lets
//! such a fault be tried again.
//!
//! # Another space, another table
//!
//! Two translations of one address must not meet in a CPU. So where [`Activation::flush`](crate::Activation) is set,
//! the order is Arm's own: [`activate`] a root in which nothing is, under ASID 0; `TLBI VMALLE1`, `DSB NSH`, `ISB`; and
//! only then `activate` the space.
//!
//! Likewise the kernel's table takes the place of a boot table whose leaves have another address, size, memory type or
//! scope for an address that both map. Code that runs in the lower half lets `TTBR1_EL1` be a root in which nothing is,
//! with the same three instructions, and then the kernel's.
//!
//! # Break before make
//!
//! A live descriptor is broken, and flushed, before another address, size, memory type or scope takes its place ('Using
//! break-before-make when updating translation table entries'). Permissions, the access flag and dirty state change in
//! place, as they may.
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
//! | EXECUTE without READ | the kernel could still read it | refused: [`MapError::WidensPermissions`] |
//! | none | a word that is not valid | hidden: the data stays |
//! | USER beside them | AP\[1\] | the kernel reads and writes as user mode does, unless PAN is set |
//!
//! # Accessed flag and dirty state
//!
//! | [policy](crate::backend::radix::AccessedDirty) | a leaf that may be written, new | first use | first write |
//! |---|---|---|---|
//! | `Preset` | AF, DBM, AP\[2\] clear | nothing happens | nothing happens |
//! | `Hardware` (FEAT_HAFDBS: HA and HD) | DBM, AP\[2\] set | the MMU sets AF | the MMU clears AP\[2\] |
//! | `Software` (HA and HD are 0) | DBM, AP\[2\] set | access flag fault: [`touch`](crate::backend::Paging::touch) sets AF | permission fault: `touch` clears AP\[2\] |
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
    Cpus, Invalidate, activate, activate_kernel, current, current_kernel, dsb_ish, dsb_ishst,
    dsb_nsh, isb, tlbi,
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
