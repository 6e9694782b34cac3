//! Runs: each starts from an empty space, with a seed of its own.

use alloc::vec::Vec;

use super::draw::Draw;
use super::op::Step;
use super::settings::Verbs;
use super::subject::Subject;
use super::tally::Tally;
use super::world::World;
use crate::area::MemoryArea;
use crate::testing::broken::Broken;
use crate::testing::guard::guarded;
use crate::testing::shrink::fewest;

/// How often everything is compared: 64 pages are quickly compared.
const fn check_every(words: usize) -> u64 {
    if words == 1 { 128 } else { 1024 }
}

/// Does random verbs, and then fewer of them if something goes wrong.
pub(super) fn run<const W: usize, S: Subject>(
    verbs: &Verbs,
    make: &impl Fn(MemoryArea) -> S,
    tally: &mut Tally,
) -> Result<(), Broken> {
    let mut steps = Vec::new();
    let done = guarded(verbs.guard, || live::<W, S>(verbs, make, &mut steps, tally));
    let Err(wrong) = done else {
        return Ok(());
    };
    let try_out = |steps: &[Step]| guarded(verbs.guard, || replay::<W, S>(verbs, steps, make));
    Err(fewest(verbs.seed, steps, wrong, try_out))
}

fn live<const W: usize, S: Subject>(
    verbs: &Verbs,
    make: &impl Fn(MemoryArea) -> S,
    steps: &mut Vec<Step>,
    tally: &mut Tally,
) -> Result<(), Broken> {
    let mut world = World::<W, S>::new(make, verbs.lie);
    let mut draw = Draw::new(verbs.seed);
    for done in 1..=verbs.steps {
        let step = draw.step(&world.model);
        steps.push(step);
        tally.count(step.0, world.step(step)?);
        if done % check_every(W) == 0 {
            world.check()?;
            tally.maps(world.model.maps());
        }
    }
    world.finish()
}

/// The same steps again, with everything compared after each.
fn replay<const W: usize, S: Subject>(
    verbs: &Verbs,
    steps: &[Step],
    make: &impl Fn(MemoryArea) -> S,
) -> Result<(), Broken> {
    let mut world = World::<W, S>::new(make, verbs.lie);
    for &step in steps {
        world.step(step)?;
        world.check()?;
    }
    world.finish()
}
