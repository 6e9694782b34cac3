//! A program in user mode, from its first instruction to its last frame.

use alloc::format;
use alloc::vec::Vec;

use kernel_vm::Access::{Read, Write};

use super::{Outcome, all_back, check};
use crate::frames;
use crate::layout::Symbol;
use crate::probe::Fault;
use crate::process::call;
use crate::user::{Entry, GUARD, STACK_TOP, Trap, UserSpace, registers};

pub fn run() {
    check("user program", one_program);
    check("two spaces", two_spaces);
}

/// The kernel page that the program tries, and the guard below its stack.
fn forbidden() -> (usize, usize) {
    (Symbol::Data.addr(), GUARD)
}

/// Runs user.S's program to its end. Answers its exit code and the faults on the way.
fn run_program(user: &UserSpace) -> Result<(usize, Vec<Fault>), &'static str> {
    user.activate();
    let (kernel, guard) = forbidden();
    let mut program = registers(Entry::Program, &[kernel, guard]);
    let mut faults = Vec::new();
    // It has far fewer traps than that.
    for _ in 0..16 {
        match user.run(&mut program) {
            Trap::Call if program.call() == call::EXIT => return Ok((program.arg(0), faults)),
            Trap::Call if program.call() == call::SUM => {
                program.set_arg(0, program.arg(0) + program.arg(1));
            }
            Trap::Fault(fault) => {
                faults.push(fault);
                program.step_over();
            }
            Trap::Call | Trap::Other(_) => return Err("a trap of another kind"),
        }
    }
    Err("it does not end")
}

fn one_program() -> Outcome {
    let before = frames::free();
    let user = UserSpace::new()?;
    user.load_program()?;
    let (code, faults) = run_program(&user)?;
    let (kernel, guard) = forbidden();
    let expected = [
        Fault::of(Read, kernel),
        Fault::of(Write, kernel),
        Fault::of(Write, guard),
    ];
    ensure!(faults == expected, "faults {faults:x?}");
    ensure!(code == 7, "it exits with {code}");
    let (asid, _) = user.tags().cached();
    let used = before - frames::free();
    drop(user);
    all_back(before)?;
    Ok(format!(
        "ASID {asid}, refused a kernel page and a guard page; all {used} frames are back"
    ))
}

/// Two spaces that have different pages at one address: each sees its own, turn by turn, with nothing flushed between.
fn two_spaces() -> Outcome {
    let before = frames::free();
    let mut spaces = [UserSpace::new()?, UserSpace::new()?];
    for user in &mut spaces {
        user.load_program()?;
    }
    let at = STACK_TOP - 64;
    let access = |user: &UserSpace, entry: Entry, value| {
        let mut program = registers(entry, &[at, value]);
        (user.run(&mut program), program.arg(0))
    };
    let turns = 1000;
    for turn in 0..turns {
        for (user, own) in spaces.iter().zip([1 << 32, 2 << 32]) {
            user.activate();
            if turn > 0 {
                let seen = access(user, Entry::Load, 0);
                ensure!(
                    seen == (Trap::Call, own + turn - 1),
                    "{seen:?} in turn {turn}"
                );
            }
            let stored = access(user, Entry::Store, own + turn);
            ensure!(stored.0 == Trap::Call, "{stored:?} in turn {turn}");
        }
    }
    let asids = spaces.each_ref().map(|user| user.tags().cached().0);
    drop(spaces);
    all_back(before)?;
    Ok(format!(
        "{turns} turns between ASIDs {} and {}",
        asids[0], asids[1]
    ))
}
