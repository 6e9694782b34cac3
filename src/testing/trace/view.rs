//! What is said of a page: `rwx`, and whether it is shared.

use core::fmt;

use crate::map::MapRef;
use crate::permissions::Permissions;

/// Permissions and sharing of a page or a region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct View {
    pub(super) permissions: Permissions,
    pub(super) is_shared: bool,
}

/// The letters, in their order.
pub(super) const LETTERS: [(Permissions, char); 3] = [
    (Permissions::READ, 'r'),
    (Permissions::WRITE, 'w'),
    (Permissions::EXECUTE, 'x'),
];

/// `-w-` as `rw-` and `-wx` as `rwx`: RISC-V cannot say the former, and Linux on RISC-V maps the latter instead.
pub(super) fn widened(permissions: Permissions) -> Permissions {
    if permissions.contains(Permissions::WRITE) {
        permissions | Permissions::READ
    } else {
        permissions
    }
}

impl View {
    /// What the manager says of a map. All maps here are user mode's.
    pub(super) fn of(map: MapRef<'_>) -> Self {
        Self {
            permissions: map.permissions() - Permissions::USER,
            is_shared: map.is_shared(),
        }
    }

    /// The same, as RISC-V can say it.
    pub(super) fn widened(self) -> Self {
        Self {
            permissions: widened(self.permissions),
            ..self
        }
    }
}

impl fmt::Display for View {
    /// As in `/proc/PID/maps`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bit, letter) in LETTERS {
            let letter = if self.permissions.contains(bit) {
                letter
            } else {
                '-'
            };
            write!(f, "{letter}")?;
        }
        f.write_str(if self.is_shared { "s" } else { "p" })
    }
}
