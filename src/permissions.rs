//! Permissions of pages, and the accesses that they allow.

use core::fmt;

bitflags::bitflags! {
    /// The accesses that the bytes of a map allow, and whether they allow them to user mode.
    ///
    /// No bit at all is a permission set, too: such a map keeps its place, and its pages are invalid to the MMU.
    ///
    /// ```
    /// use kernel_vm::Permissions;
    ///
    /// let code = Permissions::READ | Permissions::EXECUTE | Permissions::USER;
    /// assert_eq!(code.to_string(), "r-xu");
    /// assert!(!code.contains(Permissions::WRITE));
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub struct Permissions: u8 {
        /// Loads are allowed.
        const READ = 1;
        /// Stores are allowed. Needs [`READ`](Self::READ).
        ///
        /// The encoding without it is reserved on RISC-V (Privileged, 'Addressing and Memory Protection'), and x86 and
        /// Arm cannot forbid reads alone: so every backend refuses it.
        const WRITE = 2;
        /// Instruction fetches are allowed.
        const EXECUTE = 4;
        /// User mode is allowed the accesses, too. Without it they are the kernel's alone.
        const USER = 8;
    }
}

/// One use of memory by a CPU.
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
    /// Whether the permissions let `access` happen, in one mode at least. O(1).
    ///
    /// ```
    /// # use kernel_vm::{Access, Permissions};
    /// assert!(Permissions::READ.allow(Access::Read));
    /// assert!(!Permissions::READ.allow(Access::Write));
    /// ```
    #[must_use]
    pub const fn allow(self, access: Access) -> bool {
        self.contains(match access {
            Access::Read => Self::READ,
            Access::Write => Self::WRITE,
            Access::Execute => Self::EXECUTE,
        })
    }

    /// Whether the permissions let any access at all happen: [`USER`](Self::USER) alone allows nothing. O(1).
    ///
    /// ```
    /// # use kernel_vm::Permissions;
    /// assert!(Permissions::EXECUTE.allow_any());
    /// assert!(!Permissions::USER.allow_any());
    /// ```
    #[must_use]
    pub const fn allow_any(self) -> bool {
        self.intersects(Self::READ.union(Self::WRITE).union(Self::EXECUTE))
    }
}

impl fmt::Display for Permissions {
    /// Prints `rwxu`, with `-` for each that is absent.
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
