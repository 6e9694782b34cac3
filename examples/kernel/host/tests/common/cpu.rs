//! The machine of this test, and which of its CPUs this thread is.

use std::cell::{Cell, RefCell};
use std::ptr;

use kernel_vm::backend::mock::machine::{self, Machine};

use super::Cpus;
use crate::cpus::{self, Cpu, CpuSet};
use crate::layout;

thread_local! {
    static MACHINE: RefCell<Option<Machine<Cpus>>> = const { RefCell::new(None) };
    static THIS: Cell<*const Cpu> = const { Cell::new(ptr::null()) };
}

/// There is nothing beside the number.
#[derive(Debug)]
pub struct Own;

impl Own {
    pub const fn new() -> Self {
        Self
    }
}

pub fn set_this(cpu: &'static Cpu) {
    THIS.set(cpu);
}

pub fn this() -> *const Cpu {
    THIS.get()
}

/// A machine over the pool's memory, from now on this thread's.
pub fn new_machine(seed: u64) -> Machine<Cpus> {
    // SAFETY: frames are reached by kernel-vm, as atomics, and by the pool's list, when they are free. CPUs load and
    // store where a program may, so in its own pages alone. All of a machine is one thread.
    let machine = unsafe { Machine::with_architecture(layout::host_frames(), seed, super::cpus()) };
    super::set_up(&machine);
    MACHINE.set(Some(machine.clone()));
    machine
}

pub fn machine() -> Machine<Cpus> {
    let machine = MACHINE.with_borrow(Clone::clone);
    machine.expect("a test makes a machine first")
}

/// Does something to the CPU that this thread is.
pub fn with<R>(f: impl FnOnce(machine::Cpu<'_, Cpus>) -> R) -> R {
    on(cpus::this().id(), f)
}

/// Does something to a CPU.
pub fn on<R>(cpu: usize, f: impl FnOnce(machine::Cpu<'_, Cpus>) -> R) -> R {
    f(machine().cpu(cpu))
}

/// All CPUs of the machine are this thread.
pub fn start_cpu(_id: usize) -> bool {
    false
}

pub fn nap() {}

pub fn wake(_others: CpuSet) {}
