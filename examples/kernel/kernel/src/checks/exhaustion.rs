//! Verbs that run out of frames half-way: the error says so, nothing has changed, and the kernel goes on.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::error::Error;

use kernel_vm::backend::{PageTableBackend, Run};
use kernel_vm::{MapError, PhysAddr};

use super::{Outcome, all_back, check};
use crate::frames::{self, Scarcity};
use crate::layout::{PAGE, SPARE, area};
use crate::memory::{R, RW, Space, map};
use crate::probe::{self, Fault};
use crate::user::UserSpace;

/// A leaf of 1 GiB, and far from it a place where there is nothing.
const LEAF: usize = 4 << 30;
const LEAF_SIZE: usize = 1 << 30;
const FAR: usize = 60 << 30;

/// What is tried.
type Verb = fn(&mut Space) -> Result<(), MapError>;

pub fn run() {
    let verbs: [(&str, Verb); 4] = [
        ("populate", |space| {
            space.populate(area(FAR, 8 * PAGE + LEAF_SIZE))
        }),
        ("unmap", |space| {
            space.unmap(area(LEAF + 5 * PAGE, (512 << 20) + PAGE))
        }),
        ("protect", |space| {
            space.protect(area(LEAF + 5 * PAGE, (512 << 20) + PAGE), R)
        }),
        ("remap", |space| {
            space.remap(area(LEAF + PAGE, 8 << 20), area(2 * FAR, 8 << 20))
        }),
    ];
    for (name, verb) in verbs {
        check(&format!("out of frames, {name}"), || without_frames(verb));
    }
}

/// Everything that a verb may change, the MMU's view included.
#[derive(PartialEq)]
struct State {
    maps: String,
    leaves: Vec<Run>,
    stores: Vec<Result<(), Fault>>,
    loads: Vec<Result<u64, Fault>>,
    free: usize,
}

fn state(space: &Space) -> Result<State, Box<dyn Error>> {
    space.check_invariants()?;
    let places = [
        LEAF,
        LEAF + PAGE,
        LEAF + 5 * PAGE,
        LEAF + LEAF_SIZE - PAGE,
        FAR,
        FAR + 8 * PAGE,
        2 * FAR,
    ];
    Ok(State {
        maps: space.to_string(),
        leaves: space
            .backend()
            .populated(space.backend().ranges()[0])
            .collect(),
        stores: places
            .into_iter()
            .map(|place| probe::store(place, place as u64))
            .collect(),
        loads: places.into_iter().map(probe::load).collect(),
        free: frames::free(),
    })
}

/// Tries the verb with no frame at all, with one, and so on until it does not refuse.
fn without_frames(verb: Verb) -> Outcome {
    let before = frames::free();
    let user = UserSpace::new()?;
    user.activate();
    let mut held = user.change();
    let space = &mut *held;
    space.add_memory_map(map(LEAF, PhysAddr::new(SPARE), LEAF_SIZE, RW)?)?;
    space.populate(area(LEAF, LEAF_SIZE))?;
    // Each of these is in a table of its own, two levels below where the tables part.
    for page in [FAR, FAR + LEAF_SIZE] {
        space.add_memory_map(map(page, PhysAddr::new(SPARE), 8 * PAGE, RW)?)?;
    }
    let mut refusals = 0;
    loop {
        let scarcity = Scarcity::all_but(refusals);
        let found = state(space)?;
        match verb(space) {
            Ok(()) => break,
            Err(MapError::OutOfFrames { needed }) => {
                ensure!(needed > refusals, "{needed} needed, {refusals} there");
            }
            Err(error) => return Err(error.into()),
        }
        let left = state(space)?;
        ensure!(
            left == found,
            "with {refusals} frames, something has changed:\n{}\n{}",
            found.maps,
            left.maps
        );
        drop(scarcity);
        refusals += 1;
    }
    ensure!(refusals > 0, "it needs no frames");
    // It was done, with the least that it takes.
    space.check_invariants()?;
    drop(held);
    drop(user);
    all_back(before)?;
    Ok(format!(
        "refused with 0 to {} frames, nothing changed; done with {refusals}",
        refusals - 1
    ))
}
