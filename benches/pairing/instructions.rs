//! Instructions, as Callgrind counts them: the same in every run of one program.

use std::env::{current_exe, temp_dir};
use std::fs::{create_dir_all, read_to_string, remove_dir_all, write};
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, id};

use super::Filter;
use super::processes::spawn;

/// The option of the process that Callgrind watches.
pub(crate) const WATCHED: &str = "--watched";

/// What was counted when the figures were last written.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.txt");

const HEAD: &str = "\
# Instructions for each call, or leaf where one call is for many: kernel-vm's, and those of btreemap, bound or by-hand.
# Clearing and copying pages is taken off.
# cargo bench --bench paired -- --instructions --write
";

/// Callgrind writes down what it has counted whenever this returns. It counts what runs within a clock.
#[inline(never)]
pub(super) fn watched<R>(duty: impl FnOnce() -> R) {
    black_box(duty());
}

/// A pair's name, and the instructions of both sides for each part.
struct Row {
    name: String,
    counts: [f64; 2],
}

/// Prints a table, with the figures of the file beside.
pub(crate) fn run(filter: &Filter, replace: bool) -> Result<(), String> {
    let directory = temp_dir().join(format!("kernel-vm-callgrind-{}", id()));
    let show = |error: std::io::Error| format!("{}: {error}", directory.display());
    create_dir_all(&directory).map_err(show)?;
    let rows = count(filter, &directory.join("out"));
    remove_dir_all(&directory).map_err(show)?;
    let rows = rows?;
    let old = read_to_string(FILE).unwrap_or_default();
    let old: Vec<Row> = old.lines().filter_map(Row::parse).collect();
    println!(
        "instructions, the other's, and the ratio of both; what {FILE} has, and the change since"
    );
    rows.iter().for_each(|row| row.print(&old));
    if replace {
        let lines = rows.iter().map(Row::line);
        let text = HEAD.to_owned() + &lines.collect::<String>();
        write(FILE, text).map_err(|error| format!("{FILE}: {error}"))?;
    }
    Ok(())
}

fn count(filter: &Filter, out: &Path) -> Result<Vec<Row>, String> {
    let this = current_exe().map_err(|error| error.to_string())?;
    let mut valgrind = Command::new("valgrind");
    // Callgrind counts each byte that `rep stosb` stores.
    valgrind
        .env(
            "GLIBC_TUNABLES",
            "glibc.cpu.x86_rep_stosb_threshold=0x7fffffff",
        )
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg("--toggle-collect=paired::clock::within*")
        .arg("--dump-after=paired::pairing::instructions::watched*")
        .arg(this)
        .arg(WATCHED)
        .args(filter.arguments());
    let said = spawn(&mut valgrind)?;
    let lines: Vec<&str> = said.lines().collect();
    let sides = lines.iter().zip(1..).map(|(line, part)| {
        let (name, parts) = line.split_once(' ').ok_or("a line of two words")?;
        let parts: f64 = parts.parse().map_err(|_| "a number")?;
        let total = total(&format!("{}.{part}", out.display()))?;
        Ok((name, total / parts))
    });
    let sides: Vec<(&str, f64)> = sides.collect::<Result<_, String>>()?;
    let rows = sides.chunk_by(|one, other| one.0 == other.0).map(|pair| {
        let apart = pair.get(2).map_or(0.0, |apart| apart.1);
        Row {
            name: pair[0].0.to_owned(),
            counts: [pair[0].1 - apart, pair[1].1 - apart],
        }
    });
    Ok(rows.collect())
}

/// All instructions of one of Callgrind's files.
fn total(file: &str) -> Result<f64, String> {
    let text = read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("totals: "));
    let total = lines.next().and_then(|total| total.trim().parse().ok());
    total.ok_or_else(|| format!("{file}: no totals"))
}

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let name = words.next().filter(|name| *name != "#")?.to_owned();
        let mut value = || words.next()?.parse().ok();
        let counts = [value()?, value()?];
        Some(Self { name, counts })
    }

    fn line(&self) -> String {
        let [ours, other] = self.counts;
        format!("{:<46}{ours:>12.3}{other:>14.3}\n", self.name)
    }

    fn print(&self, old: &[Self]) {
        let [ours, other] = self.counts;
        let was = old.iter().find(|old| old.name == self.name);
        let was = was.map_or_else(
            String::new,
            |Self {
                 counts: [was, _], ..
             }| { format!("{was:>14.3}{:>+8.1} %", 100.0 * (ours / was - 1.0)) },
        );
        println!(
            "{:<46}{ours:>12.3}{other:>14.3}{:>9.4}{was}",
            self.name,
            ours / other
        );
    }
}
