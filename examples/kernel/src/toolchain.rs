//! Finding a compiler for the kernel, and a linker.
//!
//! It takes core and alloc for the target. rustup has them ready (`rustup target add`); elsewhere the compiler's own
//! source of them does, which Debian has as `rust-web-src` for its `rustc-web`.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Linkers that take the target's objects. The first is the one that rustc asks for.
const LINKERS: [&str; 2] = ["rust-lld", "ld.lld"];

/// What to install for a target that is missing.
fn missing(target: &str) -> String {
    format!(
        "a Rust toolchain for {target} is missing. Install one of these:\n\
         - with rustup: rustup target add {target}\n\
         - with rustup, from source: rustup component add rust-src\n\
         - on Debian, without rustup: apt-get install rustc-web cargo-web rust-web-src lld"
    )
}

const NO_LINKER: &str = "\
a linker for the kernel is missing: neither the toolchain's own rust-lld nor ld.lld is there
(Debian: apt-get install lld)";

pub struct Toolchain {
    pub cargo: PathBuf,
    pub rustc: PathBuf,
    pub kind: Kind,
    /// The linker, where rustc does not find one itself.
    pub linker: Option<PathBuf>,
    version: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The target's core and alloc are installed.
    Target,
    /// They are built from source.
    Source,
}

/// The first compiler that can build for the target, those with the target before those with the source.
///
/// # Errors
/// What is missing, and how to install it.
pub fn find(target: &str) -> Result<Toolchain, String> {
    let found: Vec<_> = candidates().filter_map(|rustc| look_at(&rustc)).collect();
    let usable = |kind| {
        found
            .iter()
            .find(move |rustc| rustc.kind(target) == Some(kind))
    };
    let chosen = usable(Kind::Target).or_else(|| usable(Kind::Source));
    let (rustc, kind) = chosen
        .and_then(|rustc| Some((rustc, rustc.kind(target)?)))
        .ok_or_else(|| missing(target))?;
    let linker = if rustc.own_linker().is_some() {
        None
    } else {
        let others = found.iter().filter_map(Rustc::own_linker);
        Some(others.chain(on_path(&LINKERS)).next().ok_or(NO_LINKER)?)
    };
    Ok(Toolchain {
        cargo: rustc.cargo(),
        rustc: rustc.path.clone(),
        kind,
        linker,
        version: rustc.version.clone(),
    })
}

/// The compilers to look at: the one that was asked for, and all on PATH (rustup's may hide Debian's).
fn candidates() -> impl Iterator<Item = PathBuf> {
    let chosen = env::var_os("RUSTC").map(PathBuf::from);
    chosen.into_iter().chain(on_path(&["rustc"]))
}

/// The programs of these names in the directories on PATH.
fn on_path<'a>(names: &'a [&'a str]) -> impl Iterator<Item = PathBuf> + 'a {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories: Vec<_> = env::split_paths(&path).collect();
    let files = directories
        .into_iter()
        .flat_map(move |directory| names.iter().map(move |name| directory.join(name)));
    files.filter(|file| file.is_file())
}

/// A compiler that runs.
struct Rustc {
    path: PathBuf,
    version: String,
    sysroot: PathBuf,
    host: String,
}

fn look_at(rustc: &Path) -> Option<Rustc> {
    let ask = |args: &[&str]| {
        let answer = Command::new(rustc).args(args).output().ok()?;
        let text = String::from_utf8(answer.stdout).ok()?;
        answer.status.success().then(|| text.trim().to_owned())
    };
    let verbose = ask(&["-vV"])?;
    let host = verbose
        .lines()
        .find_map(|line| line.strip_prefix("host: "))?;
    Some(Rustc {
        path: rustc.to_owned(),
        version: verbose.lines().next()?.to_owned(),
        sysroot: ask(&["--print", "sysroot"])?.into(),
        host: host.to_owned(),
    })
}

impl Rustc {
    fn kind(&self, target: &str) -> Option<Kind> {
        let library = self.sysroot.join("lib/rustlib");
        if library.join(target).join("lib").is_dir() {
            return Some(Kind::Target);
        }
        let source = library.join("src/rust/library/core/src/lib.rs");
        source.is_file().then_some(Kind::Source)
    }

    fn own_linker(&self) -> Option<PathBuf> {
        let tools = self
            .sysroot
            .join("lib/rustlib")
            .join(&self.host)
            .join("bin");
        Some(tools.join("rust-lld")).filter(|linker| linker.is_file())
    }

    /// The cargo beside it: building core from source takes one of the same version.
    fn cargo(&self) -> PathBuf {
        let beside = self.path.with_file_name("cargo");
        if beside.is_file() {
            return beside;
        }
        env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Target => "with the target",
            Kind::Source => "with core and alloc from source",
        };
        write!(f, "{} {kind}", self.version)
    }
}
