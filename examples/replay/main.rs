//! Replays recorded Linux processes, and compares each with what Linux had in the end, by
//! `kernel_vm::testing`. `--help` says how to call it.

mod arguments;
mod figures;
mod files;
mod report;

use std::env;
use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use kernel_vm::backend::aarch64::Aarch64;
use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::x86_64::X86_64;

use kernel_vm::testing::{Checked, Trace};

use arguments::{Arguments, Backend};
use figures::Figures;
use report::{Report, replay};

/// How to call the program.
const USAGE: &str = "\
Usage: replay [--backend NAME] [--maps] [FILE]...

Replays recorded Linux processes and compares each, page by page, with what Linux had in the end.
Without files: those that come with the crate.

  --backend NAME  the page table: sv39 (the default), x86_64, aarch64 or mock
  --maps          print each space after its last call
  --help          print this text
";

/// Page tables may take 4 GiB of the host's memory; what they do not use costs nothing.
const FRAMES: usize = 1 << 20;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(misuse) => {
            complain(format_args!("{misuse}\n{USAGE}"));
            return ExitCode::from(2);
        }
    };
    let result = if arguments.help {
        write!(io::stdout(), "{USAGE}").map_err(Into::into)
    } else {
        replay_all(&arguments)
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}

/// Not `eprintln!`, which panics when nobody can be told.
fn complain(message: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "replay: {message}");
}

/// Replays every file; one that goes wrong does not keep the others from their turn.
fn replay_all(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let files = if arguments.files.is_empty() {
        files::bundled()?
    } else {
        arguments.files.clone()
    };
    let mut out = io::stdout().lock();
    let mut good = Vec::new();
    for file in &files {
        let answer = replay_file(file, arguments);
        match answer.verdict {
            Ok(report) => {
                writeln!(out, "{:<12} {report}", files::name(file))?;
                good.push(report.checked);
            }
            Err(error) => complain(format_args!("{}: {error}", file.display())),
        }
        out.write_all(answer.maps.as_bytes())?;
    }
    close(&good, files.len(), &mut out)
}

/// The last line: what all of `files` have come to, or how many went wrong.
fn close(good: &[Checked], files: usize, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let failed = files - good.len();
    if failed > 0 {
        return Err(format!("{failed} of {files} traces failed").into());
    }
    let total = good.iter().copied().fold(Checked::default(), Checked::and);
    writeln!(
        out,
        "{files} of {files} traces agree: {} pages compared, {} read back",
        total.compared, total.read_back
    )?;
    Ok(())
}

/// How a file went, and the space it led to, if that is wanted.
struct Answer {
    verdict: Result<Report, Box<dyn Error>>,
    maps: String,
}

fn replay_file(file: &Path, arguments: &Arguments) -> Answer {
    try_replay(file, arguments).unwrap_or_else(|error| Answer {
        verdict: Err(error),
        maps: String::new(),
    })
}

/// The error is for what comes before there is a space to show.
fn try_replay(file: &Path, arguments: &Arguments) -> Result<Answer, Box<dyn Error>> {
    let trace = files::read(file)?;
    match arguments.backend {
        Backend::Sv39 => {
            let backend = Sv39::new(HostFrames::new(FRAMES))?;
            answer(&trace, backend, arguments.maps)
        }
        Backend::X86_64 => {
            let backend = X86_64::new(HostFrames::new(FRAMES))?;
            answer(&trace, backend, arguments.maps)
        }
        Backend::Aarch64 => {
            let backend = Aarch64::new(HostFrames::new(FRAMES))?;
            answer(&trace, backend, arguments.maps)
        }
        Backend::Mock => answer(&trace, MockBackend::new(), arguments.maps),
    }
}

fn answer<B: Figures>(trace: &Trace, backend: B, maps: bool) -> Result<Answer, Box<dyn Error>> {
    let (replay, time) = replay(trace, backend)?;
    Ok(Answer {
        verdict: Report::of(&replay, trace, time).map_err(Into::into),
        maps: if maps {
            replay.space.to_string()
        } else {
            String::new()
        },
    })
}
