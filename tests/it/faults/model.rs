//! A process against a model of its bytes: random verbs and accesses on four CPUs, which come in between each other.

use std::cell::RefCell;
use std::rc::Rc;

use kernel_vm::Permissions;
use kernel_vm::backend::mock::MockBackend;
use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::backend::sv39::Sv39;

use super::kernel::{Kernel, Setting};
use super::mmu::Mmu;
use super::process::{CPUS, OBJECT_PAGES, OBJECTS, ProcessOn};
use crate::subject::pages;
use crate::tree::edits::Random as Rng;

/// How many pages there are; two tables of them.
const SPACE: usize = 12;
/// Behind the border of a table.
const FIRST: usize = 506;

const R: Permissions = Permissions::READ.union(Permissions::USER);
const RW: Permissions = R.union(Permissions::WRITE);
const ALLOWED: [Permissions; 4] = [R, RW, RW, Permissions::USER];

fn setting(seed: u64) -> Setting {
    let policies = [
        AccessedDirty::Preset,
        AccessedDirty::Software,
        AccessedDirty::Hardware,
    ];
    Setting {
        seed,
        // Now and then too few.
        frames: if seed % 3 == 0 { 14 } else { 64 },
        policy: policies[usize::try_from(seed % 5).unwrap().min(2)],
        is_lazy: seed % 2 == 0,
    }
}

/// An access of a program, or of the kernel for it, to any page.
fn access<B: Mmu>(process: &ProcessOn<B>, rng: &mut Rng) {
    let page = FIRST + rng.below(SPACE);
    access_page(process, rng, page);
}

fn access_page<B: Mmu>(process: &ProcessOn<B>, rng: &mut Rng, page: usize) {
    let cpu = rng.below(CPUS);
    let word = rng.below(1 << 30) as u64;
    match rng.below(6) {
        0 | 1 => process.load(cpu, page),
        2 | 3 => process.store(cpu, page, word),
        4 => process.read(cpu, page),
        _ => process.write(cpu, page, word),
    }
}

/// A verb that changes the layout.
fn verb<B: Mmu>(process: &ProcessOn<B>, rng: &mut Rng) {
    let first = rng.below(SPACE);
    let count = 1 + rng.below(SPACE - first);
    let (first, allowed) = (FIRST + first, ALLOWED[rng.below(ALLOWED.len())]);
    match rng.below(7) {
        0 | 1 => process.map(first, count, allowed, None, false),
        2 | 3 => {
            let count = count.min(OBJECT_PAGES);
            let at = rng.below(OBJECT_PAGES - count + 1);
            let shows = Some((rng.below(OBJECTS), at));
            process.map(first, count, allowed, shows, rng.below(2) == 0);
        }
        4 => process.protect(pages(first, count), allowed),
        5 => process.discard(pages(first, count)),
        _ => {
            let to = FIRST + rng.below(SPACE - count + 1);
            if rng.below(3) == 0 {
                process.unmap(pages(first, count));
            } else {
                process.remap(first, to, count);
            }
        }
    }
}

fn run<B: Mmu + 'static>(seed: u64, steps: usize) {
    let process = Rc::new(ProcessOn::<B>::new(setting(seed)));
    let inner = RefCell::new(Rng(seed ^ 0x9e37_79b9));
    let other = Rc::downgrade(&process);
    process.kernel.interrupt_with(move || {
        let mut rng = inner.borrow_mut();
        let process = other.upgrade();
        // Verbs that change the layout have it to themselves; others go on.
        let process = process.filter(|process| process.space.try_borrow().is_ok());
        if let Some(process) = process {
            let hot = process.hot.get();
            for _ in 0..rng.below(6).saturating_sub(2) {
                if rng.below(2) == 0 {
                    access_page(&process, &mut rng, hot);
                } else {
                    access(&process, &mut rng);
                }
            }
        }
    });
    let mut rng = Rng(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1);
    for _ in 0..steps {
        if rng.below(4) == 0 {
            verb(&process, &mut rng);
        } else {
            process.space.borrow().backend().disturb(&mut rng);
            access(&process, &mut rng);
        }
        process.check();
    }
    process.kernel.no_interrupts();
    Rc::into_inner(process).unwrap().end();
}

#[test]
fn every_byte_is_what_the_model_says() {
    for seed in 1..=300 {
        run::<Sv39<Kernel>>(seed, 400);
    }
}

#[test]
fn every_byte_is_what_the_model_says_on_the_mock() {
    for seed in 1..=300 {
        run::<MockBackend<Kernel>>(seed, 400);
    }
}

/// `.ci/faults` runs it.
#[test]
#[ignore = "takes minutes: CI runs it by name"]
fn every_byte_is_what_the_model_says_ten_thousand_times() {
    for seed in 1_000..11_000 {
        run::<Sv39<Kernel>>(seed, 400);
    }
}
