//! A kernel on kernel-vm for one of QEMU's machines, whose architecture the build is for: it brings itself up, checks
//! its page tables against the MMU, says what it found, and turns the machine off.
//!
//! To read it as an example, begin with [`platform`] (the two traits), [`kernel_space`] (the kernel's own map),
//! [`user_space`] (a program's space, and fork), [`page_fault`] (how its pages come), [`process`] (programs that fork
//! and exec) and [`asids`] (how a CPU goes from one space to another). What differs between architectures is in
//! [`arch`].
#![no_std]
#![no_main]

extern crate alloc;

mod arch;
mod asids;
mod checks;
mod console;
mod cpus;
mod fault;
mod frames;
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
mod user;
mod user_memory;
mod user_space;

use core::panic::PanicInfo;

/// Every CPU comes here from the architecture's boot code, on its own stack, at its place in the upper half;
/// translation goes through a boot table, which maps physical memory there. CPUs are numbered from 0 on.
fn enter(id: usize, is_first: bool) -> ! {
    cpus::init(id);
    arch::init(is_first);
    asids::probe();
    cpus::announce();
    if is_first {
        start();
    }
    kernel_space::activate();
    cpus::serve()
}

/// The first CPU, on its own stack, under the boot table.
fn start() -> ! {
    frames::init();
    kernel_space::init().expect("there is memory for the kernel's own map");
    kernel_space::activate();
    kernel_space::add_heap().expect("there is memory for the heap's map");
    cpus::start_others();
    asids::begin(16);
    checks::run();
    arch::shut_down()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    console::print_anyway(format_args!("FAIL  {info}"));
    arch::shut_down()
}
