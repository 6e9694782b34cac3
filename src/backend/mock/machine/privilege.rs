//! The mode of a CPU: a user program's, or the kernel's.

/// The mode that a CPU runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Privilege {
    /// U-mode of RISC-V, or CPL 3 of x86-64: user programs.
    User,
    /// S-mode of RISC-V, or CPL 0 of x86-64: the kernel. A CPU starts here.
    #[default]
    Supervisor,
}
