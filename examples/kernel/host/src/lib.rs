//! The kernel's own platform under kernel-vm's suites, on the host.
//!
//! `tests/riscv64.rs` has the kernel's files as they are: frames, CPUs, ASIDs, flushes, payload, lock and fault
//! handler. Two modules take the place of what a host does not have: `arch` for instructions, firmware and registers,
//! which are those of a machine in software; and `layout` for the linker's symbols. Where the two differ is in those
//! files alone.
//!
//! `common/suites.rs` is what a kernel's author writes. `cargo test` in `examples/kernel` runs it.
