//! Processes: programs that run in turns, call the kernel, fork, and become each other.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::AddAssign;

use kernel_vm::{Done, FaultError, ForkError, MapError};

use crate::arch::Registers;
use crate::probe::Fault;
use crate::user::{Entry, Trap, UserSpace, registers};

/// The calls of programs, by their numbers. The first argument is also the answer.
pub mod call {
    /// Ends the process, with the argument as its code.
    pub const EXIT: usize = 0;
    /// Adds the second argument to the first.
    pub const SUM: usize = 1;
    /// Copies, to the first argument from the second, as many bytes as the third.
    pub const COPY: usize = 2;
    /// Lets the others have their turns.
    pub const YIELD: usize = 3;
    /// Makes a child. Answers its number to the parent, and 0 to the child; or an error.
    pub const FORK: usize = 4;
    /// Becomes a program, by the number in the first argument; the program gets the second. Answers nothing, or an
    /// error.
    pub const EXEC: usize = 5;
}

/// There is no memory. A call answers its negative.
pub const NO_MEMORY: usize = 12;
/// There is no such program, or call.
pub const NONSENSE: usize = 22;
/// The exit code of a process that found something else than it should.
pub const WRONG: usize = 99;
/// What a parent writes, where children write their numbers.
pub const PARENT: usize = 1000;

/// The programs that a process can become, by their numbers.
const PROGRAMS: [Entry; 2] = [Entry::Worker, Entry::Overrun];
pub const WORKER: usize = 0;
pub const OVERRUN: usize = 1;

/// How the page faults of a process were resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    pub mapped: usize,
    pub zeroed: usize,
    pub copied: usize,
    pub reused: usize,
    pub others: usize,
}

impl Faults {
    pub fn count(&mut self, done: Option<Done>) {
        let one = match done {
            Some(Done::Mapped) => &mut self.mapped,
            Some(Done::Zeroed) => &mut self.zeroed,
            Some(Done::Copied) => &mut self.copied,
            Some(Done::Reused) => &mut self.reused,
            _ => &mut self.others,
        };
        *one += 1;
    }
}

impl AddAssign for Faults {
    fn add_assign(&mut self, other: Self) {
        self.mapped += other.mapped;
        self.zeroed += other.zeroed;
        self.copied += other.copied;
        self.reused += other.reused;
        self.others += other.others;
    }
}

/// How a process has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By its own call, with this code.
    Exited(usize),
    /// It did what it may not.
    Stopped(Fault),
    /// It touched a page, and there was no frame for it.
    Starved,
}

/// A process that has ended: its number, how, and what faults it had.
pub type Ended = (usize, End, Faults);

/// One process.
#[derive(Debug)]
struct Process {
    number: usize,
    user: UserSpace,
    registers: Registers,
    faults: Faults,
}

/// What a turn of a process ends with.
enum Turn {
    Yields,
    Ends(End),
    /// There is a child, or nothing, and the turn goes on.
    Goes(Option<Box<Process>>),
}

/// The processes of this CPU: each runs until it yields or ends. They are numbered from 1 on.
#[derive(Debug, Default)]
pub struct Processes {
    ready: VecDeque<Process>,
    ended: Vec<Ended>,
    newest: usize,
}

impl Processes {
    /// Makes a process of a program, which finds these as its arguments.
    ///
    /// # Errors
    /// There is no frame left.
    pub fn start(&mut self, entry: Entry, with: [usize; 3]) -> Result<(), MapError> {
        let user = UserSpace::with_program()?;
        let registers = registers(entry, &with);
        self.newest += 1;
        self.ready.push_back(Process {
            number: self.newest,
            user,
            registers,
            faults: Faults::default(),
        });
        Ok(())
    }

    /// Runs all processes until all have ended. Answers how, in the order of their numbers.
    pub fn run(mut self) -> Vec<Ended> {
        while self.turn() {}
        self.ended.sort_by_key(|&(number, ..)| number);
        self.ended
    }

    /// Gives the next process its turn; answers whether there was one.
    pub fn turn(&mut self) -> bool {
        let Some(mut process) = self.ready.pop_front() else {
            return false;
        };
        process.user.activate();
        loop {
            match process.step(self.newest + 1) {
                Turn::Goes(child) => {
                    self.newest += usize::from(child.is_some());
                    self.ready.extend(child.map(|child| *child));
                }
                Turn::Yields => {
                    self.ready.push_back(process);
                    return true;
                }
                Turn::Ends(end) => {
                    self.ended.push((process.number, end, process.faults));
                    return true;
                }
            }
        }
    }
}

impl Process {
    /// Runs it on this CPU, which is in its space, until it traps, and does what the trap asks for. `next` is the
    /// number of the next child.
    fn step(&mut self, next: usize) -> Turn {
        match self.registers.run() {
            Trap::Fault(fault) => self.fault(fault),
            Trap::Call => self.call(next),
            Trap::Other(_) => Turn::Ends(End::Exited(NONSENSE)),
        }
    }

    fn fault(&mut self, fault: Fault) -> Turn {
        match self.user.page_fault(fault) {
            Ok(done) => {
                self.faults.count(done);
                Turn::Goes(None)
            }
            Err(FaultError::OutOfFrames { .. }) => Turn::Ends(End::Starved),
            Err(_) => Turn::Ends(End::Stopped(fault)),
        }
    }

    fn call(&mut self, next: usize) -> Turn {
        let [a0, a1] = [0, 1].map(|number| self.registers.arg(number));
        let answer = match self.registers.call() {
            call::EXIT => return Turn::Ends(End::Exited(a0)),
            call::YIELD => return Turn::Yields,
            call::FORK => self.fork(next),
            call::EXEC => self.exec(a0, a1).map(|()| None),
            _ => Err(NONSENSE),
        };
        answer.map_or_else(
            |error| {
                self.registers.set_arg(0, error.wrapping_neg());
                Turn::Goes(None)
            },
            Turn::Goes,
        )
    }

    fn fork(&mut self, number: usize) -> Result<Option<Box<Self>>, usize> {
        let user = self.user.fork().map_err(code)?;
        let mut registers = self.registers.clone();
        registers.set_arg(0, 0);
        self.registers.set_arg(0, number);
        Ok(Some(Box::new(Self {
            number,
            user,
            registers,
            faults: Faults::default(),
        })))
    }

    /// A fresh space takes the place of the old, once nothing can fail any more.
    fn exec(&mut self, program: usize, with: usize) -> Result<(), usize> {
        let entry = PROGRAMS.get(program).ok_or(NONSENSE)?;
        let user = UserSpace::with_program().map_err(|error| code(error.into()))?;
        user.activate();
        self.user = user;
        self.registers = registers(*entry, &[with]);
        Ok(())
    }
}

/// What a program is told of it. Any other error than this one is the kernel's own mistake.
fn code(error: ForkError) -> usize {
    match error {
        ForkError::Map(MapError::OutOfFrames { .. }) => NO_MEMORY,
        error => panic!("{error}"),
    }
}
