//! The number itself.

use core::fmt;

/// An address-space identifier. How many of its 16 bits count is the machine's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct Asid(u16);

impl Asid {
    /// The identifier `asid`.
    ///
    /// ```
    /// use kernel_vm::Asid;
    ///
    /// assert_eq!(Asid::new(7).get(), 7);
    /// ```
    #[must_use]
    pub const fn new(asid: u16) -> Self {
        Self(asid)
    }

    /// The identifier as a number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Asid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
