//! A program whose pages come when it touches them: these and no others, zeroed, and none behind the end of its stack.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::error::Error;

use kernel_vm::Access::{Execute, Read, Write};
use kernel_vm::{Done, FaultError, Permissions, Privilege};

use super::{Outcome, Seen, all_back, check};
use crate::arch::Registers;
use crate::frames;
use crate::layout::{PAGE, area, direct};
use crate::memory::Memory;
use crate::mode::{LEVELS, LOWER_END};
use crate::probe::Fault;
use crate::process::call;
use crate::user::{Entry, GUARD, HEAP, STACK, STACK_TOP, Trap, UserSpace, registers};

/// How much of its heap the program uses.
const USED: usize = 16 * PAGE;
/// Where the kernel copies to, over a border of pages: two of them, and it has read another.
const COPY: usize = HEAP + USED + 4 * PAGE - 64;
const COPIED: usize = 3;

pub fn run() {
    check("page faults", page_faults);
}

/// What is in frames before they are a program's.
const GARBAGE: u8 = 0xa5;

/// Writes into the frames that are handed out next.
pub fn spoil(count: usize) {
    let taken: Vec<_> = (0..count).map_while(|_| frames::alloc()).collect();
    for frame in taken.into_iter().map(Memory::page) {
        let Some(addr) = frame.addr() else { continue };
        let page = core::ptr::with_exposed_provenance_mut::<u8>(direct(addr));
        // SAFETY: the frame is a whole page of the direct map, and ours alone.
        unsafe { page.write_bytes(GARBAGE, PAGE) };
    }
}

/// The pages that the program touches, in order, and how each comes.
fn expected() -> Resolved {
    let code = (
        Fault::of(Execute, Entry::Toucher.addr()),
        Some(Done::Mapped),
    );
    let zeroed = |fault| (fault, Some(Done::Zeroed));
    let heap = (HEAP..HEAP + USED).step_by(PAGE);
    let heap = heap.map(|page| zeroed(Fault::of(Read, page)));
    let stack = (STACK..STACK_TOP).step_by(PAGE).rev();
    let stack = stack.map(|page| zeroed(Fault::of(Write, page + PAGE - 8)));
    [code].into_iter().chain(heap).chain(stack).collect()
}

/// How many pages are there.
fn resident(user: &UserSpace) -> usize {
    let space = user.look();
    let parts = space.resident(area(0, LOWER_END + 1));
    parts.map(|part| part.size() / PAGE).sum()
}

/// The faults that were resolved, and how.
type Resolved = Vec<(Fault, Option<Done>)>;

/// Runs user.S's toucher until it is stopped. Answers the faults that were resolved, and the one that was not.
fn touch(user: &UserSpace) -> Result<(Resolved, Fault), Box<dyn Error>> {
    let mut program = registers(Entry::Toucher, &[HEAP, USED, COPY]);
    let (mut faults, mut lazy) = (Vec::new(), true);
    let mut copied = 0;
    loop {
        let trap = user.run_with(&mut program, |fault, done| {
            faults.push((fault, done));
            lazy &= resident(user) == faults.len() + copied;
        });
        ensure!(lazy, "other pages than {faults:x?} are there");
        match (trap, program.call()) {
            (Trap::Fault(fault), _) => return Ok((faults, fault)),
            (Trap::Call, call::COPY) => {
                program.set_arg(0, usize::from(copy(user, &program).is_err()));
                copied = COPIED;
            }
            (Trap::Call, call::EXIT) => {
                return Err(format!("step {} is wrong", program.arg(0)).into());
            }
            (trap, _) => return Err(format!("{trap:?} at {:#x}", program.pc()).into()),
        }
    }
}

/// The program's call to copy.
fn copy(user: &UserSpace, program: &Registers) -> Seen {
    let mut bytes = alloc::vec![GARBAGE; program.arg(2)];
    user.read(program.arg(1), &mut bytes)?;
    user.write(program.arg(0), &bytes)?;
    Ok(())
}

/// The kernel finds what the program has written: each word's own address, or that of the next for the stack's.
fn agrees(user: &UserSpace) -> Seen {
    let word = |at: usize| {
        let mut bytes = [0; 8];
        user.read(at, &mut bytes)
            .map(|()| usize::from_ne_bytes(bytes))
    };
    for at in (HEAP..HEAP + USED).step_by(8) {
        ensure!(word(at)? == at, "{:#x} at {at:#x}", word(at)?);
    }
    for page in (STACK..STACK_TOP).step_by(PAGE) {
        let (at, next) = (page + PAGE - 8, page + PAGE);
        ensure!(word(at)? == next, "{:#x} at {at:#x}", word(at)?);
        ensure!(word(page)? == 0, "{:#x} at {page:#x}", word(page)?);
    }
    Ok(())
}

fn page_faults() -> Outcome {
    let expected = expected();
    let pages = expected.len() + COPIED;
    spoil(2 * pages);
    let before = frames::free();
    let user = UserSpace::new()?;
    user.load_program()?;
    user.activate();
    let (faults, refused) = touch(&user)?;
    ensure!(faults == expected, "{faults:x?}, not {expected:x?}");
    let overrun = Fault::of(Write, STACK - 8);
    ensure!(refused == overrun, "{refused:x?} is refused");
    let denied = user.page_fault(refused);
    let evidence = FaultError::Denied {
        access: Write,
        permissions: Permissions::empty(),
        privilege: Privilege::User,
    };
    ensure!(denied == Err(evidence), "the guard: {denied:?}");
    agrees(&user)?;
    ensure!(resident(&user) == pages, "{} are there", resident(&user));
    let read = user.read(GUARD, &mut [0]);
    ensure!(read.is_err(), "the kernel reads the guard for a program");
    user.look().check_invariants()?;
    // The root, and what leads to two tables of pages.
    let tables = LEVELS + 1;
    let used = before - frames::free();
    ensure!(used == pages + tables, "{used} frames are used");
    drop(user);
    all_back(before)?;
    Ok(format!(
        "{pages} pages came one by one, zeroed; stopped below the stack; all {used} frames are back"
    ))
}
