//! Why an access stops on the way down the tables.

/// The reason for which tables stop an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Reason {
    /// An entry is not present.
    #[default]
    NotPresent,
    /// A reserved bit is set in an entry that is present.
    Reserved,
    /// The entries do not allow the access.
    Protection,
    /// The address is not canonical: the tables are not looked at.
    NotCanonical,
}
