//! Runs: each starts on a kernel without processes, with a seed of its own.

use alloc::vec::Vec;

use super::draw::Draw;
use super::events::Events;
use super::op::Step;
use super::processes::Processes;
use super::settings::Bytes;
use super::world::World;
use crate::testing::broken::Broken;
use crate::testing::guard::guarded;
use crate::testing::shrink::fewest;

/// Does random steps, and then fewer of them if something goes wrong.
pub(super) fn run<P: Processes>(bytes: &Bytes, make: &impl Fn() -> P) -> Result<Events, Broken> {
    let (mut steps, mut events) = (Vec::new(), Events::default());
    let done = guarded(bytes.guard, || {
        let mut world = World::new(make());
        let done = live(bytes, &mut world, &mut steps);
        let (done, seen) = world.finish(done);
        events = seen;
        done
    });
    let Err(wrong) = done else {
        return Ok(events);
    };
    let try_out = |steps: &[Step]| guarded(bytes.guard, || replay(steps, make()));
    Err(fewest(bytes.seed, steps, wrong, try_out))
}

fn live<P: Processes>(
    bytes: &Bytes,
    world: &mut World<P>,
    steps: &mut Vec<Step>,
) -> Result<(), Broken> {
    let mut draw = Draw::new(bytes.seed, P::CPUS);
    for _ in 0..bytes.steps {
        let step = draw.step(|number| world.life(number).map(|life| &life.model));
        steps.push(step);
        world.step(step)?;
    }
    Ok(())
}

/// The same steps again.
fn replay<P: Processes>(steps: &[Step], kernel: P) -> Result<(), Broken> {
    let mut world = World::new(kernel);
    let done = steps.iter().try_for_each(|&step| world.step(step));
    world.finish(done).0
}
