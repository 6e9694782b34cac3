//! Tells the linker where the kernel lies: at its physical address in the upper half, which begins elsewhere in each
//! mode.

use std::env::{var, var_os};

fn main() {
    let address_bits = if var_os("CARGO_FEATURE_SV57").is_some() {
        57
    } else if var_os("CARGO_FEATURE_SV48").is_some() {
        48
    } else {
        39
    };
    let upper_half = u64::MAX << (address_bits - 1);
    let here = var("CARGO_MANIFEST_DIR").unwrap();
    println!("cargo:rustc-link-arg=--defsym=UPPER_HALF={upper_half:#x}");
    println!("cargo:rustc-link-arg=-T{here}/kernel.ld");
    println!("cargo:rerun-if-changed=kernel.ld");
}
