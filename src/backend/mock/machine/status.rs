//! The mode of a CPU, and the bits of `sstatus` that count.

/// The mode that a CPU runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Privilege {
    /// U: only leaves with U are allowed.
    User,
    /// S: leaves without U are allowed, and with SUM loads and stores to the others. A CPU starts here.
    #[default]
    Supervisor,
}

/// The mode and the bits of `sstatus` that decide, beside the entry, whether an access is allowed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Status {
    pub(super) privilege: Privilege,
    /// SUM: S may load and store where U may.
    pub(super) sum: bool,
    /// MXR: loads are allowed where fetches are.
    pub(super) mxr: bool,
}
