//! Fewer ASIDs than spaces, on the machine: nobody finds another's translations.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use kernel_vm::backend::mock::machine::{Call, Features, Machine};
use kernel_vm::backend::riscv::{Mode, Satp};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{
    Access, Asid, AsidAllocator, AsidSlot, Flush, Frame, FrameAllocator, MemoryArea, Permissions,
    PhysAddr, Tlb, VirtAddr, VirtualMemoryManager,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::tables::machine;
use crate::subject::{area, map};

const CPUS: usize = 3;
const SPACES: usize = 9;
const PAGE: usize = 0x1000;
const PAGES: usize = 3;

/// What a kernel keeps of a space beside its lock.
#[derive(Default)]
struct Shared {
    slot: AsidSlot,
    mask: AtomicU64,
}

/// A kernel's platform: memory and fences of the machine, and who runs what is the kernel's own.
struct Platform {
    machine: Machine,
    shared: Arc<Shared>,
}

impl Platform {
    /// On every CPU that may have run the space, under the ASID that it has.
    fn fence(&self, page: Option<VirtAddr>) {
        let asid = self.shared.slot.asid();
        let mask = self.shared.mask.load(Relaxed);
        for cpu in (0..CPUS).filter(|cpu| mask >> cpu & 1 != 0) {
            self.machine.cpu(cpu).sfence_vma(page, Some(asid));
        }
    }
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: the machine keeps the promises, and every call goes to it.
unsafe impl FrameAllocator for Platform {
    fn alloc(&self) -> Option<Frame> {
        self.machine.alloc()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        self.machine.release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.machine.reach(at)
    }
}

impl Tlb for Platform {
    fn flush(&self, flush: &Flush<'_>) {
        self.obey(flush);
    }

    fn made_valid(&self, made: &Flush<'_>) {
        self.obey(made);
    }
}

impl Platform {
    fn obey(&self, flush: &Flush<'_>) {
        match flush.ranges() {
            Some(ranges) if !flush.tables() => {
                let pages = ranges
                    .iter()
                    .flat_map(|range| (range.start().get()..=range.end().get()).step_by(PAGE));
                pages.for_each(|page| self.fence(Some(VirtAddr::new(page))));
            }
            _ => self.fence(None),
        }
    }
}

/// A kernel with some spaces, and who runs where.
struct Kernel {
    machine: Machine,
    asids: AsidAllocator<CPUS>,
    shared: Vec<Arc<Shared>>,
    spaces: Vec<VirtualMemoryManager<Sv39<Platform>>>,
    running: [Option<usize>; CPUS],
    frames: u64,
    /// How often a switch asked for a flush, and which of those the kernel forgets.
    rollover_flushes: usize,
    forgotten: usize,
}

#[derive(Clone, Debug)]
enum Op {
    Switch(usize, usize),
    Remap(usize, usize),
    Unmap(usize, usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..CPUS, 0..SPACES).prop_map(|(cpu, space)| Op::Switch(cpu, space)),
        2 => (0..SPACES, 0..PAGES).prop_map(|(space, page)| Op::Remap(space, page)),
        1 => (0..SPACES, 0..PAGES).prop_map(|(space, page)| Op::Unmap(space, page)),
    ]
}

impl Kernel {
    fn new(asid_bits: u32, seed: u64) -> Self {
        let features = Features {
            asid_bits,
            ..Features::default()
        };
        let machine = machine(256, seed, features);
        let shared: Vec<_> = (0..SPACES).map(|_| Arc::<Shared>::default()).collect();
        let platforms = shared.iter().map(|shared| Platform {
            machine: machine.clone(),
            shared: shared.clone(),
        });
        let spaces =
            platforms.map(|platform| VirtualMemoryManager::new(Sv39::new(platform).unwrap()));
        let mut kernel = Self {
            asids: AsidAllocator::new(asid_bits),
            spaces: spaces.collect(),
            running: [None; CPUS],
            frames: 0x8_0000,
            rollover_flushes: 0,
            forgotten: 0,
            shared,
            machine,
        };
        assert!((0..SPACES).all(|space| kernel.remap(space, 0)));
        kernel
    }

    fn page(page: usize) -> MemoryArea {
        area(0x4000 + page * PAGE, PAGE)
    }

    /// Maps a frame at the page that no space ever had; whether nobody had the old one cached when that was gone.
    fn remap(&mut self, space: usize, page: usize) -> bool {
        self.frames += 2;
        let (page, first) = (Self::page(page), self.frames * PAGE as u64);
        let map = map(page.start().get(), first, PAGE, Permissions::READ);
        self.spaces[space].replace_memory_map(map).unwrap();
        let stale = self.machine.stale();
        self.spaces[space].populate(page).unwrap();
        stale.is_none()
    }

    /// As `AsidAllocator` has the order.
    fn switch(&mut self, cpu: usize, space: usize) {
        let shared = &self.shared[space];
        shared.mask.fetch_or(1 << cpu, Relaxed);
        let activation = self.asids.cpu(cpu).unwrap().switch(&shared.slot);
        let satp = Satp::new(
            Mode::Sv39,
            activation.asid,
            self.spaces[space].root_page_table(),
        );
        let hart = self.machine.cpu(cpu);
        hart.write_satp(satp.bits());
        if activation.flush {
            self.rollover_flushes += 1;
            if self.rollover_flushes != self.forgotten {
                hart.sfence_vma(None, None);
            }
        }
        self.running[cpu] = Some(space);
    }

    fn step(&mut self, op: &Op) -> Result<(), String> {
        match *op {
            Op::Switch(cpu, space) => self.switch(cpu, space),
            Op::Remap(space, page) if !self.remap(space, page) => {
                return Err(format!("stale within {op:?}, {}", self.machine));
            }
            Op::Remap(..) => {}
            Op::Unmap(space, page) => self.spaces[space].unmap(Self::page(page)).unwrap(),
        }
        let stale = self.machine.stale();
        stale.map_or(Ok(()), |stale| {
            Err(format!("{stale} after {op:?}, {}", self.machine))
        })?;
        (0..CPUS).try_for_each(|cpu| self.look(cpu))
    }

    /// Whatever a CPU may answer is what its space's maps say.
    fn look(&self, cpu: usize) -> Result<(), String> {
        let Some(space) = self.running[cpu] else {
            return Ok(());
        };
        for page in (0..PAGES).map(Self::page) {
            let hart = self.machine.cpu(cpu);
            hart.prefetch(page.start());
            let expected = self.spaces[space].translate_vaddr(page.start());
            for outcome in hart.outcomes(page.start(), Access::Read) {
                if outcome.ok() != expected {
                    return Err(format!("{outcome:?} in space {space}, {}", self.machine));
                }
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn fewer_asids_than_spaces_show_nobody_anything_stale(
        ops in vec(op(), 0..100),
        asid_bits in 0..4_u32,
        seed: u64,
    ) {
        let mut kernel = Kernel::new(asid_bits, seed);
        for op in &ops {
            kernel.step(op).map_err(TestCaseError::fail)?;
        }
    }
}

/// In how many of 60 runs `forget`, told the number of the run, makes a kernel that forgets something which is found.
fn found(forget: impl Fn(&mut Kernel, usize)) -> usize {
    let mut runner = TestRunner::deterministic();
    let runs = (0..60_usize).map(|n| {
        let ops = vec(op(), 200).new_tree(&mut runner).unwrap().current();
        let mut kernel = Kernel::new(3, n as u64);
        forget(&mut kernel, n);
        ops.iter().any(|op| kernel.step(op).is_err())
    });
    runs.filter(|&found| found).count()
}

#[test]
fn a_fence_of_a_shootdown_that_is_forgotten_is_found() {
    let found = found(|kernel, n| kernel.machine.skip(Call::Fence, 10 + n));
    assert!(found > 4, "{found} of 60");
}

#[test]
fn the_flush_of_a_rollover_that_is_forgotten_is_found() {
    // The first of each CPU is for what the firmware left: nothing.
    let found = found(|kernel, n| kernel.forgotten = 1 + CPUS + n % 8);
    assert!(found > 15, "{found} of 60");
}

#[test]
fn the_asid_of_a_space_before_a_rollover_leads_nowhere() {
    let mut kernel = Kernel::new(3, 1);
    kernel.switch(0, 0);
    kernel.machine.cpu(0).prefetch(VirtAddr::new(0x4000));
    let before = kernel.shared[0].slot.asid();
    assert_ne!(before, Asid::new(0));
    // Enough others that a number comes again.
    for round in 1..40 {
        kernel.switch(1, 1 + round % 8);
        kernel.switch(2, 1 + round % 7);
        kernel.switch(0, 1 + round % 5);
        (0..CPUS).try_for_each(|cpu| kernel.look(cpu)).unwrap();
    }
    assert!(kernel.asids.rollovers() > 0);
}
