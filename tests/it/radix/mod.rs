//! The page tables of all formats, by the backend's own calls: words, frames and flushes.

/// Runs tests on every format; on two, where `.ci/mutants` builds them again for each mutant.
macro_rules! on_every_format {
    ($($name:ident)*) => {
        on_riscv! { $($name)* }
        #[cfg(not(kernel_vm_few_formats))]
        mod on_x86_64 { $( #[test] fn $name() { super::$name::<kernel_vm::backend::x86_64::X86_64Format<4>>(); } )* }
        #[cfg(not(kernel_vm_few_formats))]
        mod on_x86_64_la57 { $( #[test] fn $name() { super::$name::<kernel_vm::backend::x86_64::X86_64Format<5>>(); } )* }
        #[cfg(not(kernel_vm_few_formats))]
        mod on_aarch64 { $( #[test] fn $name() { super::$name::<kernel_vm::backend::aarch64::Aarch64Format<4>>(); } )* }
        mod on_aarch64_va39 { $( #[test] fn $name() { super::$name::<kernel_vm::backend::aarch64::Aarch64Format<3>>(); } )* }
    };
}

/// Runs tests on the formats of RISC-V.
macro_rules! on_riscv {
    ($($name:ident)*) => {
        mod on_sv39 { $( #[test] fn $name() { super::$name::<kernel_vm::backend::sv39::Sv39Format>(); } )* }
        #[cfg(not(kernel_vm_few_formats))]
        mod on_sv48 { $( #[test] fn $name() { super::$name::<kernel_vm::backend::sv48::Sv48Format>(); } )* }
        #[cfg(not(kernel_vm_few_formats))]
        mod on_sv57 { $( #[test] fn $name() { super::$name::<kernel_vm::backend::sv57::Sv57Format>(); } )* }
    };
}

mod absent;
mod allocators;
mod audit;
mod display;
mod exact;
mod exchange;
mod extremes;
mod failing;
mod flushes;
mod golden;
mod install;
mod kernel_half;
mod odd;
mod owned;
mod races;
mod reader;
mod regressions;
mod remap;
mod sequences;
pub mod shape;
mod steps;
mod usage;
mod waiting;
mod witness;
