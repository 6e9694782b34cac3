//! Words at random, read by the machine and by another author's MMU.

use kernel_vm::Access;

use crate::author::{Author, Question};
use crate::compare::{Tally, compare};
use crate::isa::Isa;
use crate::low::sit;
use crate::random::Random;
use crate::world::World;

/// How often CPUs of another kind are taken, tables are filled anew, the mode changes, and an address is chosen.
const KINDS: usize = 8;
const FILLS: usize = 100;
const MODES: usize = 4;
const ADDRESSES: usize = 24;

pub const ALL: [Access; 3] = [Access::Read, Access::Write, Access::Execute];

/// Asks both of tables full of junk, and wants each difference on the list to be seen.
pub fn agree_on_junk<I: Isa, A: Author<I>>(seat: usize) {
    sit(seat);
    let mut tally = Tally::default();
    for seed in 0..KINDS as u64 {
        let random = &mut Random::new(seed);
        let cpus = A::cpus(random);
        let mut world = World::<I>::new(cpus, seed);
        let mut author = A::new(cpus);
        for _ in 0..FILLS {
            world.fill(random);
            author.load(world.root(), &world.tables);
            for _ in 0..MODES {
                let mode = A::mode(random);
                I::enter(world.machine.cpu(0), world.root(), mode);
                author.enter(mode);
                ask(&world, &mut author, mode, random, &mut tally);
            }
        }
        I::stop(world.machine.cpu(0));
    }
    println!("{} reads junk of {}: {tally:?}", A::NAME, I::NAME);
    assert!(tally.mapped > 2_000, "{tally:?}");
    assert!(!A::SETS_MARKS || tally.marked > 2_000, "{tally:?}");
    let answers = A::differences();
    let answers = answers.iter().map(|one| (one.name, one.section));
    let marks = A::mark_differences();
    let marks = marks.iter().map(|one| (one.name, one.section));
    for (name, section) in answers.chain(marks) {
        let is_seen = tally.differences.get(name).is_some_and(|&times| times > 0);
        assert!(is_seen, "{name} ({section}) was never seen");
    }
}

fn ask<I: Isa, A: Author<I>>(
    world: &World<I>,
    author: &mut A,
    mode: I::Mode,
    random: &mut Random,
    tally: &mut Tally,
) {
    for _ in 0..ADDRESSES {
        let vaddr = world.any_address(random);
        if A::IS_CANONICAL_ONLY && !I::is_canonical(vaddr) {
            continue;
        }
        for access in ALL {
            let question = Question {
                vaddr,
                access,
                mode,
            };
            compare(world, author, &question, tally);
        }
    }
}
