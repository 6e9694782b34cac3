//! Programs in ring 3: their registers, and their code.

use core::arch::global_asm;

use super::descriptors::{self, USER_CODE, USER_DATA};
use super::{cpu, trap};
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

/// What a program has in its registers, as trap.S and the CPU push it; and why it has trapped. The CPU aligns its stack
/// to 16 bytes before it pushes.
#[derive(Clone, Debug)]
#[repr(C, align(16))]
pub struct Registers {
    rax: usize,
    rcx: usize,
    rdx: usize,
    rbx: usize,
    rbp: usize,
    rsi: usize,
    rdi: usize,
    /// r8 to r15.
    r: [usize; 8],
    vector: usize,
    error: usize,
    rip: usize,
    cs: usize,
    rflags: usize,
    rsp: usize,
    ss: usize,
}

const _: () = assert!(size_of::<Registers>() == 22 * 8);

impl Registers {
    /// A program that begins at `pc`, with interrupts on.
    pub const fn new(pc: usize, stack: usize) -> Self {
        Self {
            rax: 0,
            rcx: 0,
            rdx: 0,
            rbx: 0,
            rbp: 0,
            rsi: 0,
            rdi: 0,
            r: [0; 8],
            vector: 0,
            error: 0,
            rip: pc,
            cs: USER_CODE as usize,
            rflags: 1 << 9 | 1 << 1,
            rsp: stack,
            ss: USER_DATA as usize,
        }
    }

    pub const fn pc(&self) -> usize {
        self.rip
    }

    pub const fn arg(&self, number: usize) -> usize {
        [self.rdi, self.rsi, self.rdx, self.r[2], self.r[0]][number]
    }

    pub const fn set_arg(&mut self, number: usize, value: usize) {
        let register = match number {
            0 => &mut self.rdi,
            1 => &mut self.rsi,
            2 => &mut self.rdx,
            3 => &mut self.r[2],
            4 => &mut self.r[0],
            _ => panic!("there are 5 arguments"),
        };
        *register = value;
    }

    pub const fn call(&self) -> usize {
        self.rax
    }

    /// Those accesses have 3 bytes in user.S.
    pub const fn step_over(&mut self) {
        self.rip += 3;
    }

    /// Runs the program on this CPU until it traps. The CPU must be in its space.
    ///
    /// [`UserSpace::run`](crate::user::UserSpace::run) goes on where a page is to come.
    pub fn run(&mut self) -> Trap {
        const CALL: usize = descriptors::CALL as usize;
        // SAFETY: trap.S writes these registers and nothing else of ours, and comes back when the program traps. What
        // the program itself may touch are the user pages of its space.
        unsafe { enter_user(self) };
        let addr = trap::fault_address();
        // Nothing has trapped since.
        cpu::enable_interrupts();
        match self.vector {
            CALL => Trap::Call,
            trap::PAGE_FAULT => {
                trap::fault(self.error, addr, true).map_or(Trap::Other(self.error), Trap::Fault)
            }
            vector => Trap::Other(vector),
        }
    }
}
