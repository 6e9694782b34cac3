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
    let mut tally = Tally::default();
    let mut missing = Vec::new();
    for machine in MACHINES {
        let mut boots = boots
            .iter()
            .filter(|boot| boot.machine.arch == machine.arch)
            .peekable();
        if boots.peek().is_none() {
            continue;
        }
        match tools(machine) {
            Ok(tools) => {
                println!("{}\n{}", tools.0, tools.1);
                boots.try_for_each(|boot| one_boot(boot, &tools, &mut tally))?;
            }
            Err(why) => missing.push(format!("{} is not booted: {why}", machine.arch)),
        }
    }
    conclude(&tally, &missing, !words.is_empty())
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

/// What is missing is an error if it was asked for by name, or if nothing was booted.
fn conclude(tally: &Tally, missing: &[String], is_named: bool) -> Result<(), String> {
    let missing_text = missing.join("\n\n");
    if !tally.failures.is_empty() {
        return Err(format!("\nfailed:\n{}", tally.failures.join("\n")));
    }
    if !missing.is_empty() && (is_named || tally.boots == 0) {
        return Err(missing_text);
    }
    if !missing.is_empty() {
        println!("\n{missing_text}");
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
