//! A process on the machine, and the kernel's part in it, beside a model that knows every byte: its accesses.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use kernel_vm::backend::Entry;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{
    Access, Answer, FaultError, FrameAllocator, MapError, PhysAddr, Privilege, Stop, Stopped,
    Ticket, VirtAddr, VirtualMemoryManager,
};

use super::kernel::{CPUS, Kernel, Object, OwnAsid, Setting};
use super::mmu::Mmu;
use super::objects::{Key, Objects};
use super::page::Model;
use crate::subject::PAGE;

pub type Space<B> = VirtualMemoryManager<B, Object>;

/// A process whose page table the machine's own CPUs read.
pub type Process = ProcessOn<Sv39<Kernel>>;

/// A process: its space and its model, beside the kernel and its objects.
pub struct ProcessOn<B: Mmu> {
    pub kernel: Kernel,
    pub objects: Rc<Objects>,
    pub space: RefCell<Space<B>>,
    pub model: Rc<RefCell<Model>>,
    /// Where the last access was: in the middle of it, others are likely to be there, too.
    pub hot: Cell<usize>,
    /// Whether other CPUs may use the memory while a verb has the space to itself.
    pub is_open: Cell<bool>,
    pub root: PhysAddr,
    pub satp: u64,
    /// Given back behind the space's last flush.
    _asid: OwnAsid,
}

/// What became of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    Done(T),
    Refused,
    /// There was no frame.
    OutOfFrames,
    /// Another CPU is at the page.
    Busy,
}

pub fn addr(page: usize) -> VirtAddr {
    // In the second word, so that offsets within a page count.
    VirtAddr::new(page * PAGE + 8)
}

impl<B: Mmu> ProcessOn<B> {
    /// A process on a kernel of its own, and on all CPUs.
    pub fn new(setting: Setting) -> Self {
        let kernel = Kernel::new(setting);
        let objects = Rc::new(Objects::new(kernel.clone()));
        let process = Self::on(&kernel, &objects, setting).unwrap();
        (0..CPUS).for_each(|cpu| process.run_on(cpu));
        process
    }

    /// One that no CPU runs yet; `None` where there is no frame.
    pub fn on(kernel: &Kernel, objects: &Rc<Objects>, setting: Setting) -> Option<Self> {
        let table = B::make(kernel, setting)?;
        let asid = OwnAsid::new(kernel);
        let mut space = Space::for_payload(table);
        space.set_asid(asid.asid());
        let (root, satp) = (space.root_page_table(), B::satp(&space));
        let model = Rc::new(RefCell::new(Model::default()));
        let watching = model.clone();
        kernel.watch(root, move |flush| {
            let covers = |page| {
                let ranges = flush.ranges();
                ranges.is_none_or(|ranges| ranges.iter().any(|range| range.contains(addr(page))))
            };
            watching.borrow_mut().flushed(covers);
        });
        Some(Self {
            kernel: kernel.clone(),
            objects: objects.clone(),
            space: RefCell::new(space),
            model,
            hot: Cell::default(),
            is_open: Cell::new(false),
            root,
            satp,
            _asid: asid,
        })
    }

    /// Lets a CPU run it.
    pub fn run_on(&self, cpu: usize) {
        B::run_on(&self.kernel, cpu, self.satp);
    }

    /// Resolves a fault, as a kernel does.
    fn fault(&self, vaddr: VirtAddr, access: Access) -> Outcome<()> {
        let space = self.space.borrow();
        match space.handle_fault(vaddr, access, Privilege::User) {
            Ok(Answer::Resolved { .. } | Answer::Spurious { .. }) => Outcome::Done(()),
            Ok(Answer::NeedsFrame {
                ticket,
                map,
                offset,
            }) => {
                let object = map.payload().0;
                self.supply(&space, ticket, (object, page_of(offset)))
            }
            Err(FaultError::OutOfFrames { .. }) => Outcome::OutOfFrames,
            Err(FaultError::NotMapped { .. } | FaultError::Denied { .. }) => Outcome::Refused,
            Err(error) => panic!("{error}"),
        }
    }

    /// Supplies a page of an object, and what the cache has of its neighbours.
    fn supply(&self, space: &Space<B>, ticket: Ticket, key: Key) -> Outcome<()> {
        let Some(frame) = self.objects.page(key) else {
            return Outcome::OutOfFrames;
        };
        let neighbour = |offset| self.objects.cached((key.0, page_of(offset)));
        let Err(lost) = space.supply_around(ticket, frame, neighbour) else {
            return Outcome::Done(());
        };
        assert!(!lost.is_stale(), "the layout cannot have changed");
        let is_out = matches!(lost.error(), Some(MapError::OutOfFrames { .. }));
        assert_eq!(lost.found().is_some(), !is_out, "{lost}");
        self.kernel.release(lost.into_frame(), false);
        if is_out {
            Outcome::OutOfFrames
        } else {
            Outcome::Done(())
        }
    }

    /// Tries until it is done, resolving faults.
    fn retry<T>(
        &self,
        cpu: usize,
        access: Access,
        vaddr: VirtAddr,
        mut access_it: impl FnMut() -> Option<T>,
    ) -> Outcome<T> {
        self.hot.set(vaddr.get() / PAGE);
        for _ in 0..12 {
            let is_busy = self.space.borrow().backend().entry(vaddr) == Entry::Busy;
            if is_busy && self.kernel.is_interrupted() {
                // The CPU that this one has come in between is at that page: it would be waited for.
                return Outcome::Busy;
            }
            self.kernel.0.cpu.set(cpu);
            self.run_on(cpu);
            if let Some(answer) = access_it() {
                return Outcome::Done(answer);
            }
            self.kernel.0.cpu.set(cpu);
            match self.fault(vaddr, access) {
                Outcome::Done(()) => {}
                Outcome::Refused => return Outcome::Refused,
                Outcome::OutOfFrames => return Outcome::OutOfFrames,
                Outcome::Busy => return Outcome::Busy,
            }
        }
        if self.kernel.is_interrupted() && self.settle() {
            // The CPU that this one has come in between settles: it would be waited for, even where another has
            // flushed.
            return Outcome::Busy;
        }
        panic!("a fault that comes back for ever: {access:?} at {vaddr}");
    }

    /// Asserts that what was done was right, and that the model allows nothing that was refused.
    fn judge(&self, page: usize, access: Access, outcome: Outcome<bool>) {
        match outcome {
            Outcome::Done(is_right) => assert!(is_right, "{access:?} of page {page}"),
            Outcome::Refused => {
                let is_right = self.model.borrow().may_refuse(page, access);
                assert!(is_right, "{access:?} of page {page} is refused");
            }
            Outcome::OutOfFrames | Outcome::Busy => {}
        }
    }

    fn accepts(&self, page: usize, word: u64) -> bool {
        self.model.borrow_mut().accepts(&self.objects, page, word)
    }

    fn set(&self, page: usize, word: u64) -> bool {
        self.model.borrow_mut().set(&self.objects, page, word)
    }

    /// Whether the CPU's load was right; `None` for a fault.
    fn load_now(&self, cpu: usize, page: usize) -> Option<bool> {
        let word = B::load(&self.space, &self.kernel, cpu, addr(page))?;
        Some(self.accepts(page, word))
    }

    /// The same of its store.
    fn store_now(&self, cpu: usize, page: usize, word: u64) -> Option<bool> {
        B::store(&self.space, &self.kernel, cpu, addr(page), word)?;
        Some(self.set(page, word))
    }

    /// A program loads a word.
    pub fn load(&self, cpu: usize, page: usize) {
        let load = || self.load_now(cpu, page);
        let outcome = self.retry(cpu, Access::Read, addr(page), load);
        self.judge(page, Access::Read, outcome);
    }

    /// A program stores a word.
    pub fn store(&self, cpu: usize, page: usize, word: u64) {
        let store = || self.store_now(cpu, page, word);
        let outcome = self.retry(cpu, Access::Write, addr(page), store);
        self.judge(page, Access::Write, outcome);
    }

    /// A program loads and stores while a verb has the space to itself: faults would wait for that.
    pub fn access_meanwhile(&self, cpu: usize, page: usize, word: u64) {
        self.run_on(cpu);
        let loaded = self.load_now(cpu, page);
        assert_ne!(loaded, Some(false), "page {page}");
        let stored = self.store_now(cpu, page, word);
        assert_ne!(stored, Some(false), "page {page}");
    }

    /// The kernel reads a page for the program: each of its bytes.
    pub fn read(&self, cpu: usize, page: usize) {
        let read = || {
            let mut bytes = [0; PAGE];
            let start = VirtAddr::new(page * PAGE);
            let read = self.space.borrow().read(start, &mut bytes, Privilege::User);
            read.map_err(check_stop).ok()?;
            let word = u64::from_ne_bytes(*bytes[8..].first_chunk().unwrap());
            bytes[8..16].fill(0);
            Some(bytes == [0; PAGE] && self.accepts(page, word))
        };
        let outcome = self.retry(cpu, Access::Read, addr(page), read);
        self.judge(page, Access::Read, outcome);
    }

    /// The kernel writes a word for the program.
    pub fn write(&self, cpu: usize, page: usize, word: u64) {
        let write = || {
            let (space, bytes) = (self.space.borrow(), word.to_ne_bytes());
            let written = space.write(addr(page), &bytes, Privilege::User);
            written.map_err(check_stop).ok()?;
            Some(self.set(page, word))
        };
        let outcome = self.retry(cpu, Access::Write, addr(page), write);
        self.judge(page, Access::Write, outcome);
    }

    /// What must hold after every step.
    pub fn check(&self) {
        self.space.borrow().check_invariants().unwrap();
        if !self.model.borrow().waits() {
            self.kernel.check();
        }
    }

    /// Ends it all; every frame is back then.
    pub fn end(self) {
        let (kernel, objects) = (self.kernel.clone(), self.objects.clone());
        kernel.no_interrupts();
        (0..CPUS).for_each(|cpu| kernel.switch(cpu, 0));
        drop(self);
        objects.end();
        assert_eq!(kernel.0.machine.frames().frames_in_use(), 0);
    }
}

fn page_of(offset: u64) -> usize {
    usize::try_from(offset).unwrap() / PAGE
}

fn check_stop(stopped: Stopped) {
    let is_fault = matches!(stopped.why, Stop::Fault | Stop::Refused(_));
    assert!(is_fault, "{stopped}");
}
