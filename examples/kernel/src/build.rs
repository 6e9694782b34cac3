//! Building the kernel.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::Machine;
use crate::toolchain::{Kind, Toolchain};

/// Builds the kernel for a machine with this feature, and answers where it is.
///
/// # Errors
/// The build failed; cargo has said why.
pub fn kernel(
    machine: &Machine,
    toolchain: &Toolchain,
    feature: Option<&str>,
) -> Result<PathBuf, String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
    // One for each kind, so that two compilers do not undo each other's work.
    let target = workspace
        .join("target")
        .join(format!("kernel-{:?}", toolchain.kind).to_lowercase());
    let mut cargo = Command::new(&toolchain.cargo);
    cargo
        .current_dir(workspace)
        .args([
            "build",
            "--release",
            "--locked",
            "--package",
            "kernel",
            "--target",
            machine.target,
        ])
        .arg("--target-dir")
        .arg(&target)
        .env("RUSTC", &toolchain.rustc)
        // What cargo told this program of its own build is not the kernel's.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET");
    if let Some(feature) = feature {
        cargo.args(["--features", feature]);
    }
    if toolchain.kind == Kind::Source {
        cargo
            .arg("-Zbuild-std=core,alloc")
            .env("RUSTC_BOOTSTRAP", "1");
    }
    if let Some(linker) = &toolchain.linker {
        cargo.env(linker_variable(machine.target), linker);
    }
    let status = cargo
        .status()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !status.success() {
        return Err("the kernel does not build".to_owned());
    }
    Ok(target.join(machine.target).join("release/kernel"))
}

/// The name under which cargo looks for the linker of a target.
fn linker_variable(target: &str) -> String {
    let target = target.to_uppercase().replace('-', "_");
    format!("CARGO_TARGET_{target}_LINKER")
}
