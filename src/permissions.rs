//! What may be done with a page.

use core::fmt;

bitflags::bitflags! {
    /// What may be done with the bytes of a map, and whether user mode may do it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub struct Permissions: u8 {
        /// Loads.
        const READ = 1;
        /// Stores. Needs [`READ`](Self::READ): the encoding without it is reserved on RISC-V, and x86 and Arm cannot
        /// forbid reads alone, so every backend refuses it.
        const WRITE = 2;
        /// Instruction fetches.
        const EXECUTE = 4;
        /// User mode, too.
        const USER = 8;
    }
}

/// One use of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
}

impl Permissions {
    /// Whether they let `access` happen (in some mode).
    #[must_use]
    pub const fn allow(self, access: Access) -> bool {
        self.contains(match access {
            Access::Read => Self::READ,
            Access::Write => Self::WRITE,
            Access::Execute => Self::EXECUTE,
        })
    }

    /// Whether any access at all may happen: [`USER`](Self::USER) alone allows nothing.
    #[must_use]
    pub const fn allow_any(self) -> bool {
        self.intersects(Self::READ.union(Self::WRITE).union(Self::EXECUTE))
    }
}

impl fmt::Display for Permissions {
    /// `rwxu`, with `-` for what is absent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [
            (Self::READ, "r"),
            (Self::WRITE, "w"),
            (Self::EXECUTE, "x"),
            (Self::USER, "u"),
        ];
        letters.iter().try_for_each(|&(bit, letter)| {
            f.write_str(if self.contains(bit) { letter } else { "-" })
        })
    }
}
