//! A kernel's platform on the machine: who runs what is the kernel's own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::rc::Rc;

use kernel_vm::backend::mock::machine::Machine;
use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::{
    AllocatorId, Asid, AsidSlot, Flush, Frame, FrameAllocator, PhysAddr, ShareError, Tlb, VirtAddr,
};

use super::Mmu;
use super::waits::Waits;

pub const CPUS: usize = 4;

/// What the CPUs of a kernel share.
pub struct Shared<F: Mmu> {
    pub machine: Machine<F::Cpus>,
    /// Whether the kernel leaves it to faults to find out what became valid.
    pub is_lazy: bool,
    /// Who keeps accessed and dirty bits.
    pub policy: AccessedDirty,
    /// What stands in frames that are in use for pages.
    pub stamps: RefCell<BTreeMap<PhysAddr, u64>>,
    /// Where CPUs access memory during verbs.
    pub hot: Cell<VirtAddr>,
    /// The first thing that went wrong during a verb.
    pub trouble: RefCell<Option<String>>,
    /// Whether a flush returns, though no CPU has forgotten anything.
    pub forgets: Cell<bool>,
    clock: Cell<usize>,
}

impl<F: Mmu> Shared<F> {
    pub fn new(machine: Machine<F::Cpus>, is_lazy: bool) -> Self {
        Self {
            machine,
            is_lazy,
            policy: AccessedDirty::Preset,
            stamps: RefCell::default(),
            hot: Cell::default(),
            trouble: RefCell::default(),
            forgets: Cell::default(),
            clock: Cell::default(),
        }
    }

    /// Another number each time.
    pub fn tick(&self) -> usize {
        self.clock.set(self.clock.get() + 1);
        self.clock.get()
    }

    /// Some CPU loads, while a verb is under way: from where the page leads, or led, or a fault.
    fn interrupt(&self) {
        let cpu = self.machine.cpu(self.tick() % CPUS);
        if !F::is_running(cpu) {
            return;
        }
        let loaded = cpu.load_u64(self.hot.get());
        if let Some(trap) = loaded.err().filter(|trap| trap.freed.is_some()) {
            self.trouble.borrow_mut().get_or_insert(trap.to_string());
        }
    }

    /// A frame for a page, with a stamp of its own.
    pub fn stamped(&self) -> Option<Frame> {
        let frame = self.machine.alloc()?;
        let stamp = self.tick() as u64;
        // A CPU that never translates.
        let writer = self.machine.cpu(CPUS);
        let at = VirtAddr::new(usize::try_from(frame.addr().get()).unwrap());
        writer.store_u64(at, stamp).unwrap();
        self.stamps.borrow_mut().insert(frame.addr(), stamp);
        Some(frame)
    }
}

/// What a kernel keeps of a space beside its lock.
#[derive(Default)]
pub struct Running {
    pub slot: AsidSlot,
    pub mask: Cell<usize>,
    pub waits: RefCell<Waits>,
}

/// The platform of one space, or of the kernel's page table, which every CPU runs.
pub struct SpacePlatform<F: Mmu> {
    pub shared: Rc<Shared<F>>,
    pub running: Option<Rc<Running>>,
}

impl<F: Mmu> Clone for SpacePlatform<F> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            running: self.running.clone(),
        }
    }
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: the machine keeps the promises, and every call goes to it.
unsafe impl<F: Mmu> FrameAllocator for SpacePlatform<F> {
    fn id(&self) -> AllocatorId {
        self.shared.machine.id()
    }

    fn alloc(&self) -> Option<Frame> {
        self.shared.machine.alloc()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        self.check_settled(frame.addr());
        self.shared.stamps.borrow_mut().remove(&frame.addr());
        self.shared.machine.release(frame, dirty);
        self.shared.interrupt();
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        if self.shared.tick() % 9 == 0 {
            self.shared.interrupt();
        }
        self.shared.machine.reach(at)
    }

    fn counts(&self, at: PhysAddr) -> bool {
        self.shared.machine.counts(at)
    }

    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { self.shared.machine.share(at) }
    }

    fn is_unique(&self, at: PhysAddr) -> bool {
        self.shared.machine.is_unique(at)
    }
}

impl<F: Mmu> Tlb for SpacePlatform<F> {
    fn flush(&self, flush: &Flush<'_>) {
        self.shared.interrupt();
        if !self.shared.forgets.get() {
            self.obey(flush, F::shoot_all);
        }
        if let Some(running) = &self.running {
            running.waits.borrow_mut().forget(flush);
        }
    }

    fn cpu(&self) -> usize {
        Tlb::cpu(&self.shared.machine)
    }

    fn made_valid(&self, made: &Flush<'_>) {
        self.shared.interrupt();
        if F::REMEMBERS_FAULTS && !self.shared.is_lazy {
            self.obey(made, F::tell_all);
        }
    }
}

impl<F: Mmu> SpacePlatform<F> {
    /// No CPU may reach a frame that is given back.
    fn check_settled(&self, frame: PhysAddr) {
        let mut running = self.running.iter();
        if running.any(|running| running.waits.borrow().lead_to(frame)) {
            let trouble = format!("{frame} is given back before its flush");
            self.shared.trouble.borrow_mut().get_or_insert(trouble);
        }
    }

    /// On every CPU that may have run the space, under the ASID that it has; on all CPUs, for what all spaces share.
    fn obey(
        &self,
        flush: &Flush<'_>,
        how: impl Fn(&Machine<F::Cpus>, &[usize], &Flush<'_>, Option<Asid>),
    ) {
        let asid: Option<Asid> = self.running.as_ref().map(|running| running.slot.asid());
        let mask = self
            .running
            .as_ref()
            .map_or(usize::MAX, |running| running.mask.get());
        let cpus: Vec<_> = (0..CPUS).filter(|cpu| mask >> cpu & 1 != 0).collect();
        how(&self.shared.machine, &cpus, flush, asid);
    }
}
