//! Builds the kernel in `kernel/` for each machine, boots it in QEMU in each of its modes, and judges what it says.
//!
//! ```sh
//! cargo run --release                    # all that this machine has QEMU and a compiler for
//! cargo run --release -- riscv64         # one architecture: an error if something is missing for it
//! cargo run --release -- riscv64 sv39 4  # one boot: the mode, the number of CPUs
//! ```

mod boot;
mod build;
mod machine;
mod qemu;
mod toolchain;
mod verdict;

use std::process::ExitCode;
use std::time::Instant;

use boot::Boot;
use machine::{MACHINES, Machine};
use qemu::Qemu;
use toolchain::Toolchain;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What it takes to build and boot the kernel.
type Tools = (Qemu, Toolchain);

/// # Errors
/// All that is missing.
fn tools(machine: &Machine) -> Result<Tools, String> {
    match (qemu::find(machine), toolchain::find(machine.target)) {
        (Ok(qemu), Ok(toolchain)) => Ok((qemu, toolchain)),
        (qemu, toolchain) => {
            let missing = [qemu.err(), toolchain.err()].into_iter().flatten();
            Err(missing.collect::<Vec<_>>().join("\n"))
        }
    }
}

/// What was booted so far.
#[derive(Default)]
struct Tally {
    boots: usize,
    passed: usize,
    skipped: usize,
    failures: Vec<String>,
}

fn run() -> Result<(), String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let boots = boot::boots(&words)?;
    let (ready, missing) = ready(&boots);
    // Before anything is built. What was not asked for by name may be missing, but not all of it.
    if !missing.is_empty() && (ready.is_empty() || !words.is_empty()) {
        return Err(missing.join("\n\n"));
    }
    let mut tally = Tally::default();
    for (machine, tools) in &ready {
        println!("{}\n{}", tools.0, tools.1);
        let mut own = boots.iter().filter(|boot| boot.is_of(machine));
        own.try_for_each(|boot| one_boot(boot, tools, &mut tally))?;
    }
    missing.iter().for_each(|why| println!("\n{why}"));
    conclude(&tally)
}

/// The machines of these boots for which all is there; and of the others, what is missing.
fn ready(boots: &[Boot]) -> (Vec<(&'static Machine, Tools)>, Vec<String>) {
    let (mut ready, mut missing) = (Vec::new(), Vec::new());
    let is_meant = |machine: &&Machine| boots.iter().any(|boot| boot.is_of(machine));
    for machine in MACHINES.iter().filter(is_meant) {
        match tools(machine) {
            Ok(tools) => ready.push((machine, tools)),
            Err(why) => missing.push(format!("{} is not booted: {why}", machine.arch)),
        }
    }
    (ready, missing)
}

fn one_boot(boot: &Boot, (qemu, toolchain): &Tools, tally: &mut Tally) -> Result<(), String> {
    let kernel = build::kernel(boot.machine, toolchain, boot.mode.feature)?;
    let name = boot.name();
    println!("\n== {name}");
    let begin = Instant::now();
    let said = qemu.boot(&kernel, boot.cpus)?;
    println!("   ({:.1} s)", begin.elapsed().as_secs_f64());
    tally.boots += 1;
    match verdict::judge(&name, &said) {
        Ok([passed, skipped]) => {
            tally.passed += passed;
            tally.skipped += skipped;
        }
        Err(why) => tally.failures.push(format!("{name}: {why}")),
    }
    Ok(())
}

fn conclude(tally: &Tally) -> Result<(), String> {
    if !tally.failures.is_empty() {
        return Err(format!("\nfailed:\n{}", tally.failures.join("\n")));
    }
    let Tally {
        boots,
        passed,
        skipped,
        ..
    } = tally;
    println!("\nall {boots} boots passed: {passed} checks, and {skipped} that do not apply");
    Ok(())
}
