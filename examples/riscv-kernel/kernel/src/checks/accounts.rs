//! Who has which frames, in the end.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use kernel_vm::{FrameAllocator, PhysAddr};

use super::{Outcome, check};
use crate::mode::LEVELS;
use crate::{frames, kernel_space};

pub fn run() {
    check("invariants", invariants);
    check("frames", all_frames);
}

fn invariants() -> Outcome {
    kernel_space::with(|space| space.check_invariants())?;
    let maps = kernel_space::with(|space| space.memory_maps().len());
    Ok(alloc::format!("hold for the kernel's own {maps} maps"))
}

/// How many frames the table at `at` and those below it have, counted as the MMU reads them: an entry with V, but
/// without R, W and X points to a table.
fn tables(at: PhysAddr, level: usize) -> usize {
    let words = frames::counted().reach(at).cast::<[AtomicU64; 512]>();
    // SAFETY: the frame is a table of the kernel's own page table, which nobody edits now.
    let words = unsafe { words.as_ref() };
    let pointers = words
        .iter()
        .map(|word| word.load(Relaxed))
        .filter(|word| word & 0b1111 == 1);
    let below = pointers.map(|word| {
        tables(
            PhysAddr::new((word >> 10 & ((1 << 44) - 1)) << 12),
            level - 1,
        )
    });
    1 + if level == 0 { 0 } else { below.sum::<usize>() }
}

/// All programs are gone: what is not free is the kernel's own page table.
fn all_frames() -> Outcome {
    let own = kernel_space::with(|space| tables(space.root_page_table(), LEVELS - 1));
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
