//! The bits of permissions, looked up: for formats whose bits are not those of [`Permissions`] in another place.

use crate::permissions::Permissions;

/// How many sets of permissions there are.
const SETS: usize = Permissions::all().bits() as usize + 1;

/// The bits that a format makes of each set of permissions.
pub(in crate::backend) struct ByPermissions([u64; SETS]);

impl ByPermissions {
    /// The bits that were [made](by_permissions) of `permissions`. One load.
    #[inline]
    pub(in crate::backend) fn of(&self, permissions: Permissions) -> u64 {
        let set = usize::from(permissions.bits()) % SETS;
        self.0.get(set).copied().unwrap_or_default()
    }

    pub(in crate::backend) const fn new(bits: [u64; SETS]) -> Self {
        Self(bits)
    }
}

/// The bits that the constant function `$bits_of` makes of each set of permissions. A macro, as constants cannot be
/// made of a function that is passed to another.
macro_rules! by_permissions {
    ($bits_of:path) => {{
        let mut bits = [0; 16];
        let mut set = 0;
        while set < 16 {
            #[expect(clippy::indexing_slicing, reason = "when it is compiled")]
            {
                bits[set as usize] = $bits_of($crate::Permissions::from_bits_retain(set));
            }
            set += 1;
        }
        $crate::backend::radix::ByPermissions::new(bits)
    }};
}
pub(in crate::backend) use by_permissions;
