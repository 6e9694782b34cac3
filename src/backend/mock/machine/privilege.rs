//! The mode of a CPU: a user program's, or the kernel's.

/// The mode that a CPU runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Privilege {
    /// U-mode of RISC-V, CPL 3 of x86-64, or EL0 of Arm: user programs.
    User,
    /// S-mode of RISC-V, CPL 0 of x86-64, or EL1 of Arm: the kernel. A CPU starts here.
    #[default]
    Supervisor,
}
