//! Who has which frames, in the end.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use kernel_vm::{FrameAllocator, PhysAddr};

use super::{Outcome, check};
use crate::mode::LEVELS;
use crate::{arch, frames, kernel_space};

pub fn run() {
    check("invariants", invariants);
    check("frames", all_frames);
}

fn invariants() -> Outcome {
    kernel_space::look(|space| space.check_invariants())?;
    let maps = kernel_space::look(|space| space.memory_maps().len());
    Ok(alloc::format!("hold for the kernel's own {maps} maps"))
}

/// How many frames the table at `at` and those below it have, counted as the MMU reads them.
fn tables(at: PhysAddr, level: usize) -> usize {
    let words = frames::counted().reach(at).cast::<[AtomicU64; 512]>();
    // SAFETY: the frame is a table of the kernel's own page table, which nobody edits now.
    let words = unsafe { words.as_ref() };
    let words = words.iter().map(|word| word.load(Relaxed));
    let below = words.filter_map(|word| arch::pointer(word, level));
    1 + below.map(|table| tables(table, level - 1)).sum::<usize>()
}

/// All programs are gone: what is not free is the kernel's own page table.
fn all_frames() -> Outcome {
    let own = kernel_space::look(|space| tables(space.root_page_table(), LEVELS - 1));
    let (free, all) = (frames::free(), frames::all());
    ensure!(
        free + own == all,
        "{} of {all} frames are lost",
        all - free - own
    );
    Ok(alloc::format!(
        "{free} of {all} are free, the other {own} are the kernel's own tables"
    ))
}
