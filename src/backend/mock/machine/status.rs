//! The mode of a CPU, and the bits of `sstatus` that count.

/// The mode that a CPU runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Privilege {
    /// U.
    User,
    /// S; where a CPU starts.
    #[default]
    Supervisor,
}

/// What decides, beside the entry, whether an access is allowed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Status {
    pub(super) privilege: Privilege,
    /// S may load and store where U may.
    pub(super) sum: bool,
    /// What is executable is readable.
    pub(super) mxr: bool,
}
