//! The laws of a platform's flushes: kernels that keep them on each architecture, and mistakes that are found.

use std::cell::Cell;
use std::rc::Rc;

use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::mock::machine::Machine;
use kernel_vm::backend::radix::Radix;
use kernel_vm::backend::sv39::Sv39Format;
use kernel_vm::backend::sv57::Sv57Format;
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::testing::{self, Broken, Faulty, Kernel};
use kernel_vm::{Asid, Flush, MapError, MemoryArea, PhysAddr, Tlb};

use super::asked::Asked;
use super::digest::Digest;
use crate::machine::mmu::{Mmu, machine};

/// A kernel that has the machine for a platform, and does one thing wrong.
struct Simple<F: Mmu> {
    machine: Machine<F::Cpus>,
    mistake: Mistake,
    /// The next space's ASID.
    next: Cell<u16>,
    current: Current,
}

/// What a kernel does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    None,
    /// Pages are forgotten but for the last of each flush.
    OnePageLess,
    /// One CPU hears of nothing.
    DeafCpu,
    /// Where tables go, leaves alone are forgotten.
    LeavesOnly,
    /// A CPU that has faulted forgets nothing.
    NoFence,
    /// CPUs that have left the space are not told.
    OnlyWhoIsHere,
    /// No CPU is ever in the space.
    Elsewhere,
    /// A page table has another platform than it was given.
    OtherPlatform,
}

/// The ASID that each CPU runs under.
type Current = Rc<[Cell<u16>; 4]>;

/// The flushes of a space with an ASID of its own, and the mistake.
struct Flushes<F: Mmu> {
    machine: Machine<F::Cpus>,
    mistake: Mistake,
    asid: Asid,
    current: Current,
}

impl<F: Mmu> Tlb for Flushes<F> {
    fn flush(&self, flush: &Flush<'_>) {
        let hears = |&cpu: &usize| match self.mistake {
            Mistake::DeafCpu => cpu != 3,
            Mistake::OnlyWhoIsHere => self.current[cpu].get() == self.asid.get(),
            _ => true,
        };
        let cpus: Vec<usize> = (0..4).filter(hears).collect();
        let Some(areas) = flush.ranges() else {
            return F::shoot_all(&self.machine, &cpus, flush, Some(self.asid));
        };
        let mut areas = areas.to_vec();
        if let Some(last) = areas.last_mut().filter(|last| last.size() > 4096) {
            let less = if self.mistake == Mistake::OnePageLess {
                4096
            } else {
                0
            };
            *last = MemoryArea::from_start_size(last.start(), last.size() - less).unwrap();
        }
        let mut order = Flush::leaves(flush.root(), &areas);
        if flush.tables() && self.mistake != Mistake::LeavesOnly {
            order = order.with_tables();
        }
        F::shoot_all(&self.machine, &cpus, &order, Some(self.asid));
    }

    fn fence(&self, stale: &Flush<'_>) {
        if self.mistake != Mistake::NoFence {
            self.flush(stale);
        }
    }
}

impl<F: Mmu> Kernel for Simple<F> {
    type Cpus = F::Cpus;
    type Platform = (Machine<F::Cpus>, Flushes<F>);
    type Table = Radix<F, Faulty<Self::Platform>>;

    fn machine(&self) -> &Machine<F::Cpus> {
        &self.machine
    }

    fn platform(&self) -> Self::Platform {
        let asid = self.next.replace(self.next.get() + 1);
        let flushes = Flushes {
            machine: self.machine.clone(),
            mistake: self.mistake,
            asid: Asid::new(asid),
            current: self.current.clone(),
        };
        (self.machine.clone(), flushes)
    }

    fn table(&self, platform: Faulty<Self::Platform>) -> Result<Self::Table, MapError> {
        if self.mistake == Mistake::OtherPlatform {
            // Another of the same space: with the same ASID.
            self.next.set(self.next.get() - 1);
            return Radix::new(Faulty::new(self.platform()));
        }
        Radix::new(platform)
    }

    fn activate(&self, cpu: usize, (_, flushes): &Self::Platform, root: PhysAddr) {
        if self.mistake == Mistake::Elsewhere {
            return;
        }
        self.current[cpu].set(flushes.asid.get());
        F::switch(self.machine.cpu(cpu), root, flushes.asid, false);
    }

    fn leave(&self, cpu: usize) {
        F::stop(self.machine.cpu(cpu));
    }
}

impl<F: Mmu> Simple<F> {
    fn new(seed: u64, mistake: Mistake) -> Self {
        Self {
            machine: machine::<F>(512, seed, F::cpus()),
            mistake,
            next: Cell::new(1),
            current: Rc::default(),
        }
    }
}

fn check<F: Mmu>(mistake: Mistake) -> Result<(), Broken> {
    testing::tlb(|seed| Simple::<F>::new(seed, mistake))
}

#[test]
fn a_kernel_without_a_mistake_keeps_the_laws() {
    check::<Sv39Format>(Mistake::None).unwrap();
    check::<Sv57Format>(Mistake::None).unwrap();
    check::<X86_64Format<4>>(Mistake::None).unwrap();
    check::<Aarch64Format<4>>(Mistake::None).unwrap();
}

fn law<F: Mmu>(mistake: Mistake) -> String {
    let broken = check::<F>(mistake).unwrap_err();
    println!("{mistake:?}: {broken}");
    format!("{:?}: {}", broken.seed(), broken.law())
}

/// A kernel that makes no mistake, and is asked about its verbs.
impl<F: Mmu> Kernel for Asked<Simple<F>> {
    type Cpus = F::Cpus;
    type Platform = <Simple<F> as Kernel>::Platform;
    type Table = Asked<Radix<F, Faulty<Self::Platform>>>;

    fn machine(&self) -> &Machine<F::Cpus> {
        self.inner.machine()
    }

    fn platform(&self) -> Self::Platform {
        self.inner.platform()
    }

    fn table(&self, platform: Faulty<Self::Platform>) -> Result<Self::Table, MapError> {
        let table = Asked::new(self.inner.table(platform)?, &self.asked);
        Ok(table.over(self.machine().frames()))
    }

    fn activate(&self, cpu: usize, space: &Self::Platform, root: PhysAddr) {
        self.inner.activate(cpu, space, root);
    }

    fn leave(&self, cpu: usize) {
        self.asked.add(format_args!("leave {cpu}"));
        self.inner.leave(cpu);
    }
}

#[test]
fn kernels_are_asked_what_they_were_asked_before() {
    // How often a flush is left out until a CPU shows it is chance.
    let asked = Digest::once(&[
        "entry", "leave", "map", "protect", "reserve", "shift", "unmap",
    ]);
    testing::tlb(|seed| {
        let kernel = Simple::<Sv39Format>::new(seed, Mistake::None);
        Asked::new(kernel, &asked)
    })
    .unwrap();
    assert_eq!(
        asked.text(),
        "202 entry, 4 leave, 24 map, 5 protect, 41 reserve, 1 shift, 12 unmap, 0xeabbfc9378c60bdf"
    );
}

#[test]
fn a_mistake_is_told_with_the_verb_and_with_who_is_away() {
    let broken = check::<Sv39Format>(Mistake::OtherPlatform).unwrap_err();
    assert_eq!(broken.found(), "unmap a page: no flush of it was made");
    let broken = check::<X86_64Format<4>>(Mistake::OnlyWhoIsHere).unwrap_err();
    assert_eq!(
        broken.found(),
        "unmap a page while a CPU is in another space: stale translation for 0x40004000 on CPU 3"
    );
}

#[test]
fn each_mistake_is_found_and_named() {
    let early = "Some(0): no frame is given back before the flush of its pages has returned";
    let stale = "Some(0): when a verb returns, no CPU has cached what is no longer so";
    let fence =
        "a CPU that faults where the page table allows the access goes on behind `Tlb::fence`";
    assert_eq!(law::<Sv39Format>(Mistake::DeafCpu), early);
    assert_eq!(law::<X86_64Format<4>>(Mistake::DeafCpu), early);
    assert_eq!(law::<Sv39Format>(Mistake::OnePageLess), stale);
    assert_eq!(law::<Aarch64Format<4>>(Mistake::OnePageLess), stale);
    assert_eq!(law::<Sv39Format>(Mistake::LeavesOnly), early);
    assert!(law::<Sv39Format>(Mistake::NoFence).ends_with(fence));
    assert_eq!(law::<X86_64Format<4>>(Mistake::OnlyWhoIsHere), stale);
    assert!(law::<Sv39Format>(Mistake::Elsewhere).ends_with(fence));
    let unused = "None: a page table flushes by the platform that it was given";
    assert_eq!(law::<Sv39Format>(Mistake::OtherPlatform), unused);
}
