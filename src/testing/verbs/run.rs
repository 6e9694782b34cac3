//! Runs: each starts from an empty space, with a seed of its own.

use alloc::vec::Vec;

use super::draw::Draw;
use super::op::Step;
use super::settings::Verbs;
use super::subject::Subject;
use super::tally::Tally;
use super::world::World;
use crate::addr::VirtAddr;
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
    let mut draw = Draw::new(verbs.seed);
    in_world::<W, S>(verbs, make, |world| {
        for done in 1..=verbs.steps {
            let step = draw.step(&world.model);
            steps.push(step);
            tally.count(step.0, world.step(step)?);
            if done % check_every(W) == 0 {
                world.check()?;
                tally.maps(world.model.maps());
            }
        }
        Ok(())
    })
}

/// The same steps again, with everything compared after each.
fn replay<const W: usize, S: Subject>(
    verbs: &Verbs,
    steps: &[Step],
    make: &impl Fn(MemoryArea) -> S,
) -> Result<(), Broken> {
    in_world::<W, S>(verbs, make, |world| {
        steps.iter().try_for_each(|&step| {
            world.step(step)?;
            world.check()
        })
    })
}

/// Lets `act` do verbs in a world of its own, up to the world's end. What goes wrong is told with the address of page
/// 0.
fn in_world<const W: usize, S: Subject>(
    verbs: &Verbs,
    make: &impl Fn(MemoryArea) -> S,
    act: impl FnOnce(&mut World<W, S>) -> Result<(), Broken>,
) -> Result<(), Broken> {
    let mut world = World::new(make, verbs.lie);
    let base = VirtAddr::new(world.model.base);
    let done = act(&mut world).and_then(|()| world.finish());
    done.map_err(|broken| broken.when(format_args!("page 0 is at {base}")))
}
