//! A kernel of several spaces on several CPUs, with fewer ASIDs than spaces and a half that all spaces share.
//! Operations are bytes, so that random tests and fuzzers run the same.

mod deferred;
mod look;
mod op;
pub mod platform;
mod verbs;
mod waits;

use std::rc::Rc;

use kernel_vm::backend::PageTableBackend;
use kernel_vm::backend::mock::machine::Machine;
use kernel_vm::backend::radix::{self, AccessedDirty, Radix};
use kernel_vm::{AsidAllocator, Permissions, VirtualMemoryManager};

use super::mmu::{Mmu, machine};
pub use op::{Bytes, Op};
pub use platform::CPUS;
use platform::{Running, Shared, SpacePlatform};

pub const SPACES: usize = 9;

/// One space, and what a kernel keeps beside its lock.
struct Space<F: Mmu> {
    manager: VirtualMemoryManager<Radix<F, SpacePlatform<F>>>,
    running: Rc<Running>,
}

/// What there is besides operations.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub seed: u64,
    /// How many ASIDs there are; 7 at most, if spaces are to be more.
    pub asid_bits: u32,
    /// Whether the kernel leaves it to faults to find out what became valid.
    pub is_lazy: bool,
    /// Who keeps accessed and dirty bits.
    pub policy: AccessedDirty,
}

pub struct World<F: Mmu> {
    shared: Rc<Shared<F>>,
    asids: AsidAllocator<CPUS>,
    spaces: Vec<Space<F>>,
    kernel: Radix<F, SpacePlatform<F>>,
    running: [Option<usize>; CPUS],
    /// How often a switch asked for a flush, and which of those the kernel forgets.
    flushes: usize,
    pub forgotten: usize,
    /// Whether no CPU hears of the flush of a settlement.
    pub forgets_settlements: bool,
}

impl<F: Mmu> World<F> {
    pub fn new(setting: Setting) -> Self {
        let machine = machine::<F>(512, setting.seed, F::cpus_with(setting.policy));
        let mut shared = Shared::new(machine, setting.is_lazy);
        shared.policy = setting.policy;
        let shared = Rc::new(shared);
        let platform = SpacePlatform {
            shared: shared.clone(),
            running: None,
        };
        let features = radix::Features::default().with_accessed_dirty(setting.policy);
        let kernel = Radix::kernel(platform, features, op::kernel_area()).unwrap();
        (0..CPUS).for_each(|cpu| F::share(shared.machine.cpu(cpu), kernel.root()));
        let mut world = Self {
            shared,
            asids: AsidAllocator::new(setting.asid_bits),
            spaces: Vec::new(),
            kernel,
            running: [None; CPUS],
            flushes: 0,
            forgotten: 0,
            forgets_settlements: false,
        };
        (0..SPACES).for_each(|_| world.spaces.push(world.space()));
        world
    }

    pub fn machine(&self) -> &Machine<F::Cpus> {
        &self.shared.machine
    }

    /// A space with a page of its own.
    fn space(&self) -> Space<F> {
        let running = Rc::new(Running::default());
        let platform = SpacePlatform {
            shared: self.shared.clone(),
            running: Some(running.clone()),
        };
        let table = Radix::with_kernel(platform, &self.kernel).unwrap();
        let rights = Permissions::READ | Permissions::WRITE;
        verbs::install(&table, op::first_page(), rights);
        Space {
            manager: VirtualMemoryManager::new(table),
            running,
        }
    }

    /// Runs a space, in the order that `AsidAllocator` wants.
    fn switch(&mut self, cpu: usize, space: usize) {
        let Space { manager, running } = &self.spaces[space];
        running.mask.set(running.mask.get() | 1 << cpu);
        let activation = self.asids.cpu(cpu).unwrap().switch(&running.slot);
        let hart = self.shared.machine.cpu(cpu);
        self.flushes += usize::from(activation.flush);
        let forgets = activation.flush && self.flushes != self.forgotten;
        F::switch(hart, manager.backend().root(), activation.asid, forgets);
        self.running[cpu] = Some(space);
    }

    /// Does one operation, and says what is wrong then.
    pub fn step(&mut self, op: &Op) -> Result<(), String> {
        self.shared.hot.set(op.hot());
        self.verb(op);
        let trouble = self.shared.trouble.take();
        trouble.map_or(Ok(()), Err)?;
        self.look()
    }

    /// Ends it all; every frame is back then.
    pub fn end(self) -> Result<(), String> {
        let machine = self.shared.machine.clone();
        (0..CPUS).for_each(|cpu| F::stop(machine.cpu(cpu)));
        drop(self);
        match machine.frames().frames_in_use() {
            0 => Ok(()),
            frames => Err(format!("{frames} frames are left")),
        }
    }
}

/// Runs a world, and says what goes wrong first.
pub fn run<F: Mmu>(setting: Setting, ops: &[Op]) -> Result<(), String> {
    let mut world = World::<F>::new(setting);
    for op in ops {
        let done = world.step(op);
        done.map_err(|wrong| format!("{wrong} after {op:?}, {}, {setting:x?}", F::NAME))?;
    }
    world.end()
}
