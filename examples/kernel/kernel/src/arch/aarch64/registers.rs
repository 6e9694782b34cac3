//! Programs at EL0: their registers, and their code.

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
    x: [usize; 31],
    sp: usize,
    pc: usize,
    pstate: usize,
    syndrome: usize,
    addr: usize,
}

/// EL0, with interrupts off.
const USER_MODE: usize = 0b1111 << 6;

impl Registers {
    /// A program that begins at `pc`.
    pub const fn new(pc: usize, stack: usize) -> Self {
        Self {
            x: [0; 31],
            sp: stack,
            pc,
            pstate: USER_MODE,
            syndrome: 0,
            addr: 0,
        }
    }

    pub const fn pc(&self) -> usize {
        self.pc
    }

    pub const fn arg(&self, number: usize) -> usize {
        self.x[number]
    }

    pub const fn set_arg(&mut self, number: usize, value: usize) {
        self.x[number] = value;
    }

    pub const fn call(&self) -> usize {
        self.x[8]
    }

    /// Every instruction has 4 bytes.
    pub const fn step_over(&mut self) {
        self.pc += 4;
    }

    /// Runs the program on this CPU until it traps. The CPU must be in its space.
    ///
    /// [`UserSpace::run`](crate::user::UserSpace::run) goes on where a page is to come.
    pub fn run(&mut self) -> Trap {
        // SAFETY: trap.S writes these registers and nothing else of ours, and comes back when the program traps. What
        // the program itself may touch are the user pages of its space.
        unsafe { enter_user(self) };
        if trap::is_call(self.syndrome) {
            return Trap::Call;
        }
        trap::fault(self.syndrome, self.addr).map_or(Trap::Other(self.syndrome), Trap::Fault)
    }
}
