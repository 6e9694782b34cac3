//! What a kernel's author writes: the suites, on the kernel's own platform.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use kernel_vm::backend::mock::machine::{Machine, Privilege};
use kernel_vm::backend::radix::Radix;
use kernel_vm::testing::{self, Broken, Duty, Faulty, Kernel, Lie, Subject, Trace, Verbs};
use kernel_vm::{
    Access, Done, FaultError, Flush, MapError, MemoryArea, Permissions, PhysAddr, VirtAddr,
    VirtualMemoryManager,
};

use crate::arch::{self, Cpus};
use crate::asids::{self, Tags};
use crate::layout::{PAGE, area};
use crate::memory::{Memory, RW, Space, SpaceLock, U, anonymous, map};
use crate::mode::PageTable;
use crate::platform::{self, KernelPlatform};
use crate::{cpus, fault, frames};

/// How many CPUs the machine has.
pub const CPUS: usize = 4;

/// The kernel's statics are one kernel's: a test has them to itself, and finds as many frames as it leaves.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    static START: Once = Once::new();
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    START.call_once(frames::init);
    alone
}

/// A machine, all of whose CPUs are up.
pub fn boot(seed: u64) -> Machine<Cpus> {
    let machine = arch::new_machine(seed);
    for cpu in (0..CPUS).rev() {
        cpus::init(cpu);
        cpus::announce();
        asids::probe();
    }
    machine
}

/// The kernel, on a machine that has just started.
struct Host {
    machine: Machine<Cpus>,
}

impl Host {
    fn new(seed: u64) -> Self {
        let machine = boot(seed);
        asids::begin(16);
        Self { machine }
    }
}

impl Kernel for Host {
    type Cpus = Cpus;
    type Platform = KernelPlatform;
    type Table = Radix<arch::Format, Faulty<KernelPlatform>>;

    const CPUS: usize = CPUS;

    fn machine(&self) -> &Machine<Cpus> {
        &self.machine
    }

    fn platform(&self) -> KernelPlatform {
        platform::for_program(Tags::new())
    }

    fn table(&self, platform: Faulty<KernelPlatform>) -> Result<Self::Table, MapError> {
        Radix::with_features(platform, arch::features())
    }

    fn activate(&self, cpu: usize, space: &KernelPlatform, root: PhysAddr) {
        cpus::init(cpu);
        let tags = space.1.tags.as_ref().expect("it is a program's");
        // SAFETY: the CPU runs no code.
        let _ = unsafe { tags.activate(root) };
    }

    fn leave(&self, cpu: usize) {
        cpus::init(cpu);
        arch::leave();
    }
}

/// A program's space behind the kernel's lock, which all CPUs run.
struct Program {
    machine: Machine<Cpus>,
    space: SpaceLock,
}

impl Program {
    fn new(seed: u64) -> Self {
        let machine = boot(seed);
        asids::begin(16);
        let tags = Tags::new();
        let platform = platform::for_program(tags.clone());
        let table = PageTable::with_features(platform, arch::features());
        let space = Space::for_payload(table.expect("there is a frame"));
        let root = space.root_page_table();
        for cpu in (0..CPUS).rev() {
            cpus::init(cpu);
            // SAFETY: the CPU runs no code.
            let _ = unsafe { tags.activate(root) };
            machine.cpu(cpu).set_privilege(Privilege::User);
        }
        let space = SpaceLock::new(space);
        Self { machine, space }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        for cpu in (0..CPUS).rev() {
            cpus::init(cpu);
            arch::leave();
        }
    }
}

impl Subject for Program {
    type Table = PageTable;
    type Payload = Memory;

    const HAS_PAGES: bool = true;

    fn look<R>(&self, look: impl FnOnce(&Space) -> R) -> R {
        look(&self.space.read(cpus::this().id()))
    }

    fn change<R>(&mut self, change: impl FnOnce(&mut Space) -> R) -> R {
        change(&mut self.space.write())
    }

    fn payload(&self, _area: MemoryArea) -> Memory {
        Memory::STAYS
    }

    fn frames_in_use(&self) -> usize {
        frames::all() - frames::free()
    }

    fn fault(&self, at: VirtAddr, access: Access) -> Result<Option<Done>, FaultError> {
        self.look(|space| fault::resolve(space, at, access))
    }

    fn prefault(&self, area: MemoryArea) -> Result<(), usize> {
        self.look(|space| space.prefault(area).map_err(|stopped| stopped.done))
    }

    fn warm(&self, cpu: usize, at: VirtAddr) {
        self.machine.cpu(cpu % CPUS).prefetch(at);
    }

    fn access(&self, cpu: usize, at: VirtAddr, access: Access) -> Option<Option<PhysAddr>> {
        let cpu = cpu % CPUS;
        let sees = || self.machine.cpu(cpu).translate(at, access).ok();
        let again = || {
            // As the kernel does behind a fault that is spurious.
            let (root, page) = self.look(|space| (space.root_page_table(), [area(at.get(), PAGE)]));
            cpus::init(cpu);
            arch::fence(&Flush::leaves(root, &page).with_tables());
            cpus::init(0);
            sees()
        };
        Some(sees().or_else(again))
    }

    fn cached(&self, _at: VirtAddr, wait: bool) -> Result<(), Broken> {
        let stale = self.machine.stale();
        let stale = stale.filter(|stale| !wait && !stale.is_spurious);
        let law = "no CPU has cached what is no longer so";
        stale.map_or(Ok(()), |stale| Err(Broken::new(law, stale.to_string())))
    }
}

#[test]
fn the_frame_allocator_keeps_its_laws() -> Result<(), Broken> {
    let _alone = alone();
    testing::frames(&frames::Pool)?;
    testing::frames(frames::counted())
}

#[test]
fn flushes_and_switches_keep_their_laws() -> Result<(), Broken> {
    let _alone = alone();
    testing::tlb(Host::new)?;
    assert_eq!(frames::free(), frames::all());
    Ok(())
}

#[test]
fn the_page_table_keeps_its_contract() -> Result<(), Broken> {
    let _alone = alone();
    let host = Host::new(0);
    cpus::init(0);
    let make = || {
        host.table(Faulty::new(host.platform()))
            .expect("there is a frame")
    };
    let in_use = |_: &_| frames::all() - frames::free();
    testing::page_table(make, in_use)?;
    testing::paging(make, in_use)?;
    testing::reservations(make, in_use, |table, n| table.platform().fail_alloc(n))
}

#[test]
fn spaces_do_what_a_model_does() -> Result<(), Broken> {
    let _alone = alone();
    for run in 0..10 {
        let verbs = Verbs::nth(1, run).steps(1000);
        verbs.run(|_| Program::new(verbs.seed()))?;
    }
    assert_eq!(frames::free(), frames::all());
    Ok(())
}

#[test]
fn the_model_finds_lies() {
    let _alone = alone();
    for lie in [Lie::LostUnmap, Lie::MovedAside, Lie::LostFault] {
        let mut runs = (0..4).map(|run| Verbs::nth(1, run).lie(lie));
        let found = runs.find_map(|verbs| verbs.run(|_| Program::new(verbs.seed())).err());
        let broken = found.unwrap_or_else(|| panic!("{lie:?} was not found"));
        assert!(broken.steps().len() < 10, "{broken}");
    }
}

#[test]
fn verbs_without_memory_change_nothing() -> Result<(), Broken> {
    let _alone = alone();
    let host = Host::new(0);
    cpus::init(0);
    let make = || {
        let table = host.table(Faulty::new(host.platform()))?;
        let mut space = VirtualMemoryManager::<_, Memory>::for_payload(table);
        space.add_memory_map(map(1 << 30, PhysAddr::new(1 << 30), 512 * PAGE, RW | U)?)?;
        space.add_memory_map(anonymous(area(3 << 30, 4 * PAGE), RW | U)?)?;
        space.populate(area(1 << 30, 512 * PAGE))?;
        Ok(space)
    };
    type Table = <Host as Kernel>::Table;
    let state = |table: &Table| {
        (
            table.platform().frames_in_use(),
            table.platform().calls(Duty::Flush),
        )
    };
    let fail = |table: &Table, n| table.platform().fail_alloc(n);
    let unmapped = testing::all_or_nothing(make, state, fail, |space| {
        space.unmap(area((1 << 30) + PAGE, PAGE))
    })?;
    let protected = testing::all_or_nothing(make, state, fail, |space| {
        space.protect(area((1 << 30) + PAGE, PAGE), Permissions::READ | U)
    })?;
    assert_eq!((unmapped, protected), (1, 1)); // a table for the leaf that is split
    Ok(())
}

#[test]
fn a_recorded_process_ends_where_its_system_said() -> Result<(), Broken> {
    let _alone = alone();
    let host = Host::new(0);
    cpus::init(0);
    let text = include_bytes!("../../../../../tests/data/ls.trace");
    let trace = Trace::parse(text).expect("it is a trace");
    let table = host.table(Faulty::new(host.platform()))?;
    let checked = testing::replay(&trace, table)?;
    assert!(checked.read_back > 1000);
    Ok(())
}
