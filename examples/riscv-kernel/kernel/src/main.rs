//! A kernel on kernel-vm for QEMU's riscv64 machine `virt`: it brings itself up, checks its page tables against the
//! MMU, says what it found, and turns the machine off.
//!
//! To read it as an example, begin with [`platform`] (the two traits), [`kernel_space`] (the kernel's own map),
//! [`user`] (a program in an address space of its own), [`page_fault`] (how its pages come), [`process`] (fork and
//! exec) and [`asids`] (how a hart goes from one space to another).
#![no_std]
#![no_main]

extern crate alloc;

mod asids;
mod boot;
mod checks;
mod console;
mod frames;
mod harts;
mod heap;
mod kernel_space;
mod layout;
mod lock;
mod memory;
mod mode;
mod once;
mod page_fault;
mod platform;
mod probe;
mod process;
mod rng;
mod sbi;
mod trap;
mod user;
mod user_memory;

use core::panic::PanicInfo;

/// The first hart, on its own stack, under the boot table.
fn start() -> ! {
    frames::init();
    kernel_space::init().expect("there is memory for the kernel's own map");
    kernel_space::activate();
    kernel_space::add_heap().expect("there is memory for the heap's map");
    harts::start_others();
    asids::begin(16);
    checks::run();
    sbi::shut_down()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    console::print_anyway(format_args!("FAIL  {info}"));
    sbi::shut_down()
}
