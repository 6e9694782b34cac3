//! A world of processes: they come by fork, change by exec, go by exit, and run on any CPU.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use kernel_vm::{Backing, Inherit, MapRef};

use super::kernel::{CPUS, Kernel, Object, Setting};
use super::mmu::Mmu;
use super::objects::Objects;
use super::process::ProcessOn;
use crate::subject::PAGE;
use crate::tree::edits::Random as Rng;

/// How many processes there are at most.
pub const PROCESSES: usize = 8;

/// What has happened: a run in which nothing does is no proof.
#[derive(Clone, Copy)]
pub enum Event {
    Fork,
    /// There were too few frames.
    NoFork,
    Exec,
    LastExit,
    /// An access while a verb had the space to itself.
    Meanwhile,
    /// A CPU that would settle found another at it.
    Busy,
}

pub const EVENTS: usize = 6;

pub struct World<B: Mmu> {
    setting: Setting,
    pub kernel: Kernel,
    pub objects: Rc<Objects>,
    pub processes: RefCell<Vec<Rc<ProcessOn<B>>>>,
    /// How often each event was.
    pub tally: [Cell<usize>; EVENTS],
}

impl<B: Mmu> World<B> {
    /// A world with one process.
    pub fn new(setting: Setting) -> Self {
        let kernel = Kernel::new(setting);
        let objects = Rc::new(Objects::new(kernel.clone()));
        let world = Self {
            setting,
            kernel,
            objects,
            processes: RefCell::default(),
            tally: Default::default(),
        };
        world.start();
        world
    }

    pub fn note(&self, event: Event) {
        let count = &self.tally[event as usize];
        count.set(count.get() + 1);
    }

    /// A process out of nothing, where there is none.
    fn start(&self) {
        let first = ProcessOn::on(&self.kernel, &self.objects, self.setting).unwrap();
        self.admit(first);
    }

    fn admit(&self, process: ProcessOn<B>) {
        let around = [PAGE, 4 * PAGE][usize::from(self.setting.seed % 7 < 3)];
        process.space.borrow_mut().set_fault_around(around);
        self.processes.borrow_mut().push(Rc::new(process));
    }

    /// All processes of now.
    pub fn all(&self) -> Vec<Rc<ProcessOn<B>>> {
        self.processes.borrow().clone()
    }

    /// Any process.
    pub fn any(&self, rng: &mut Rng) -> Rc<ProcessOn<B>> {
        let processes = self.processes.borrow();
        processes[rng.below(processes.len())].clone()
    }

    /// A CPU, and a process that it runs from now on: mostly the one of before.
    pub fn schedule(&self, rng: &mut Rng) -> (usize, Rc<ProcessOn<B>>) {
        let cpu = rng.below(CPUS);
        let runs = |process: &&Rc<ProcessOn<B>>| process.satp == self.kernel.runs(cpu);
        let running = self.processes.borrow().iter().find(runs).cloned();
        match running.filter(|_| rng.below(4) > 0) {
            Some(process) => (cpu, process),
            None => (cpu, self.any(rng)),
        }
    }

    /// The process gets a child, if there are not too many, and enough frames.
    pub fn fork(&self, parent: &ProcessOn<B>, rng: &mut Rng) {
        if self.is_full() {
            return;
        }
        let salt = rng.below(1 << 30);
        let child = parent.fork(self.setting, |map| inherit(map, salt));
        self.note([Event::NoFork, Event::Fork][usize::from(child.is_some())]);
        // Another may have come in the middle of this: then this one goes at once.
        if let Some(child) = child.filter(|_| !self.is_full()) {
            self.admit(child);
        }
    }

    fn is_full(&self) -> bool {
        self.processes.borrow().len() >= PROCESSES
    }

    /// Another process takes its place: on the CPUs, too.
    pub fn exec(
        &self,
        old: &Rc<ProcessOn<B>>,
        rng: &mut Rng,
        load: impl FnOnce(&ProcessOn<B>, &mut Rng),
    ) {
        let Some(new) = ProcessOn::on(&self.kernel, &self.objects, self.setting) else {
            return;
        };
        load(&new, rng);
        // Somebody may have ended it in the middle of this.
        if self.all().iter().any(|alive| Rc::ptr_eq(alive, old)) {
            self.note(Event::Exec);
            self.remove(old, new.satp);
            self.admit(new);
        }
    }

    /// The process goes. There may be none then.
    pub fn exit(&self, process: &Rc<ProcessOn<B>>) {
        self.remove(process, 0);
    }

    fn remove(&self, process: &Rc<ProcessOn<B>>, satp: u64) {
        for cpu in (0..CPUS).filter(|&cpu| self.kernel.runs(cpu) == process.satp) {
            self.kernel.switch(cpu, satp);
        }
        let is_other = |other: &Rc<ProcessOn<B>>| !Rc::ptr_eq(other, process);
        self.processes.borrow_mut().retain(is_other);
    }

    /// Takes all pages of objects back that nobody uses otherwise.
    pub fn reclaim(&self, evict: impl Fn(&ProcessOn<B>)) {
        for process in self.all() {
            if process.space.try_borrow_mut().is_ok() {
                evict(&process);
            }
        }
        self.objects.shrink();
    }

    /// After the last exit, all frames are back but those of the cache; and it begins anew.
    pub fn restart_if_empty(&self) {
        if self.processes.borrow().is_empty() {
            let in_use = self.kernel.0.machine.frames().frames_in_use();
            assert_eq!(in_use, self.objects.len());
            self.note(Event::LastExit);
            self.start();
        }
    }

    /// What must hold after every step.
    pub fn check(&self) {
        for process in self.processes.borrow().iter() {
            process.space.borrow().check_invariants().unwrap();
        }
        let processes = self.processes.borrow();
        if !processes
            .iter()
            .any(|process| process.model.borrow().waits())
        {
            self.kernel.check();
        }
    }

    /// Ends it all; every frame is back then, and every write on the disk.
    pub fn end(&self) {
        self.kernel.no_interrupts();
        self.all().iter().for_each(|process| self.exit(process));
        self.objects.end();
        assert_eq!(self.kernel.0.machine.frames().frames_in_use(), 0);
    }
}

/// How a map is inherited: as POSIX says, mostly.
fn inherit(map: MapRef<'_, Object>, salt: usize) -> Option<Inherit> {
    let is_private = map.backing() == Backing::Anonymous || !map.is_shared();
    let chance = (map.vmarea().start().get() / PAGE).wrapping_mul(salt | 1) >> 8;
    match chance % 16 {
        0 => None,
        _ if !is_private => Some(Inherit::Share),
        1..5 => Some(Inherit::Copy),
        _ => Some(Inherit::CopyOnWrite),
    }
}
