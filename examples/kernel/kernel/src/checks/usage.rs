//! Which pages a program has used, and which it has written, as the MMU marks them.

use alloc::format;
use alloc::vec::Vec;

use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::{Access, VirtAddr};

use super::{Outcome, Seen, all_back, check, skip};
use crate::layout::{PAGE, area};
use crate::memory::{RW, U, anonymous};
use crate::user::{Entry, Trap, UserSpace, registers};
use crate::{arch, frames};

const NAME: &str = "accessed and dirty";

/// The pages; a program leaves every third alone, reads the next and writes the one behind that.
const AT: usize = 0x5000_0000;
const PAGES: usize = 30;

pub fn run() {
    if arch::features().accessed_dirty == AccessedDirty::Hardware {
        check(NAME, accessed_and_dirty);
    } else {
        skip(NAME, "this boot presets both bits");
    }
}

const fn is_read(page: usize) -> bool {
    page % 3 == 1
}

const fn is_written(page: usize) -> bool {
    page % 3 == 2
}

/// The numbers of the pages for which this holds.
fn pages(holds: impl Fn(usize) -> bool) -> Vec<usize> {
    (0..PAGES).filter(|&page| holds(page)).collect()
}

fn number(at: VirtAddr) -> usize {
    (at.get() - AT) / PAGE
}

/// Maps the pages and lets them come, for reading.
fn bring(user: &mut UserSpace) -> Seen {
    let all = area(AT, PAGES * PAGE);
    user.change().add_memory_map(anonymous(all, RW | U)?)?;
    for page in (AT..).step_by(PAGE).take(PAGES) {
        user.fault_in(VirtAddr::new(page), Access::Read)?;
    }
    Ok(())
}

/// A program uses the pages. It has no faults but for its code: the MMU asks nobody.
fn use_pages(user: &UserSpace) -> Seen {
    let mut faults = Vec::new();
    for (page, at) in (AT..).step_by(PAGE).take(PAGES).enumerate() {
        let entry = match page {
            _ if is_read(page) => Entry::Load,
            _ if is_written(page) => Entry::Store,
            _ => continue,
        };
        let mut program = registers(entry, &[at, page]);
        let trap = user.run_with(&mut program, |fault, _| faults.push(fault));
        ensure!(trap == Trap::Call, "{trap:x?} at page {page}");
    }
    faults.retain(|fault| fault.access != Access::Execute);
    ensure!(faults.is_empty(), "{faults:x?}");
    Ok(())
}

/// The pages that were used since this was asked last.
fn harvest(user: &mut UserSpace) -> Result<Vec<usize>, super::Wrong> {
    let mut used = Vec::new();
    let all = area(AT, PAGES * PAGE);
    user.change()
        .harvest(all, |_, pages| used.push(number(pages.start())))?;
    Ok(used)
}

/// Unmaps page by page. Answers the numbers of those whose frame has come back as written.
fn unmap(user: &mut UserSpace) -> Result<Vec<usize>, super::Wrong> {
    let mut written = Vec::new();
    for page in 0..PAGES {
        let before = frames::written();
        user.change().unmap(area(AT + page * PAGE, PAGE))?;
        let came = frames::written() - before;
        written.extend((0..came).map(|_| page));
    }
    Ok(written)
}

fn accessed_and_dirty() -> Outcome {
    let before = frames::free();
    let mut user = UserSpace::with_program()?;
    user.activate();
    bring(&mut user)?;
    harvest(&mut user)?;
    let idle = harvest(&mut user)?;
    ensure!(idle.is_empty(), "{idle:?} are used, by nobody");
    use_pages(&user)?;
    let used = harvest(&mut user)?;
    let expected = pages(|page| is_read(page) || is_written(page));
    ensure!(used == expected, "{used:?} are used");
    let written = unmap(&mut user)?;
    ensure!(written == pages(is_written), "{written:?} are written");
    drop(user);
    all_back(before)?;
    Ok(format!(
        "of {PAGES} pages, {} are marked as used and {} as written, and those are",
        used.len(),
        written.len()
    ))
}
