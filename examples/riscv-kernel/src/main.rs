//! Builds the kernel in `kernel/`, boots it in QEMU in all six configurations, and judges what it says.
//!
//! ```sh
//! cargo run --release            # all six
//! cargo run --release -- sv39 4  # one: the mode, the number of harts
//! ```

mod build;
mod qemu;
mod toolchain;
mod verdict;

use std::process::ExitCode;
use std::time::Instant;

/// The modes, and the feature of the kernel that stands for each.
const MODES: [(&str, Option<&str>); 3] = [
    ("sv39", None),
    ("sv48", Some("sv48")),
    ("sv57", Some("sv57")),
];
const HARTS: [usize; 2] = [1, 4];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |mode: &str, harts: usize| {
        let named = |choices: &[String]| match choices {
            [] => true,
            [one] => one == mode,
            [one, count, ..] => one == mode && *count == harts.to_string(),
        };
        named(&wanted)
    };
    let boots: Vec<_> = MODES
        .into_iter()
        .flat_map(|(mode, feature)| HARTS.map(|harts| (mode, feature, harts)))
        .filter(|&(mode, _, harts)| is_wanted(mode, harts))
        .collect();
    if boots.is_empty() {
        return Err(format!(
            "there is no boot {wanted:?}: say sv39, sv48 or sv57, and 1 or 4"
        ));
    }

    // Both, before either stops: what is missing is said at once.
    let (qemu, toolchain) = match (qemu::find(), toolchain::find()) {
        (Ok(qemu), Ok(toolchain)) => (qemu, toolchain),
        (qemu, toolchain) => {
            let missing = [qemu.err(), toolchain.err()];
            return Err(missing
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("\n\n"));
        }
    };
    println!("{qemu}\n{toolchain}");

    let mut passed = 0;
    let mut failures = Vec::new();
    for (mode, feature, harts) in boots {
        let kernel = build::kernel(&toolchain, feature)?;
        println!(
            "\n== {mode}, {harts} hart{}",
            if harts == 1 { "" } else { "s" }
        );
        let begin = Instant::now();
        let said = qemu.boot(&kernel, harts)?;
        println!("   ({:.1} s)", begin.elapsed().as_secs_f64());
        match verdict::judge(mode, harts, &said) {
            Ok(checks) => passed += checks,
            Err(why) => failures.push(format!("{mode}, {harts} hart(s): {why}")),
        }
    }
    if failures.is_empty() {
        println!("\nall boots passed: {passed} checks");
        Ok(())
    } else {
        Err(format!("\nfailed:\n{}", failures.join("\n")))
    }
}
