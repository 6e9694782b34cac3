//! The formats of tables, and how our machine's CPUs are told to read them.

pub mod aarch64;
pub mod riscv;
mod x86_64;

use std::fmt::Debug;

use kernel_vm::backend::mock::machine::{Architecture, Cpu};
use kernel_vm::backend::radix::{AccessedDirty, Format};

pub use aarch64::{El, Vmsa};
pub use riscv::{Hart, Sv};
pub use x86_64::{Flags, Long};

use crate::random::Random;

/// A format of tables of 512 words.
pub trait Isa: Sized + 'static {
    /// The same format, as the crate writes it.
    type Format: Format;
    /// The machine's CPUs.
    type Cpus: Architecture;
    /// The mode and the flags that decide what an access may do.
    type Mode: Copy + Debug;

    const NAME: &'static str;
    /// The number of levels of tables: level 0 has the pages.
    const LEVELS: usize;
    /// The bit that a walk may set in an entry that it uses, whether or not the access is allowed.
    const ACCESSED: u64;

    /// Who may keep accessed and dirty bits on CPUs of which both authors say the same.
    const POLICIES: [AccessedDirty; 2];

    /// These CPUs, set up as the crate's page tables ask for it.
    fn as_asked_for(cpus: Self::Cpus) -> Self::Cpus;

    /// A CPU goes on with the tables at `root`, in this mode.
    fn enter(cpu: Cpu<'_, Self::Cpus>, root: u64, mode: Self::Mode);

    /// A CPU forgets what it has cached.
    fn forget(cpu: Cpu<'_, Self::Cpus>);

    /// A CPU goes on without translation.
    fn stop(cpu: Cpu<'_, Self::Cpus>);

    /// The mode in which user mode runs, or the kernel, with no flag that forbids more than entries do.
    fn plain(is_user: bool) -> Self::Mode;

    /// A pointer to a table, as the manual has it, at `level`.
    fn pointer(random: &mut Random, to: u64, level: usize) -> u64;

    /// A leaf, as the manual has it, at `level`, wherever it leads.
    fn leaf(random: &mut Random, level: usize) -> u64;

    /// The table that a word leads to, by the loosest reading that there is: reserved bits are not looked at.
    fn next(word: u64, level: usize) -> Option<u64>;

    /// Whether the tables are asked for an address.
    fn is_canonical(vaddr: u64) -> bool {
        extend(vaddr, Self::LEVELS) == vaddr
    }
}

/// The number of bytes that an entry at `level` stands for.
pub const fn span(level: usize) -> u64 {
    1 << (12 + 9 * level)
}

/// The index in a table at `level` of the entry for an address.
pub const fn index(vaddr: u64, level: usize) -> usize {
    (vaddr / span(level)) as usize % 512
}

/// The address with these low bits in a format of so many levels: the highest of them is repeated above.
pub const fn extend(low: u64, levels: usize) -> u64 {
    let unused = 64 - 12 - 9 * levels as u32;
    ((low << unused).cast_signed() >> unused).cast_unsigned()
}
