//! Tells the linker where the kernel lies: at its physical address in the upper half, which begins elsewhere in each
//! mode.

use std::env::{var, var_os};

fn main() {
    let arch = var("CARGO_CFG_TARGET_ARCH").unwrap();
    let has = |feature: &str| var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    // How many of the upper bits of an address are equal in the kernel's half.
    let upper_bits = match arch.as_str() {
        "aarch64" if has("VA39") => 64 - 39,
        "aarch64" => 64 - 48,
        "riscv64" if has("SV57") => 64 - 56,
        "riscv64" if has("SV48") => 64 - 47,
        "riscv64" => 64 - 38,
        "x86_64" if has("LA57") => 64 - 56,
        "x86_64" => 64 - 47,
        _ => panic!("there is no kernel for {arch}"),
    };
    let upper_half = u64::MAX << (64 - upper_bits);
    let here = var("CARGO_MANIFEST_DIR").unwrap();
    println!("cargo:rustc-link-arg=--defsym=UPPER_HALF={upper_half:#x}");
    println!("cargo:rustc-link-arg=-T{here}/src/arch/{arch}/kernel.ld");
    if arch == "x86_64" {
        // Its code finds all by distances, as it lies outside the 2 GiB that 32 bits reach; and it does not move.
        println!("cargo:rustc-link-arg=--no-pie");
    }
    println!("cargo:rerun-if-changed=src/arch/{arch}/kernel.ld");
}
