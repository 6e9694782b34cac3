//! Processes against a model of their bytes: random verbs and accesses on four CPUs, which come in between each other.

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;

use kernel_vm::backend::mock::MockBackend;
use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{MemoryArea, Permissions};

use super::kernel::{CPUS, Kernel, Setting};
use super::mmu::Mmu;
use super::objects::{OBJECT_PAGES, OBJECTS};
use super::process::ProcessOn;
use super::world::{EVENTS, Event, World};
use crate::subject::pages;
use crate::tree::edits::Random as Rng;

/// How many pages there are; two tables of them.
const SPACE: usize = 12;
/// Behind the border of a table.
const FIRST: usize = 506;

const R: Permissions = Permissions::READ.union(Permissions::USER);
const RW: Permissions = R.union(Permissions::WRITE);
const RX: Permissions = R.union(Permissions::EXECUTE);
const ALLOWED: [Permissions; 6] = [R, RW, RW, RW, RX, Permissions::USER];

fn setting<B: Mmu>(seed: u64) -> Setting {
    let policies = [
        AccessedDirty::Preset,
        AccessedDirty::Software,
        AccessedDirty::Hardware,
    ];
    Setting {
        seed,
        // Now and then too few.
        frames: match seed % 3 {
            0 if B::HAS_TABLES => 40,
            0 => 14,
            _ => 256,
        },
        policy: policies[usize::try_from(seed % 5).unwrap().min(2)],
        is_lazy: seed % 2 == 0,
    }
}

/// An access of a program, or of the kernel for it, to any page.
fn access<B: Mmu>(world: &World<B>, rng: &mut Rng) {
    let (cpu, process) = world.schedule(rng);
    let page = FIRST + rng.below(SPACE);
    process.space.borrow().backend().disturb(rng);
    access_page(&process, rng, cpu, page);
}

fn access_page<B: Mmu>(process: &ProcessOn<B>, rng: &mut Rng, cpu: usize, page: usize) {
    let word = rng.below(1 << 30) as u64;
    match rng.below(6) {
        0 | 1 => process.load(cpu, page),
        2 | 3 => process.store(cpu, page, word),
        4 => process.read(cpu, page),
        _ => process.write(cpu, page, word),
    }
}

/// Some pages in a row: the first of them, and how many.
fn span(rng: &mut Rng) -> (usize, usize) {
    let first = rng.below(SPACE);
    (FIRST + first, 1 + rng.below(SPACE - first))
}

fn area(rng: &mut Rng) -> MemoryArea {
    let (first, count) = span(rng);
    pages(first, count)
}

fn allowed(rng: &mut Rng) -> Permissions {
    ALLOWED[rng.below(ALLOWED.len())]
}

/// A verb that changes the layout of a process.
fn change<B: Mmu>(process: &ProcessOn<B>, rng: &mut Rng) {
    match rng.below(17) {
        13 | 14 => process.unmap_deferred(area(rng)),
        15 | 16 => process.protect_deferred(area(rng), allowed(rng)),
        0..5 => map(process, rng),
        5 => process.protect(area(rng), allowed(rng)),
        6 => process.restrict(area(rng), allowed(rng)),
        7 => process.discard(area(rng)),
        8 => process.clean(area(rng)),
        9 => process.evict(area(rng)),
        10 => process.unmap(area(rng)),
        11 => process.harvest(area(rng)),
        _ => {
            let (first, count) = span(rng);
            process.remap(first, FIRST + rng.below(SPACE - count + 1), count);
        }
    }
    if rng.below(3) > 0 {
        let is_busy = process.settle();
        assert!(!is_busy, "nobody else is here");
    }
}

/// Maps anonymous memory, or an object's.
fn map<B: Mmu>(process: &ProcessOn<B>, rng: &mut Rng) {
    let ((first, count), allowed) = (span(rng), allowed(rng));
    if rng.below(2) == 0 {
        return process.map(first, count, allowed, None, false);
    }
    let count = count.min(OBJECT_PAGES);
    let at = rng.below(OBJECT_PAGES - count + 1);
    let shows = Some((rng.below(OBJECTS), at));
    process.map(first, count, allowed, shows, rng.below(2) == 0);
}

/// Something that is done to a process, if no other verb is at it.
fn verb<B: Mmu>(world: &World<B>, rng: &mut Rng) {
    let process = world.any(rng);
    if process.space.try_borrow_mut().is_err() {
        return;
    }
    match rng.below(16) {
        0..4 => world.fork(&process, rng),
        4 => {
            look(&process, rng);
            world.exit(&process);
        }
        5 => world.exec(&process, rng, |new, rng| {
            map(new, rng);
            map(new, rng);
        }),
        6 => {
            let area = area(rng);
            world.reclaim(|process| process.evict(area));
        }
        _ => change(&process, rng),
    }
}

/// Every byte of a process.
fn look<B: Mmu>(process: &ProcessOn<B>, rng: &mut Rng) {
    let cpu = rng.below(CPUS);
    (FIRST..FIRST + SPACE).for_each(|page| process.read(cpu, page));
}

/// What other CPUs do in the middle of a verb or a fault.
fn meanwhile<B: Mmu>(world: &World<B>, rng: &mut Rng) {
    for _ in 0..rng.below(6).saturating_sub(2) {
        if world.processes.borrow().is_empty() {
            return;
        }
        let (cpu, process) = world.schedule(rng);
        let anywhere = FIRST + rng.below(SPACE);
        let page = [process.hot.get(), anywhere][rng.below(2)];
        // Faults wait for a verb that has the space to itself; what is mapped does not.
        if process.space.try_borrow().is_ok() {
            if rng.below(3) == 0 && process.settle() {
                world.note(Event::Busy);
            }
            access_page(&process, rng, cpu, page);
        } else if process.is_open.get() {
            world.note(Event::Meanwhile);
            process.access_meanwhile(cpu, page, rng.below(1 << 30) as u64);
        }
        if rng.below(16) == 0 {
            verb(world, rng);
        }
    }
}

/// Answers how often each event was.
fn run<B: Mmu>(seed: u64, steps: usize) -> [usize; EVENTS] {
    let world = Rc::new(World::<B>::new(setting::<B>(seed)));
    let inner = RefCell::new(Rng(seed ^ 0x9e37_79b9));
    let others = Rc::downgrade(&world);
    world.kernel.interrupt_with(move || {
        if let Some(world) = others.upgrade() {
            meanwhile(&world, &mut inner.borrow_mut());
        }
    });
    let mut rng = Rng(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1);
    for _ in 0..steps {
        if rng.below(4) == 0 {
            verb(&world, &mut rng);
        } else {
            access(&world, &mut rng);
        }
        world.restart_if_empty();
        world.check();
    }
    world.kernel.no_interrupts();
    for process in world.all() {
        look(&process, &mut rng);
    }
    world.end();
    std::array::from_fn(|event| world.tally[event].get())
}

/// Runs many, and answers how often each event was.
fn run_all<B: Mmu>() -> [usize; EVENTS] {
    let mut tally = [0; EVENTS];
    for seed in 1..=300 {
        let events = run::<B>(seed, 400);
        tally = std::array::from_fn(|event| tally[event] + events[event]);
    }
    println!("forks, those refused, execs, last exits, accesses meanwhile, busy: {tally:?}");
    tally
}

#[test]
fn every_byte_is_what_the_model_says() {
    let tally = run_all::<Sv39<Kernel>>();
    assert!(tally.iter().all(|&times| times > 50), "{tally:?}");
}

/// Its CPUs do nothing while a verb has the space to itself.
#[test]
fn every_byte_is_what_the_model_says_on_the_mock() {
    let tally = run_all::<MockBackend<Kernel>>();
    assert!(tally.iter().take(4).all(|&times| times > 50), "{tally:?}");
}

/// `.ci/faults` runs it.
#[test]
#[ignore = "takes minutes: CI runs it by name"]
fn every_byte_is_what_the_model_says_ten_thousand_times() {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                (1_000..11_000)
                    .skip(thread)
                    .step_by(threads)
                    .for_each(|seed| _ = run::<Sv39<Kernel>>(seed, 400));
            });
        }
    });
}
