//! What the user asked for.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// Which page table.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Backend {
    #[default]
    Sv39,
    X86_64,
    Aarch64,
    Mock,
}

/// What the user asked for.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Arguments {
    pub(crate) backend: Backend,
    pub(crate) maps: bool,
    pub(crate) help: bool,
    pub(crate) files: Vec<PathBuf>,
}

/// What the program does not understand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Misuse {
    UnknownOption(OsString),
    UnknownBackend(OsString),
    NoBackend,
}

impl Arguments {
    /// Reads options, then files. `--` ends the options.
    ///
    /// # Errors
    /// The first argument that makes no sense.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Misuse> {
        let mut parsed = Self::default();
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            match argument.to_str() {
                Some("--maps") => parsed.maps = true,
                Some("--help" | "-h") => parsed.help = true,
                Some("--backend") => parsed.backend = backend(rest.next())?,
                Some("--") => break,
                _ if argument.as_encoded_bytes().starts_with(b"-") => {
                    return Err(Misuse::UnknownOption(argument));
                }
                _ => parsed.files.push(argument.into()),
            }
        }
        parsed.files.extend(rest.map(PathBuf::from));
        Ok(parsed)
    }
}

fn backend(name: Option<OsString>) -> Result<Backend, Misuse> {
    let name = name.ok_or(Misuse::NoBackend)?;
    match name.to_str() {
        Some("sv39") => Ok(Backend::Sv39),
        Some("x86_64") => Ok(Backend::X86_64),
        Some("aarch64") => Ok(Backend::Aarch64),
        Some("mock") => Ok(Backend::Mock),
        _ => Err(Misuse::UnknownBackend(name)),
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOption(option) => write!(f, "unknown option {option:?}"),
            Self::UnknownBackend(name) => write!(f, "no backend is called {name:?}"),
            Self::NoBackend => f.write_str("--backend wants a name"),
        }
    }
}
