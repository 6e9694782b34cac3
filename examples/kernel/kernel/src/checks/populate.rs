//! One space, populated from all CPUs at the same time.

use alloc::format;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

use kernel_vm::PhysAddr;

use super::{Outcome, all_back, check};
use crate::layout::{MAX_CPUS, PAGE, SPARE, area, direct};
use crate::memory::{R, map};
use crate::user::UserSpace;
use crate::{cpus, frames, probe};

pub fn run() {
    check("populate from all CPUs", populate_together);
}

/// CpuSet write the entries of one area at the same time, each beginning at another part of it.
fn populate_together() -> Outcome {
    let before = frames::free();
    let user = UserSpace::new()?;
    user.activate();
    // Off by a page, so that every page has a leaf of its own.
    let (start, size) = (0x7000_0000, 16 << 20);
    let first = PhysAddr::new(SPARE + PAGE as u64);
    user.change().add_memory_map(map(start, first, size, R)?)?;
    let refused = AtomicUsize::new(0);
    let part = size / MAX_CPUS;
    let job = || {
        let id = cpus::this().id();
        for turn in 0..MAX_CPUS {
            let at = start + (id + turn) % MAX_CPUS * part;
            refused.fetch_add(
                usize::from(user.look().populate(area(at, part)).is_err()),
                Relaxed,
            );
        }
    };
    cpus::with_others(&job, job);
    ensure!(refused.load(Relaxed) == 0, "{refused:?} times refused");
    for offset in (0..size).step_by(PAGE) {
        let word = direct(first) + offset;
        let stored = probe::store(word, offset as u64);
        let loaded = probe::load(start + offset);
        ensure!(
            stored.is_ok() && loaded == Ok(offset as u64),
            "{offset:#x} reads {loaded:x?}"
        );
    }
    user.look().check_invariants()?;
    drop(user);
    all_back(before)?;
    Ok(format!(
        "{} pages by {} at once",
        size / PAGE,
        cpus::count()
    ))
}
