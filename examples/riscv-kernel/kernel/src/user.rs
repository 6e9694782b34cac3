//! A program in an address space of its own.

use core::arch::global_asm;

use kernel_vm::backend::riscv::{self, Satp};
use kernel_vm::{Asid, MapError, Permissions};

use crate::kernel_space;
use crate::layout::{PAGE, area, direct};
use crate::lock::Lock;
use crate::memory::{RW, RX, Space, U, alloc, anonymous, provided};
use crate::mode::PageTable;
use crate::platform::KernelPlatform;
use crate::probe::Fault;

global_asm!(include_str!("user.S"));

unsafe extern "C" {
    fn enter_user(registers: *mut Registers);
    static user_start: u8;
    static user_program: u8;
    static user_toucher: u8;
    static user_writer: u8;
    static user_watcher: u8;
    static user_load: u8;
    static user_store: u8;
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

/// What user.S has.
#[derive(Clone, Copy, Debug)]
pub enum Entry {
    Program,
    Toucher,
    Writer,
    Watcher,
    Load,
    Store,
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
        };
        CODE + symbol.addr() - (&raw const user_start).addr()
    }
}

/// What a program has in its registers, as trap.S keeps it; and why it has trapped.
#[derive(Debug)]
#[repr(C)]
pub struct Registers {
    /// Register n at n; at 0, where there is nothing to keep, trap.S has the kernel's stack pointer.
    pub x: [usize; 32],
    pub pc: usize,
    cause: usize,
    addr: usize,
}

pub const SP: usize = 2;
pub const S0: usize = 8;
pub const S1: usize = 9;
pub const A0: usize = 10;
pub const A1: usize = 11;
pub const A2: usize = 12;
pub const A7: usize = 17;
pub const S3: usize = 19;

/// Why a program has trapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// It calls the kernel.
    Call,
    Fault(Fault),
    Other(usize),
}

impl Registers {
    /// A program that begins at `pc`.
    pub const fn new(pc: usize) -> Self {
        let (cause, addr) = (0, 0);
        let mut x = [0; 32];
        x[SP] = STACK_TOP;
        Self { x, pc, cause, addr }
    }

    /// Runs the program on this hart until it traps. The hart must be in its space.
    ///
    /// [`UserSpace::run`] goes on where a page is to come.
    pub fn run(&mut self) -> Trap {
        // SAFETY: trap.S writes these registers and nothing else of ours, and comes back when the program traps. What
        // the program itself may touch are the user pages of its space.
        unsafe { enter_user(self) };
        let Self { cause, addr, .. } = *self;
        match cause {
            8 => Trap::Call,
            12 | 13 | 15 => Trap::Fault(Fault { cause, addr }),
            other => Trap::Other(other),
        }
    }
}

/// Which ASIDs are in use, a bit each; 0 is the kernel's own. So 6 bits of an ASID must count. A kernel for machines that
/// have fewer, or for more spaces, lends them out in turns, with a flush when it begins anew.
static ASIDS: Lock<u64> = Lock::new(1);

/// An address space for a program: the lower half, with the kernel in the upper.
#[derive(Debug)]
pub struct UserSpace {
    pub space: Space,
}

impl UserSpace {
    /// An empty space.
    pub fn new() -> Result<Self, MapError> {
        let table =
            kernel_space::with(|kernel| PageTable::with_kernel(KernelPlatform, kernel.backend()))?;
        let mut space = Space::for_payload(table);
        let mut asids = ASIDS.lock();
        let asid = asids.trailing_ones();
        assert!(asid < 64, "this kernel has few spaces at once");
        *asids |= 1 << asid;
        space.set_asid(Asid::new(asid as u16));
        Ok(Self { space })
    }

    /// Makes this hart translate through it, until it is dropped or another is activated. Nothing of its ASID is cached
    /// that is not its own: when a space ends, kernel-vm has flushed all that was ever valid in it.
    pub fn activate(&self) {
        // SAFETY: the space has all that the kernel has in the upper half, in the same mode; and this hart leaves it
        // before it goes (`drop`).
        unsafe { riscv::activate(self.satp()) };
    }

    /// What makes a hart translate through it.
    pub fn satp(&self) -> Satp {
        self.space.backend().satp(self.space.asid())
    }

    /// Maps the code in user.S, a stack with a guard page below, and a heap. None of it is there before it is touched.
    pub fn load_program(&mut self) -> Result<(), MapError> {
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
        maps.into_iter()
            .try_for_each(|map| Ok(self.space.add_memory_map(map)?))
    }
}

impl Drop for UserSpace {
    /// Other harts must have left it. The ASID is free when all that was cached under it is flushed.
    fn drop(&mut self) {
        if riscv::current() == self.satp() {
            kernel_space::activate();
        }
        drop(self.space.remove_all_memory_maps());
        *ASIDS.lock() &= !(1 << self.space.asid().get());
    }
}
