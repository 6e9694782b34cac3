//! A program in an address space of its own.

use kernel_vm::{Done, FaultError, MapError, Permissions, VirtAddr};

use crate::arch::Registers;
use crate::layout::{PAGE, area, direct};
use crate::memory::{RW, RX, U, alloc, anonymous, provided};
use crate::probe::Fault;

pub use crate::user_space::UserSpace;

unsafe extern "C" {
    static user_start: u8;
    static user_program: u8;
    static user_toucher: u8;
    static user_writer: u8;
    static user_watcher: u8;
    static user_load: u8;
    static user_store: u8;
    static user_worker: u8;
    static user_overrun: u8;
    static user_shell: u8;
    static user_becomer: u8;
    static user_family: u8;
    static user_thread: u8;
}

/// Where a program has its code, of one page.
pub const CODE: usize = 0x1_0000;
/// Its stack, from the top down, and the guard page below that.
pub const STACK_TOP: usize = 0x10_0000;
pub const STACK: usize = STACK_TOP - 16 * PAGE;
pub const GUARD: usize = STACK - PAGE;
/// Its heap, in a table of its own.
pub const HEAP: usize = 0x40_0000;
pub const HEAP_SIZE: usize = 64 * PAGE;

/// The programs of `user.S` and `programs.S`, which each architecture has.
#[derive(Clone, Copy, Debug)]
pub enum Entry {
    Program,
    Toucher,
    Writer,
    Watcher,
    Load,
    Store,
    Worker,
    Overrun,
    Shell,
    Becomer,
    Family,
    Thread,
}

impl Entry {
    /// Where it is in a space that has the program loaded.
    pub fn addr(self) -> usize {
        let symbol = match self {
            Self::Program => &raw const user_program,
            Self::Toucher => &raw const user_toucher,
            Self::Writer => &raw const user_writer,
            Self::Watcher => &raw const user_watcher,
            Self::Load => &raw const user_load,
            Self::Store => &raw const user_store,
            Self::Worker => &raw const user_worker,
            Self::Overrun => &raw const user_overrun,
            Self::Shell => &raw const user_shell,
            Self::Becomer => &raw const user_becomer,
            Self::Family => &raw const user_family,
            Self::Thread => &raw const user_thread,
        };
        CODE + symbol.addr() - (&raw const user_start).addr()
    }
}

/// Why a program has trapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// It calls the kernel, and goes on behind the call.
    Call,
    Fault(Fault),
    Other(usize),
}

/// The registers of a program that begins at `entry`, on an empty stack, and finds these as its arguments.
pub fn registers(entry: Entry, with: &[usize]) -> Registers {
    registers_at(entry.addr(), with)
}

/// The same for any address.
pub fn registers_at(pc: usize, with: &[usize]) -> Registers {
    let mut registers = Registers::new(pc, STACK_TOP);
    for (number, &value) in with.iter().enumerate() {
        registers.set_arg(number, value);
    }
    registers
}

impl UserSpace {
    /// A space that has the programs loaded.
    pub fn with_program() -> Result<Self, MapError> {
        let user = Self::new()?;
        user.load_program()?;
        Ok(user)
    }

    /// Maps the code in user.S, a stack with a guard page below, and a heap. None of it is there before it is touched.
    pub fn load_program(&self) -> Result<(), MapError> {
        let frame = alloc()?;
        let page = core::ptr::with_exposed_provenance_mut::<u8>(direct(frame.addr()));
        // SAFETY: the code is one page of rodata, as user.S aligns it, and the frame is ours alone.
        unsafe { page.copy_from_nonoverlapping(&raw const user_start, PAGE) };
        let maps = [
            provided(CODE, frame, RX | U)?,
            anonymous(area(GUARD, PAGE), Permissions::empty())?,
            anonymous(area(STACK, STACK_TOP - STACK), RW | U)?,
            anonymous(area(HEAP, HEAP_SIZE), RW | U)?,
        ];
        let mut space = self.change();
        maps.into_iter()
            .try_for_each(|map| Ok(space.add_memory_map(map)?))
    }

    /// Runs a program on this CPU, which must be in this space, until it calls the kernel, or does what it may not.
    pub fn run(&self, program: &mut Registers) -> Trap {
        self.run_with(program, |_, _| ())
    }

    /// The same, and tells of each fault that was resolved, and how.
    pub fn run_with(
        &self,
        program: &mut Registers,
        mut tell: impl FnMut(Fault, Option<Done>),
    ) -> Trap {
        loop {
            match program.run() {
                Trap::Fault(fault) => match self.page_fault(fault) {
                    Ok(done) => tell(fault, done),
                    Err(_) => return Trap::Fault(fault),
                },
                trap => return trap,
            }
        }
    }

    /// Resolves the fault of a program on this CPU, and says what was done. `None`: there was nothing to do but to try
    /// again.
    ///
    /// # Errors
    /// The program has made a mistake, or there is no frame left.
    pub fn page_fault(&self, fault: Fault) -> Result<Option<Done>, FaultError> {
        self.fault_in(VirtAddr::new(fault.addr), fault.access)
    }
}
