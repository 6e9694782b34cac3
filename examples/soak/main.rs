//! Does random verbs to a space and to a model of bits, for as long as it is told: those of `kernel_vm::testing`.
//! `--help` says how to call it.
//!
//! `cargo run --release --example soak -- tree --operations 1000000000` takes five minutes. Page tables do a million
//! operations a second and more; the machine, whose CPUs are asked what they have cached, some 30,000 to 55,000.
//! `--prove` tells lies instead: the space is not told of some verbs, or of other areas. Each lie must be found.
//!
//! A run is 4096 operations from an empty space, with a seed of its own. Each verb must answer what the model answers,
//! and a page is looked up then. Every 1024 operations all pages, maps and invariants are compared, in small spaces
//! every 128. Three runs in four have 64 pages. The fourth has up to 4096, for a tree of several nodes, which split and
//! merge, and for large leaves. Above page tables, entries and frames are compared, too.
//!
//! Nine operations in ten are drawn by what the model knows, so that most are accepted. The rest are drawn blindly.
//!
//! A failure prints its seed and the number of its run: `--seed S --run N` does that run again. It also prints the
//! fewest steps found that still go wrong, as Rust: `Step(Add(Span { first: 3, count: 2 }, Near, Rights(1)), 7)` adds a
//! map and looks at page 7. `Rights` are bits: 1 reads, 2 writes, 4 executes.
#![expect(
    clippy::expect_used,
    reason = "a panic is a failure like any other, and is printed as one"
)]

mod arguments;
mod machine;
mod maps;
mod prove;
mod radix;
mod scope;
mod soak;
mod tally;

use std::env;
use std::fmt;
use std::io::{self, Write};
use std::panic;
use std::process::ExitCode;

use kernel_vm::testing::Broken;

use arguments::Arguments;
use prove::prove;
use scope::{SCOPES, Scope};
use soak::soak;

/// How to call the program.
const USAGE: &str = "\
Usage: soak [all | SCOPE...] [--operations M | --minutes M] [--seed S] [--run N] [--prove]

Does random verbs to spaces and to models. Scopes: tree, sv39, x86_64, aarch64,
machine-sv39, machine-x86_64, machine-aarch64; machine stands for the last three.

  --operations M  do so many operations in each scope (1 million)
  --minutes M     do operations in each scope for so long
  --seed S        the seed of all (1)
  --run N         do run N only
  --prove         tell lies instead, and find them
  --help          print this text
";

fn main() -> ExitCode {
    let arguments = match Arguments::parse(env::args().skip(1)).and_then(known) {
        Ok((arguments, _)) if arguments.help => return print(USAGE),
        Ok(known) => known,
        Err(misuse) => {
            complain(format_args!("{misuse}\n{USAGE}"));
            return ExitCode::from(2);
        }
    };
    // A panic is an answer here, which the report prints.
    panic::set_hook(Box::new(|_| {}));
    let (arguments, scopes) = arguments;
    for scope in scopes {
        let told = if arguments.prove {
            prove(scope, arguments.seed).map(|lies| lies.join("\n"))
        } else {
            soak(scope, &arguments)
                .map_err(|(run, broken)| describe(scope, arguments.seed, run, &broken))
                .and_then(|timed| {
                    let text = format!("{}, seed {}: {timed:#}", scope.name, arguments.seed);
                    if timed.is_enough_accepted() {
                        return Ok(text);
                    }
                    Err(format!("{text}\nToo few were accepted: less than 60 %"))
                })
        };
        match told {
            Ok(text) => drop(print(&format!("{text}\n"))),
            Err(text) => {
                complain(format_args!("{text}"));
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// The scopes that are named; `machine` names all of its formats.
fn known(arguments: Arguments) -> Result<(Arguments, Vec<&'static Scope>), String> {
    let mut named = Vec::new();
    for name in &arguments.scopes {
        let before = named.len();
        named.extend(SCOPES.iter().filter(|scope| scope.is_called(name)));
        if named.len() == before {
            return Err(format!("no scope is called {name}"));
        }
    }
    if named.is_empty() {
        named.extend(&SCOPES);
    }
    Ok((arguments, named))
}

/// What a reader of a failure wants.
fn describe(scope: &Scope, seed: u64, run: u64, broken: &Broken) -> String {
    format!("{} --seed {seed} --run {run}: {broken}", scope.name)
}

/// Not `print!`, which panics when nobody listens.
fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Not `eprintln!`, which panics when nobody can be told.
fn complain(message: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "soak: {message}");
}
