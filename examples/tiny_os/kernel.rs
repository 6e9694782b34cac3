//! The kernel: processes, a page cache and the page-fault handler.

use std::collections::{BTreeMap, btree_map::Entry};

use kernel_vm::backend::mock::machine::{self, Machine};
use kernel_vm::backend::{mock::HostFrames, sv39::Sv39};
use kernel_vm::{Access, Answer, Asid, Done, Frame, FrameAllocator, Inherit, Payload};
use kernel_vm::{Privilege, SharedPages, VirtAddr, VirtualMemoryManager};

use crate::{Result, program::Program};

/// What the kernel keeps with a map: the object that it shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Object {
    Program,
    Bss,
    Heap,
    Shared,
    Guard,
    Stack,
}

impl Payload for Object {
    fn split_at(&mut self, _offset: usize) -> Self {
        *self
    }

    fn can_join(&self, _len: usize, right: &Self) -> bool {
        self == right
    }
}

/// The machine is the platform: it hands out frames, tells CPUs to forget, and counts.
pub type Space = VirtualMemoryManager<Sv39<Machine>, Object>;

/// A process, with a CPU of its own.
pub struct Process {
    pub name: &'static str,
    pub space: Space,
    cpu: u16,
}

pub struct Kernel {
    pub machine: Machine,
    pub program: Program,
    /// Pages of the program, by offset. Each is read once; the spaces have references.
    cache: BTreeMap<u64, Frame>,
    shared: SharedPages<Machine>,
    /// The model: each byte that is not 0, by owner and address. It knows nothing of pages.
    pub expected: BTreeMap<(&'static str, usize), u8>,
    pub faults: usize,
    pub copies: usize,
    pub flushes: usize,
}

/// A CPU that does not translate: it stands for the disk, which writes to physical addresses.
const DISK: usize = 9;

impl Kernel {
    pub fn boot(file: &'static [u8]) -> Result<Self> {
        #[expect(unsafe_code, reason = "its CPUs write memory")]
        // SAFETY: only page tables and CPUs reach frames, and no page leads to a table. The disk writes frames that the
        // page cache has just taken, and no others.
        let machine = unsafe { Machine::new(HostFrames::new(64), 42) };
        Ok(Self {
            program: Program::parse(file)?,
            cache: BTreeMap::new(),
            shared: SharedPages::new(machine.clone()),
            expected: BTreeMap::new(),
            faults: 0,
            copies: 0,
            flushes: 0,
            machine,
        })
    }

    fn process(&self, name: &'static str, cpu: u16) -> Result<Process> {
        let mut space = Space::for_payload(Sv39::new(self.machine.clone())?);
        space.set_asid(Asid::new(cpu));
        Ok(Process { name, space, cpu })
    }

    pub fn exec(&mut self, name: &'static str, cpu: u16) -> Result<Process> {
        let mut process = self.process(name, cpu)?;
        self.program.map_into(&mut process.space)?;
        let bytes = self.program.bytes();
        self.expected
            .extend(bytes.map(|(at, byte)| ((name, at), byte)));
        Ok(self.start(process))
    }

    pub fn fork(&mut self, parent: &mut Process, name: &'static str, cpu: u16) -> Result<Process> {
        let mut child = self.process(name, cpu)?;
        parent.space.fork_into(&mut child.space, Inherit::posix)?;
        for ((owner, at), byte) in self.expected.clone() {
            if owner == parent.name {
                self.expected.insert((name, at), byte);
            }
        }
        Ok(self.start(child))
    }

    /// Lets the process's CPU translate by its page table, in user mode.
    fn start(&self, process: Process) -> Process {
        let satp = process.space.backend().satp(process.space.asid());
        self.cpu(&process).write_satp(satp.bits());
        self.cpu(&process).set_privilege(machine::Privilege::User);
        process
    }

    /// Drops a space, which no CPU may be in then.
    pub fn exit(&self, process: Process) {
        self.cpu(&process).write_satp(0);
    }

    /// Gives back what the kernel keeps for processes to come.
    pub fn drop_caches(&mut self) {
        while let Some((_, frame)) = self.cache.pop_first() {
            self.machine.release(frame, false);
        }
        self.shared = SharedPages::new(self.machine.clone());
    }

    pub fn cpu(&self, process: &Process) -> machine::Cpu<'_> {
        self.machine.cpu(process.cpu.into())
    }

    /// The page-fault handler: resolves the fault, and says how. An error is the process's mistake, for a signal, or
    /// there is no frame.
    pub fn fault(&mut self, space: &Space, at: VirtAddr, access: Access) -> Result<String> {
        let (done, from) = match space.handle_fault(at, access, Privilege::User)? {
            Answer::Spurious { .. } => return Ok("Spurious".into()),
            Answer::Resolved { done, .. } => (done, ""),
            Answer::NeedsFrame {
                ticket,
                map,
                offset,
            } => {
                let (frame, from) = match map.payload() {
                    Object::Shared => (self.shared.page(offset)?, " from shared memory"),
                    _ => self.page_of_program(offset)?,
                };
                match space.supply(ticket, frame) {
                    Ok(done) => (done, from),
                    Err(lost) => {
                        let error = lost.error();
                        self.machine.release(lost.into_frame(), false);
                        // Without an error, another CPU was first, or the layout has changed: the process tries again.
                        return error.map_or(Ok("Spurious".into()), |error| Err(error.into()));
                    }
                }
            }
        };
        self.copies += usize::from(done == Done::Copied);
        Ok(format!("{done:?}{from}"))
    }

    /// One more reference to a page of the program, and where the page was.
    fn page_of_program(&mut self, offset: u64) -> Result<(Frame, &'static str)> {
        let (page, from) = match self.cache.entry(offset) {
            Entry::Occupied(page) => (page.into_mut(), " from the page cache"),
            Entry::Vacant(place) => {
                let frame = self.machine.alloc().ok_or("out of frames")?;
                let at = VirtAddr::new(usize::try_from(frame.addr().get())?);
                let bytes = self.program.page(usize::try_from(offset)?);
                self.machine.cpu(DISK).store(at, &bytes)?;
                (place.insert(frame), " from the file")
            }
        };
        Ok((self.machine.share_frame(page)?, from))
    }
}
