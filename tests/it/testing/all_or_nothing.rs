//! Verbs that are not all or nothing are found, and named.

use std::cell::Cell;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::testing::{self, Broken, Faulty};
use kernel_vm::{MapError, Permissions, VirtualMemoryManager};

use crate::subject::{PAGE, area, map};

type Table = Sv39<Faulty<HostFrames>>;
type Space = VirtualMemoryManager<Table>;

const READ: Permissions = Permissions::READ;

/// A space with a map that needs three tables.
fn make() -> Result<Space, MapError> {
    let mut space = Space::new(Sv39::new(Faulty::new(HostFrames::new(16)))?);
    space.add_memory_map(map((1 << 30) - 4 * PAGE, 0, 8 * PAGE, READ))?;
    Ok(space)
}

fn check(verb: impl Fn(&mut Space) -> Result<(), MapError>) -> Result<usize, Broken> {
    let in_use = |table: &Table| table.platform().frames_in_use();
    let fail = |table: &Table, n| table.platform().fail_alloc(n);
    testing::all_or_nothing(make, in_use, fail, verb)
}

fn both() -> kernel_vm::MemoryArea {
    area((1 << 30) - 4 * PAGE, 8 * PAGE)
}

#[test]
fn a_verb_of_this_crate_is_all_or_nothing() {
    assert_eq!(check(|space| space.populate(both())), Ok(4));
}

#[test]
fn two_verbs_are_not() {
    let broken = check(|space| {
        space.populate(area((1 << 30) - 4 * PAGE, 4 * PAGE))?;
        space.populate(both())
    });
    let broken = broken.unwrap_err();
    assert_eq!(
        broken.law(),
        "a verb that fails for want of memory says how many frames it needs"
    );
    let broken = check(|space| {
        space.populate(area((1 << 30) - 4 * PAGE, 4 * PAGE))?;
        let rest = space.populate(both());
        rest.map_err(|_| MapError::OutOfFrames { needed: 4 })
    });
    let broken = broken.unwrap_err();
    assert_eq!(
        broken.law(),
        "a verb that fails for want of memory has changed nothing"
    );
    assert!(
        broken
            .found()
            .starts_with("allocation 3: 0 leaves before, 4 then"),
        "{broken}"
    );
}

#[test]
fn a_verb_that_fails_for_good_is_found() {
    let tries = Cell::new(0);
    let broken = check(|space| {
        tries.set(tries.get() + 1);
        if tries.get() == 2 {
            return Err(MapError::OutOfFrames { needed: 9 });
        }
        space.populate(both())
    });
    let broken = broken.unwrap_err();
    assert_eq!(
        broken.law(),
        "a verb that has failed for want of memory is done when it is tried again"
    );
}
