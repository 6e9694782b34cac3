//! A program in an address space of its own.

use alloc::sync::Arc;

use kernel_vm::lock::{ReadGuard, WriteGuard};
use kernel_vm::{Activation, MapError, Permissions, PhysAddr};

use crate::arch::{self, Registers};
use crate::asids::Tags;
use crate::layout::{PAGE, area, direct};
use crate::memory::{RW, RX, Space, SpaceLock, U, alloc, anonymous, provided};
use crate::mode::PageTable;
use crate::probe::Fault;
use crate::{cpus, kernel_space, platform};

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

/// An address space for a program: the lower half, with the kernel in the upper.
///
/// Page faults read it on any number of CPUs, and system calls that change it write. Its root and its tags stand beside the
/// lock: a switch does not wait for a call.
#[derive(Debug)]
pub struct UserSpace {
    space: SpaceLock,
    root: PhysAddr,
    tags: Arc<Tags>,
}

impl UserSpace {
    /// An empty space.
    pub fn new() -> Result<Self, MapError> {
        let tags = Tags::new();
        let platform = platform::for_program(tags.clone());
        let table =
            kernel_space::look(|kernel| PageTable::with_kernel(platform, kernel.backend()))?;
        let space = Space::for_payload(table);
        let root = space.root_page_table();
        let space = SpaceLock::new(space);
        Ok(Self { space, root, tags })
    }

    /// A space that has the programs loaded.
    pub fn with_program() -> Result<Self, MapError> {
        let user = Self::new()?;
        user.load_program()?;
        Ok(user)
    }

    /// The space, for a CPU that looks, or resolves a fault. Not to be asked for again before it is given back.
    pub fn look(&self) -> ReadGuard<'_, Space> {
        self.space.read(cpus::this().id())
    }

    /// The space, for whoever changes its maps.
    pub fn change(&self) -> WriteGuard<'_, Space> {
        self.space.write()
    }

    pub fn root(&self) -> PhysAddr {
        self.root
    }

    /// Makes this CPU translate through it, until it is dropped or another is activated.
    pub fn activate(&self) {
        let _ = self.switch();
    }

    /// The same, and says under which ASID, and whether this CPU has forgotten everything.
    pub fn switch(&self) -> Activation {
        // SAFETY: the space has all that the kernel has in the upper half, in the same mode; and this CPU leaves it
        // before it goes (`drop`).
        unsafe { self.tags.activate(self.root) }
    }

    /// What a switch to it takes, beside its root.
    pub fn tags(&self) -> Arc<Tags> {
        self.tags.clone()
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
}

impl Drop for UserSpace {
    /// Other CPUs must have left it. kernel-vm flushes all that was ever valid in it.
    fn drop(&mut self) {
        if arch::lower_root() == self.root {
            kernel_space::activate();
        }
    }
}
