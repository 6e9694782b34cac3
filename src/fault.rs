//! What a page fault asks for: a decision about a map, an entry and an access. It touches no page table.

use core::fmt;

use crate::area::MemoryArea;
use crate::backend::run::{Entry, Run};
use crate::error::MapError;
use crate::frame::ShareError;
use crate::map::{Backing, MapRef};
use crate::permissions::{Access, Permissions};

/// Who has made an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Privilege {
    /// A program, in user mode: it reaches what maps allow to [`USER`](Permissions::USER).
    User,
    /// The kernel, for itself or for a program.
    Kernel,
}

/// How a fault was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Done {
    /// Physical memory, or a page that the kernel has supplied, was mapped, or may be accessed in more ways now.
    Mapped,
    /// A page of zeroes was mapped.
    Zeroed,
    /// The page was somebody else's, too, and has been copied.
    Copied,
    /// The page was nobody else's any more, and may be written now.
    Reused,
    /// A page of shared memory may be written now: it is dirty from here on.
    Dirtied,
}

/// Why an access is refused: a program would be sent a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultError {
    /// No map is there.
    NotMapped {
        /// The hole that the address lies in.
        hole: MemoryArea,
    },
    /// The map does not allow it.
    Denied {
        /// The access that was made.
        access: Access,
        /// The permissions that the map has.
        permissions: Permissions,
        /// Who has made it.
        privilege: Privilege,
    },
    /// The frame allocator has no frame left: the access may succeed later.
    OutOfFrames {
        /// How many frames were asked for, in all.
        needed: usize,
    },
    /// The page's frame cannot be counted once more.
    Share(ShareError),
    /// The page table refuses, for another reason.
    Map(MapError),
}

impl From<MapError> for FaultError {
    fn from(error: MapError) -> Self {
        match error {
            MapError::OutOfFrames { needed } => Self::OutOfFrames { needed },
            error => Self::Map(error),
        }
    }
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotMapped { hole } => write!(f, "nothing is mapped in {hole}"),
            Self::Denied {
                access,
                permissions,
                privilege,
            } => {
                write!(
                    f,
                    "{access:?} by {privilege:?} where the map allows {permissions}"
                )
            }
            Self::OutOfFrames { needed } => MapError::OutOfFrames { needed }.fmt(f),
            Self::Share(error) => error.fmt(f),
            Self::Map(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for FaultError {}

/// What is to be done about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Map physical memory.
    Map,
    /// Map a page of zeroes.
    Zero,
    /// Ask the kernel for the page.
    Ask,
    /// Let the leaf have these permissions, which are more: this is done then.
    Permit(Run, Permissions, Done),
    /// Let the leaf be written: reuse its frame if that is nobody else's, copy it otherwise.
    Own(Run),
    /// Nothing: the entry allows it already, or another CPU is at it.
    Look,
}

/// Whether a map with these permissions lets `access` happen in this mode.
///
/// The kernel reaches user memory as far as the CPU lets it, but executes none: no CPU allows that.
pub(crate) const fn is_allowed(
    permissions: Permissions,
    access: Access,
    privilege: Privilege,
) -> bool {
    let is_user = permissions.contains(Permissions::USER);
    let may_reach = match privilege {
        Privilege::User => is_user,
        Privilege::Kernel => !(is_user && matches!(access, Access::Execute)),
    };
    may_reach && permissions.allow(access)
}

/// What an access that `map` allows, and that has faulted nevertheless, asks for, when `entry` is there.
pub(crate) fn decide<T>(map: MapRef<'_, T>, entry: Entry, access: Access) -> Step {
    let run = match entry {
        Entry::Busy => return Step::Look,
        Entry::Empty => {
            return match map.backing() {
                Backing::Physical => Step::Map,
                Backing::Anonymous => Step::Zero,
                Backing::Provided => Step::Ask,
            };
        }
        Entry::Leaf(run) | Entry::Hidden(run) => run,
    };
    let has = run.attributes.permissions;
    if has.allow(access) {
        return Step::Look;
    }
    let wanted = map.permissions();
    // Physical memory is where the kernel has said: it is written there, whoever else has it.
    if map.backing() == Backing::Physical {
        return Step::Permit(run, wanted, Done::Mapped);
    }
    match access {
        Access::Write if map.is_shared() => Step::Permit(run, wanted, Done::Dirtied),
        Access::Write => Step::Own(run),
        // A leaf that lacks WRITE gets that by a write: its frame may be somebody else's, and pages that are written are
        // told from those that never are.
        Access::Read | Access::Execute => {
            let lacks = Permissions::WRITE - has;
            Step::Permit(run, wanted - lacks, Done::Mapped)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Done, Step, decide};
    use crate::addr::{PhysAddr, VirtAddr};
    use crate::area::MemoryArea;
    use crate::attributes::Attributes;
    use crate::backend::{Entry, Run};
    use crate::map::{Backing, VirtualMemoryMap};
    use crate::permissions::{Access, Permissions};

    const WRITE: Permissions = Permissions::WRITE;
    const ACCESSES: [Access; 3] = [Access::Read, Access::Write, Access::Execute];

    fn map(backing: Backing, permissions: Permissions, is_shared: bool) -> VirtualMemoryMap {
        let area = MemoryArea::block(VirtAddr::new(0x1000), 0x1000);
        let memory = MemoryArea::from_start_size(PhysAddr::new(0x5000), 0x1000).unwrap();
        let map = match backing {
            Backing::Physical => VirtualMemoryMap::new(area, memory, permissions, is_shared),
            Backing::Anonymous => VirtualMemoryMap::anonymous(area, permissions),
            Backing::Provided => VirtualMemoryMap::provided(area, 0, permissions, is_shared),
        };
        map.unwrap()
    }

    fn all_permissions() -> impl Iterator<Item = Permissions> {
        let all = (0..=Permissions::all().bits()).filter_map(Permissions::from_bits);
        all.filter(|&permissions| permissions & (Permissions::READ | WRITE) != WRITE)
    }

    /// What is to be done, said without a thought for how little it can be asked.
    fn expected(
        map: &VirtualMemoryMap,
        has: Permissions,
        access: Access,
        lets: impl FnOnce(Permissions, Done) -> Step,
        own: Step,
    ) -> Step {
        let is_write = access == Access::Write;
        let is_owned = map.backing() != Backing::Physical;
        match (has.allow(access), is_owned, is_write) {
            (true, ..) => Step::Look,
            (false, true, true) if !map.is_shared() => own,
            (false, true, true) => lets(map.permissions(), Done::Dirtied),
            // Its frame may be somebody else's, or its first write be waited for.
            (false, true, false) if !has.contains(WRITE) => {
                lets(map.permissions() - WRITE, Done::Mapped)
            }
            (false, ..) => lets(map.permissions(), Done::Mapped),
        }
    }

    /// Leaves with any permissions, under maps of any kind: also those that no verb leaves there.
    #[test]
    fn a_leaf_is_let_no_more_than_its_map_and_its_owner_allow() {
        let backings = [Backing::Physical, Backing::Anonymous, Backing::Provided];
        let maps = backings.into_iter().flat_map(|backing| {
            let maps =
                move |is_shared| all_permissions().map(move |all| map(backing, all, is_shared));
            [false, true].into_iter().flat_map(maps)
        });
        for map in maps {
            for (has, access) in
                all_permissions().flat_map(|has| ACCESSES.map(|access| (has, access)))
            {
                if !map.permissions().allow(access) {
                    continue;
                }
                let run = Run {
                    area: map.vmarea(),
                    first: PhysAddr::new(0x5000),
                    attributes: Attributes::from(has),
                };
                let entry = if has.allow_any() {
                    Entry::Leaf(run)
                } else {
                    Entry::Hidden(run)
                };
                let lets = |permissions, done| Step::Permit(run, permissions, done);
                let expected = expected(&map, has, access, lets, Step::Own(run));
                assert_eq!(
                    decide(map.view(), entry, access),
                    expected,
                    "{map:?}, {has:?}, {access:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_there_comes_as_its_map_says() {
        for (backing, step) in [
            (Backing::Physical, Step::Map),
            (Backing::Anonymous, Step::Zero),
            (Backing::Provided, Step::Ask),
        ] {
            let map = map(backing, Permissions::READ, false);
            let view = map.view();
            assert_eq!(decide(view, Entry::Empty, Access::Read), step);
            assert_eq!(decide(view, Entry::Busy, Access::Read), Step::Look);
        }
    }
}
