//! Programs in U-mode: their registers, and their code.

use core::arch::global_asm;

use super::trap;
use crate::layout::PAGE;
use crate::process::{self, call};
use crate::user::{HEAP, Trap};

global_asm!(
    include_str!("user.S"),
    include_str!("programs.S"),
    heap = const HEAP,
    page = const PAGE,
    exit = const call::EXIT,
    sum = const call::SUM,
    copy = const call::COPY,
    yield_ = const call::YIELD,
    fork = const call::FORK,
    exec = const call::EXEC,
    worker = const process::WORKER,
    overrun = const process::OVERRUN,
    wrong = const process::WRONG,
    parent = const process::PARENT,
);

unsafe extern "C" {
    fn enter_user(registers: *mut Registers);
}

/// What a program has in its registers, as trap.S keeps it; and why it has trapped.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Registers {
    /// Register n at n; at 0, where there is nothing to keep, trap.S has the kernel's stack pointer.
    x: [usize; 32],
    pc: usize,
    cause: usize,
    addr: usize,
}

const SP: usize = 2;
const A0: usize = 10;
const A7: usize = 17;

impl Registers {
    /// A program that begins at `pc`.
    pub const fn new(pc: usize, stack: usize) -> Self {
        let (cause, addr) = (0, 0);
        let mut x = [0; 32];
        x[SP] = stack;
        Self { x, pc, cause, addr }
    }

    pub const fn pc(&self) -> usize {
        self.pc
    }

    pub const fn arg(&self, number: usize) -> usize {
        self.x[A0 + number]
    }

    pub const fn set_arg(&mut self, number: usize, value: usize) {
        self.x[A0 + number] = value;
    }

    pub const fn call(&self) -> usize {
        self.x[A7]
    }

    /// Every instruction in user.S has 4 bytes.
    pub const fn step_over(&mut self) {
        self.pc += 4;
    }

    /// Runs the program on this hart until it traps. The hart must be in its space.
    ///
    /// [`UserSpace::run`](crate::user::UserSpace::run) goes on where a page is to come.
    pub fn run(&mut self) -> Trap {
        /// A call from U-mode.
        const CALL: usize = 8;
        // SAFETY: trap.S writes these registers and nothing else of ours, and comes back when the program traps. What
        // the program itself may touch are the user pages of its space.
        unsafe { enter_user(self) };
        if self.cause == CALL {
            self.step_over();
            return Trap::Call;
        }
        trap::fault(self.cause, self.addr).map_or(Trap::Other(self.cause), Trap::Fault)
    }
}
