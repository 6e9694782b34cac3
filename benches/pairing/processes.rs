//! The same in fresh processes: where memory lies differs from one to the next, and with it what caches keep.

use std::env::current_exe;
use std::process::{Command, Output, Stdio};

use super::Filter;
use super::rounds::median;

const PROCESSES: usize = 5;

/// The option of a process that is one of them.
pub(crate) const ONE: &str = "--one";

/// What one process says of one pair: its name, both times, and the ratio.
struct Line {
    name: String,
    values: [f64; 3],
}

/// Prints a table.
pub(crate) fn run(filter: &Filter) -> Result<(), String> {
    let mut processes = Vec::new();
    for process in 1..=PROCESSES {
        eprintln!("process {process} of {PROCESSES}");
        let this = current_exe().map_err(|error| error.to_string())?;
        let output = spawn(Command::new(this).arg(ONE).args(filter.arguments()))?;
        processes.push(output.lines().map(Line::parse).collect::<Option<Vec<_>>>());
    }
    let processes: Option<Vec<_>> = processes.into_iter().collect();
    print(&processes.ok_or("a process says something else")?);
    Ok(())
}

/// What `command` prints, if it succeeds.
pub(super) fn spawn(command: &mut Command) -> Result<String, String> {
    let output = command.stderr(Stdio::inherit()).output();
    let Output { status, stdout, .. } =
        output.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if !status.success() {
        return Err(format!("{}: {status}", command.get_program().display()));
    }
    String::from_utf8(stdout).map_err(|error| error.to_string())
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let name = words.next()?.to_owned();
        let mut value = || words.next()?.parse().ok();
        let values = [value()?, value()?, value()?];
        Some(Self { name, values })
    }
}

fn print(processes: &[Vec<Line>]) {
    println!(
        "ns, the other's ns, and the ratio of both: medians of {PROCESSES} processes; and how far apart their ratios are"
    );
    for (index, Line { name, .. }) in processes[0].iter().enumerate() {
        let all = |value: usize| {
            processes
                .iter()
                .map(move |lines| lines[index].values[value])
        };
        let [ours, other, ratio] = [0, 1, 2].map(|value| median(all(value).collect()));
        let (lowest, highest) = all(2).fold((f64::MAX, 0.0_f64), |(low, high), ratio| {
            (low.min(ratio), high.max(ratio))
        });
        let apart = 100.0 * (highest - lowest) / ratio;
        println!("{name:<46}{ours:>10.3}{other:>12.3}{ratio:>10.4}{apart:>8.1} %");
    }
}
