//! Where traces come from.

use std::borrow::Cow;
use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kernel_vm::testing::Trace;

/// Where the traces are that come with the crate.
const BUNDLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");

/// The traces that come with the crate, in the order of their names.
///
/// # Errors
/// When there are none.
pub(crate) fn bundled() -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let entries = fs::read_dir(BUNDLED).map_err(|error| format!("{BUNDLED}: {error}"))?;
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut traces = paths?;
    traces.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "trace")
    });
    traces.sort();
    if traces.is_empty() {
        return Err(format!("{BUNDLED}: no traces").into());
    }
    Ok(traces)
}

/// What a file is called, without folder and `.trace`.
pub(crate) fn name(file: &Path) -> Cow<'_, str> {
    file.file_stem()
        .unwrap_or(file.as_os_str())
        .to_string_lossy()
}

/// Reads a trace.
///
/// # Errors
/// When the file cannot be read, or one of its lines.
pub(crate) fn read(file: &Path) -> Result<Trace, Box<dyn Error>> {
    Ok(Trace::parse(&fs::read(file)?)?)
}
