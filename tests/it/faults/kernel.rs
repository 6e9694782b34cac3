//! A kernel that resolves faults: a platform on the machine, and objects whose pages it supplies.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::rc::Rc;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::mock::machine::{Extensions, Machine};
use kernel_vm::backend::radix::{self, AccessedDirty};
use kernel_vm::{
    AllocatorId, Asid, FRAME_SIZE, Flush, Frame, FrameAllocator, Payload, PhysAddr, ShareError, Tlb,
};

pub const CPUS: usize = 4;

/// Which kernel it is.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub seed: u64,
    pub frames: usize,
    pub policy: AccessedDirty,
    /// Whether `made_valid` does nothing, as it may where a fault handler fences and tries again.
    pub is_lazy: bool,
}

impl Setting {
    pub fn radix(self) -> radix::Features {
        radix::Features::new().with_accessed_dirty(self.policy)
    }
}

/// What is done once.
pub type Change = Box<dyn FnOnce()>;

/// What hears of flushes.
pub type Watcher = Rc<dyn Fn(&Flush<'_>)>;

/// The machine, a CPU that runs the kernel at this moment, and a hook that is called in the middle of verbs.
pub struct Board {
    pub machine: Machine,
    pub cpu: Cell<usize>,
    is_lazy: bool,
    interrupt: RefCell<Option<Box<dyn Fn()>>>,
    is_interrupted: Cell<bool>,
    /// How many allocations until one fails; 0: none.
    pub failing: Cell<usize>,
    /// Whether the next flush panics.
    pub panics: Cell<bool>,
    /// Frames that came back as dirty.
    pub dirty: RefCell<Vec<PhysAddr>>,
    /// What is done when the page table with this root is flushed next: all CPUs have just forgotten.
    changes: RefCell<BTreeMap<PhysAddr, Change>>,
    /// Who hears of every flush of the page table with this root: all CPUs have just forgotten.
    watchers: RefCell<BTreeMap<PhysAddr, Watcher>>,
    /// The `satp` of each CPU.
    running: [Cell<u64>; CPUS],
    /// A bit for each ASID that is taken.
    asids: Cell<u32>,
}

/// An `Rc` is another crate's: so the platform is in one.
#[derive(Clone)]
pub struct Kernel(pub Rc<Board>);

impl Kernel {
    pub fn new(setting: Setting) -> Self {
        let svadu = setting.policy == AccessedDirty::Hardware;
        let extensions = Extensions::new().with_svadu(svadu);
        #[expect(unsafe_code, reason = "a machine writes any of its frames")]
        // SAFETY: frames are reached by CPUs and by the crate, which use atomics of 8 bytes. CPUs store to pages alone.
        let machine = unsafe {
            Machine::with_extensions(HostFrames::new(setting.frames), setting.seed, extensions)
        };
        Self(Rc::new(Board {
            machine,
            cpu: Cell::new(0),
            is_lazy: setting.is_lazy,
            interrupt: RefCell::new(None),
            is_interrupted: Cell::new(false),
            failing: Cell::new(0),
            panics: Cell::new(false),
            dirty: RefCell::new(Vec::new()),
            changes: RefCell::default(),
            watchers: RefCell::default(),
            running: Default::default(),
            asids: Cell::new(0),
        }))
    }

    /// Lets `hook` run in the middle of verbs.
    pub fn interrupt_with(&self, hook: impl Fn() + 'static) {
        *self.0.interrupt.borrow_mut() = Some(Box::new(hook));
    }

    pub fn no_interrupts(&self) {
        *self.0.interrupt.borrow_mut() = None;
    }

    /// Lets `change` happen at the next flush of the page table with this root.
    pub fn at_flush(&self, root: PhysAddr, change: impl FnOnce() + 'static) {
        self.0.changes.borrow_mut().insert(root, Box::new(change));
    }

    /// Lets `watcher` hear of all flushes of the page table with this root, instead of the one before.
    pub fn watch(&self, root: PhysAddr, watcher: impl Fn(&Flush<'_>) + 'static) {
        self.0.watchers.borrow_mut().insert(root, Rc::new(watcher));
    }

    /// Whether a CPU has come in between: another waits for it.
    pub fn is_interrupted(&self) -> bool {
        self.0.is_interrupted.get()
    }

    /// The change that has not happened yet.
    pub fn take_change(&self, root: PhysAddr) -> Option<Change> {
        self.0.changes.borrow_mut().remove(&root)
    }

    /// Lets a CPU go on with this `satp`. As on hardware, what it has cached stays.
    pub fn switch(&self, cpu: usize, satp: u64) {
        if self.0.running[cpu].replace(satp) != satp {
            self.0.machine.cpu(cpu).write_satp(satp);
        }
    }

    /// The `satp` of a CPU.
    pub fn runs(&self, cpu: usize) -> u64 {
        self.0.running[cpu].get()
    }

    /// No CPU has cached what is no longer so, but for what can only fault.
    pub fn check(&self) {
        let machine = &self.0.machine;
        let stale = machine.stale().filter(|stale| !stale.is_spurious);
        assert_eq!(stale, None, "{machine}");
    }

    /// Another CPU comes in between; not while one has.
    fn moment(&self) {
        if self.0.is_interrupted.replace(true) {
            return;
        }
        if let Some(hook) = &*self.0.interrupt.borrow() {
            let cpu = self.0.cpu.get();
            hook();
            self.0.cpu.set(cpu);
        }
        self.0.is_interrupted.set(false);
    }

    fn fails(&self) -> bool {
        let left = self.0.failing.get();
        self.0.failing.set(left.saturating_sub(1));
        left == 1
    }
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: the machine keeps the promises, and every call goes to it.
unsafe impl FrameAllocator for Kernel {
    fn id(&self) -> AllocatorId {
        self.0.machine.id()
    }

    fn alloc(&self) -> Option<Frame> {
        self.moment();
        if self.fails() {
            return None;
        }
        self.0.machine.alloc()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        if dirty {
            self.0.dirty.borrow_mut().push(frame.addr());
        }
        self.0.machine.release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.0.machine.reach(at)
    }

    fn counts(&self, at: PhysAddr) -> bool {
        self.moment();
        self.0.machine.counts(at)
    }

    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        self.moment();
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { self.0.machine.share(at) }
    }

    fn is_unique(&self, at: PhysAddr) -> bool {
        self.0.machine.is_unique(at)
    }
}

impl Tlb for Kernel {
    fn flush(&self, flush: &Flush<'_>) {
        assert!(!self.0.panics.replace(false), "a flush that panics");
        self.moment();
        self.0.machine.flush(flush);
        let watcher = self.0.watchers.borrow().get(&flush.root()).cloned();
        watcher.iter().for_each(|watcher| watcher(flush));
        if let Some(change) = self.take_change(flush.root()) {
            change();
        }
        self.moment();
    }

    fn made_valid(&self, made: &Flush<'_>) {
        if !self.0.is_lazy {
            self.0.machine.made_valid(made);
        }
    }

    fn cpu(&self) -> usize {
        self.0.cpu.get()
    }

    fn fence(&self, stale: &Flush<'_>) {
        let cpu = self.0.machine.cpu(self.0.cpu.get());
        match stale.page_by_page(FRAME_SIZE, |_| true) {
            Some(areas) => areas
                .iter()
                .for_each(|area| cpu.sfence_vma(Some(area.start()), stale.asid())),
            None => cpu.sfence_vma(None, None),
        }
    }
}

/// An ASID that nobody else has. The next owner fences nothing: the last flush of this one did.
pub struct OwnAsid {
    kernel: Kernel,
    number: u32,
}

impl OwnAsid {
    pub fn new(kernel: &Kernel) -> Self {
        let taken = &kernel.0.asids;
        let number = taken.get().trailing_ones();
        taken.set(taken.get() | 1 << number);
        Self {
            kernel: kernel.clone(),
            number,
        }
    }

    pub fn asid(&self) -> Asid {
        Asid::new(u16::try_from(self.number).unwrap())
    }
}

impl Drop for OwnAsid {
    fn drop(&mut self) {
        let taken = &self.kernel.0.asids;
        taken.set(taken.get() & !(1 << self.number));
    }
}

/// What a map shows: an object of the kernel's, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object(pub usize);

impl Payload for Object {
    fn split_at(&mut self, _offset: usize) -> Self {
        *self
    }

    fn can_join(&self, _len: usize, right: &Self) -> bool {
        self == right
    }
}
