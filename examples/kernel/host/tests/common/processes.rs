//! The bytes that programs see, by the kernel's own fork, page faults and copies.

use kernel_vm::backend::mock::machine::{Machine, Privilege};
use kernel_vm::testing::{Broken, Bytes, Events, Processes};
use kernel_vm::{
    Access, FaultError, ForkError, MapError, MemoryArea, Permissions, PhysAddr, Stop, VirtAddr,
};

use crate::arch::{self, Cpus};
use crate::frames::{self, Scarcity};
use crate::memory::anonymous;
use crate::suites::{CPUS, alone, boot};
use crate::user_space::UserSpace;
use crate::{asids, cpus, kernel_space};

/// The kernel, and the space that each CPU is in.
struct Host {
    machine: Machine<Cpus>,
    running: [Option<PhysAddr>; CPUS],
    scarcity: Option<Scarcity>,
    /// It is not told that permissions change.
    is_deaf: bool,
}

impl Host {
    fn new(seed: u64, asid_bits: u32, is_deaf: bool) -> Self {
        let machine = boot(seed);
        asids::begin(asid_bits);
        kernel_space::begin();
        Self {
            machine,
            running: [None; CPUS],
            scarcity: None,
            is_deaf,
        }
    }

    /// A CPU goes to the process, unless it is there, and on to its program.
    fn run(&mut self, user: &UserSpace, cpu: usize) {
        cpus::init(cpu);
        if self.running[cpu].replace(user.root()) != Some(user.root()) {
            user.activate();
        }
        self.machine.cpu(cpu).set_privilege(Privilege::User);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        kernel_space::end();
    }
}

impl Processes for Host {
    type Process = UserSpace;

    const CPUS: usize = CPUS;

    fn start(&mut self) -> Result<UserSpace, MapError> {
        UserSpace::new()
    }

    fn fork(&mut self, parent: &mut UserSpace) -> Result<UserSpace, ForkError> {
        parent.fork()
    }

    fn exit(&mut self, process: UserSpace) {
        for cpu in (0..CPUS).rev() {
            if self.running[cpu] == Some(process.root()) {
                self.running[cpu] = None;
                cpus::init(cpu);
                arch::leave();
            }
        }
    }

    fn map(
        &mut self,
        user: &mut UserSpace,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), MapError> {
        let map = anonymous(area, permissions)?;
        Ok(user.change().replace_memory_map(map)?)
    }

    fn unmap(&mut self, user: &mut UserSpace, area: MemoryArea) -> Result<(), MapError> {
        user.change().unmap(area)
    }

    fn protect(
        &mut self,
        user: &mut UserSpace,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), MapError> {
        if self.is_deaf {
            return Ok(());
        }
        user.change().protect(area, permissions)
    }

    fn load(&mut self, user: &mut UserSpace, cpu: usize, at: VirtAddr) -> Option<u64> {
        self.run(user, cpu);
        self.machine.cpu(cpu).load_u64(at).ok()
    }

    fn store(&mut self, user: &mut UserSpace, cpu: usize, at: VirtAddr, word: u64) -> Option<()> {
        self.run(user, cpu);
        self.machine.cpu(cpu).store_u64(at, word).ok()
    }

    fn fault(
        &mut self,
        user: &mut UserSpace,
        cpu: usize,
        at: VirtAddr,
        access: Access,
    ) -> Result<(), FaultError> {
        cpus::init(cpu);
        user.fault_in(at, access).map(drop)
    }

    fn remap(
        &mut self,
        user: &mut UserSpace,
        old: MemoryArea,
        new: MemoryArea,
    ) -> Result<(), MapError> {
        user.change().remap(old, new)
    }

    fn discard(&mut self, user: &mut UserSpace, area: MemoryArea) -> Result<(), MapError> {
        user.change().discard(area)
    }

    fn read(
        &mut self,
        user: &mut UserSpace,
        cpu: usize,
        from: VirtAddr,
        to: &mut [u8],
    ) -> Option<Result<(), FaultError>> {
        cpus::init(cpu);
        Some(user.read(from.get(), to).map_err(refused))
    }

    fn write(
        &mut self,
        user: &mut UserSpace,
        cpu: usize,
        to: VirtAddr,
        from: &[u8],
    ) -> Option<Result<(), FaultError>> {
        cpus::init(cpu);
        Some(user.write(to.get(), from).map_err(refused))
    }

    fn frames_in_use(&self) -> usize {
        frames::all() - frames::free()
    }

    fn fail_alloc(&mut self, n: usize) {
        self.scarcity = n.checked_sub(1).map(Scarcity::all_but);
    }
}

fn refused(stop: Stop) -> FaultError {
    match stop {
        Stop::Refused(error) => error,
        stop => panic!("{stop}"),
    }
}

#[test]
fn programs_see_the_bytes_that_a_model_knows() -> Result<(), Broken> {
    let _alone = alone();
    let mut seen = Events::default();
    for seed in 0..10 {
        // Every other run has too few ASIDs for its processes.
        let bits = if seed % 2 == 0 { 16 } else { 2 };
        let bytes = Bytes::new(seed).steps(500);
        seen = seen.and(bytes.run(|| Host::new(seed, bits, false))?);
    }
    assert!(seen.forks > 50 && seen.without_memory > 5, "{seen:?}");
    assert_eq!(frames::free(), frames::all());
    Ok(())
}

#[test]
fn the_model_finds_a_lie() {
    let _alone = alone();
    let broken = Bytes::new(1).run(|| Host::new(1, 16, true)).unwrap_err();
    let law = "a program may do what its map allows, and no more";
    assert_eq!(broken.law(), law, "{broken}");
    assert!(broken.steps().len() < 10, "{broken}");
}
