//! A program in U-mode, from its first instruction to its last frame.

use alloc::format;
use alloc::vec::Vec;

use kernel_vm::Access::{Read, Write};

use super::{Outcome, all_back, check};
use crate::frames;
use crate::layout::Symbol;
use crate::probe::Fault;
use crate::user::{A0, A1, A7, Entry, GUARD, Registers, S0, S1, STACK_TOP, Trap, UserSpace};

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
    let mut registers = Registers::new(Entry::Program.addr());
    (registers.x[S0], registers.x[S1]) = forbidden();
    let mut faults = Vec::new();
    // It has far fewer traps than that.
    for _ in 0..16 {
        match user.run(&mut registers) {
            Trap::Call if registers.x[A7] == 0 => return Ok((registers.x[A0], faults)),
            Trap::Call => registers.x[A0] += registers.x[A1],
            Trap::Fault(fault) => faults.push(fault),
            Trap::Other(_) => return Err("a trap of another kind"),
        }
        registers.pc += 4;
    }
    Err("it does not end")
}

fn one_program() -> Outcome {
    let before = frames::free();
    let mut user = UserSpace::new()?;
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
        let mut registers = Registers::new(entry.addr());
        (registers.x[A0], registers.x[A1]) = (at, value);
        (user.run(&mut registers), registers.x[A0])
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
