//! Verbs without memory: all or nothing.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Debug;

use crate::backend::{PageTableBackend, Run};
use crate::error::MapError;
use crate::manager::VirtualMemoryManager;
use crate::map::Payload;
use crate::testing::broken::{Broken, ensure};

/// More allocations than any verb makes: one that fails so often has no end.
const LIMIT: usize = 100_000;

/// Lets the first, the second… allocation of `verb` fail until none does, each time on a new space.
///
/// What has failed must have changed nothing, and be done when it is tried again. Answers how many allocations there
/// were: 0 also where `fail` does nothing, so assert the number.
///
/// `fail` lets the `n`-th allocation of a backend from now on fail, once; 0 takes the order back. `state` answers what
/// else must be as before beside maps and entries: the frames in use, and flushes. O(allocations × (maps + entries)).
///
/// ```
/// use kernel_vm::backend::{mock::HostFrames, sv39::Sv39};
/// use kernel_vm::testing::{self, Duty, Faulty};
/// use kernel_vm::{MemoryArea, Permissions, PhysAddr, VirtAddr};
/// use kernel_vm::{VirtualMemoryManager, VirtualMemoryMap};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let area = MemoryArea::from_start_size(VirtAddr::new(0x20_0000), 0x40_0000)?;
/// let memory = MemoryArea::from_start_size(PhysAddr::new(0x8020_0000), 0x40_0000)?;
/// let map = VirtualMemoryMap::new(area, memory, Permissions::READ, false)?;
/// let hole = MemoryArea::from_start_size(VirtAddr::new(0x30_0000), 0x20_0000)?;
///
/// let allocations = testing::all_or_nothing(
///     || {
///         let platform = Faulty::new(HostFrames::new(16)); // the kernel has its own there
///         let mut space = VirtualMemoryManager::new(Sv39::new(platform)?);
///         space.add_memory_map(map)?;
///         space.populate(area)?; // two leaves of 2 MiB
///         Ok(space)
///     },
///     |table| (table.platform().frames_in_use(), table.platform().calls(Duty::Flush)),
///     |table, n| table.platform().fail_alloc(n),
///     |space| space.unmap(hole),
/// )?;
/// assert_eq!(allocations, 2); // a table for each leaf that is split
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The space could not be made; or a law is broken: the number of the allocation that failed, and what has changed.
pub fn all_or_nothing<B: PageTableBackend, L: Payload, S: PartialEq + Debug>(
    make: impl Fn() -> Result<VirtualMemoryManager<B, L>, MapError>,
    state: impl Fn(&B) -> S,
    fail: impl Fn(&B, usize),
    verb: impl Fn(&mut VirtualMemoryManager<B, L>) -> Result<(), MapError>,
) -> Result<usize, Broken> {
    for n in 1..LIMIT {
        let mut space = make()?;
        let before = Snapshot::of(&space, &state)?;
        fail(space.backend(), n);
        let answer = verb(&mut space);
        fail(space.backend(), 0);
        match answer {
            Ok(()) => {
                space.check_invariants()?;
                return Ok(n - 1);
            }
            Err(error) => honest(error, n)?,
        }
        let after = Snapshot::of(&space, &state)?;
        before.same(&after, n)?;
        let law = "a verb that has failed for want of memory is done when it is tried again";
        verb(&mut space).map_err(|error| Broken::new(law, format!("allocation {n}: {error}")))?;
        space.check_invariants()?;
    }
    let law = "a verb needs no end of frames";
    Err(Broken::new(
        law,
        format!("{LIMIT} allocations, and it fails still"),
    ))
}

/// The error is of memory, and asks for as much as was tried for.
fn honest(error: MapError, n: usize) -> Result<(), Broken> {
    let law = "a verb that fails for want of memory says how many frames it needs";
    let is_honest = matches!(error, MapError::OutOfFrames { needed } if needed >= n);
    ensure(is_honest, law, || {
        format!("allocation {n} failed, and the verb answers: {error}")
    })
}

/// What must be the same after a failure.
struct Snapshot<S> {
    maps: String,
    leaves: Vec<Run>,
    state: S,
}

impl<S: PartialEq + Debug> Snapshot<S> {
    fn of<B: PageTableBackend, L: Payload>(
        space: &VirtualMemoryManager<B, L>,
        state: impl Fn(&B) -> S,
    ) -> Result<Self, Broken> {
        space.check_invariants()?;
        let backend = space.backend();
        let ranges = backend.ranges().iter();
        Ok(Self {
            maps: format!("{space}"),
            leaves: ranges.flat_map(|&range| backend.populated(range)).collect(),
            state: state(backend),
        })
    }

    fn same(&self, after: &Self, n: usize) -> Result<(), Broken> {
        let law = "a verb that fails for want of memory has changed nothing";
        ensure(self.maps == after.maps, law, || {
            format!(
                "allocation {n}: the maps were\n{}and are\n{}",
                self.maps, after.maps
            )
        })?;
        ensure(self.leaves == after.leaves, law, || {
            let mut pairs = self.leaves.iter().zip(&after.leaves);
            let differ = pairs.find(|(before, after)| before != after);
            let (before, after) = (self.leaves.len(), after.leaves.len());
            format!(
                "allocation {n}: {before} leaves before, {after} then; the first that differ: {differ:?}"
            )
        })?;
        ensure(self.state == after.state, law, || {
            format!(
                "allocation {n}: the state was {:?}, and is {:?}",
                self.state, after.state
            )
        })
    }
}
