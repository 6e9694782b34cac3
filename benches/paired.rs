//! This crate beside one other, so that the ratio holds on a machine that has other work, too.
//!
//! Two functions take turns in one process, in rounds of about 100 µs; with 16,384 maps or 1 GiB of pages 10 ms, as
//! shorter rounds would measure cold caches. What counts is the median of the rounds' ratios, and of that the median
//! over five fresh processes.
//!
//! ```sh
//! cargo bench --bench paired                            # all pairs, three minutes
//! cargo bench --bench paired -- gap-worst pages-map/64  # those whose name has one of these
//! cargo bench --bench paired -- --instructions          # instructions instead, as Callgrind counts them
//! ```
//!
//! - `lookup-…`, `edit-…`, `gap-…`, by how many maps there are, are the duties of the benches `lookup` and `edit`; the
//!   other is `btreemap`. With 24, 96 and 200 maps they are compared where the name is given in full.
//! - `pages-…`, by how many MiB are mapped, are those of `page_table`; the other is `bound`. With a third name, that
//!   one stands for this crate.
//! - `fault-…`, by how many maps there are, and `process`, by how many pages, are those of `fault`; the other is
//!   `by-hand`. What both do to the bytes of a page is taken off from the instructions, and not from the times.
//!
//! Instructions depend on the compiler and on what the CPU offers: `instructions.txt` has those of one machine, which
//! are printed beside. `--instructions --write` replaces them.
#![expect(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench stops where it is wrong, and its addresses fit"
)]

mod clock;
#[expect(dead_code, unused_imports, reason = "other benches ask for more")]
mod pages;
mod pairing;
#[expect(dead_code, unused_imports, reason = "other benches ask for more")]
mod peers;
mod random;
#[expect(dead_code, reason = "other benches ask for more")]
mod spaces;
mod workload;

use std::env;
use std::process::ExitCode;

use pairing::{Filter, instructions, processes, time_all, watch_all};

fn main() -> ExitCode {
    // Cargo says that this is a bench.
    let arguments = env::args().skip(1).filter(|argument| argument != "--bench");
    let (options, names): (Vec<_>, Vec<_>) =
        arguments.partition(|argument| argument.starts_with("--"));
    let filter = Filter::new(names);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let done = match options[..] {
        [] => processes::run(&filter),
        [processes::ONE] => {
            time_all(&filter);
            Ok(())
        }
        ["--instructions"] => instructions::run(&filter, false),
        ["--instructions", "--write"] => instructions::run(&filter, true),
        [instructions::WATCHED] => {
            watch_all(&filter);
            Ok(())
        }
        _ => Err(format!("no such option: {}", options.join(" "))),
    };
    done.map_or_else(
        |error| {
            eprintln!("{error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}
