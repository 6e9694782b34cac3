//! The formats that the machine's CPUs read, and how a kernel of each architecture tells its CPUs.

mod aarch64;
mod riscv;
mod x86_64;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::mock::machine::{Architecture, Cpu, Machine, Stale};
use kernel_vm::backend::radix::{AccessedDirty, Features, Format};
use kernel_vm::{Asid, Attributes, FRAME_SIZE, Flush, Permissions, PhysAddr, VirtAddr};

/// Up to how many bytes a kernel here has forgotten page by page.
const FEW: usize = 8 * FRAME_SIZE;

/// A format that the machine has CPUs for.
pub trait Mmu: Format + 'static {
    type Cpus: Architecture;

    /// As messages call it.
    const NAME: &'static str;

    /// Whether a CPU may remember that nothing was there, or less than there is now, until it is told. Where it may
    /// not, a fault makes it forget what it was due to.
    const REMEMBERS_FAULTS: bool;

    /// Whether a flush of one page leaves pointers on the way to it.
    const PAGES_SPARE_POINTERS: bool;

    /// Whether what became valid is told of place by place: of tables, or of leaves; of one space, or of all.
    const NEWS_NAME_PLACES: bool = true;

    /// Whether a flush that names no ASID is for the CPUs that have run one space.
    const FLUSHES_NAME_SPACES: bool = true;

    /// The CPUs that need most fences.
    fn cpus() -> Self::Cpus;

    /// Those CPUs, where accessed and dirty bits are kept so. The default is for CPUs that cannot be told.
    fn cpus_with(policy: AccessedDirty) -> Self::Cpus {
        let _ = policy;
        Self::cpus()
    }

    /// `word`, made to lead to `to`.
    fn link(word: u64, to: PhysAddr) -> u64;

    /// The CPU goes on in the space with this root. What it has cached stays, under every ASID.
    fn run(cpu: Cpu<'_, Self::Cpus>, root: PhysAddr, asid: Asid);

    /// The CPU reaches the kernel's page table with this root, where that is not reached through a space's.
    fn share(cpu: Cpu<'_, Self::Cpus>, kernel: PhysAddr) {
        let _ = (cpu, kernel);
    }

    /// The CPU goes on in the space with this root, and forgets what it has of any ASID if it is told to, in the order
    /// that the manual wants.
    fn switch(cpu: Cpu<'_, Self::Cpus>, root: PhysAddr, asid: Asid, forgets: bool) {
        Self::run(cpu, root, asid);
        if forgets {
            Self::forget_spaces(cpu);
        }
    }

    /// The CPU goes on without translation.
    fn stop(cpu: Cpu<'_, Self::Cpus>);

    fn is_running(cpu: Cpu<'_, Self::Cpus>) -> bool;

    /// The CPU forgets everything.
    fn forget(cpu: Cpu<'_, Self::Cpus>);

    /// The CPU forgets what it has of any ASID, as at a rollover; global entries may stay.
    fn forget_spaces(cpu: Cpu<'_, Self::Cpus>);

    /// The CPU forgets the page at `vaddr` in the space that it runs in, as after a fault.
    fn forget_page(cpu: Cpu<'_, Self::Cpus>, vaddr: VirtAddr);

    /// The CPU's share of a shootdown, by as little as will do: of a space under `asid`, or of all spaces.
    fn shoot(cpu: Cpu<'_, Self::Cpus>, flush: &Flush<'_>, asid: Option<Asid>);

    /// A shootdown on these CPUs.
    fn shoot_all(
        machine: &Machine<Self::Cpus>,
        cpus: &[usize],
        flush: &Flush<'_>,
        asid: Option<Asid>,
    ) {
        cpus.iter()
            .for_each(|&cpu| Self::shoot(machine.cpu(cpu), flush, asid));
    }

    /// These CPUs hear of what became valid.
    fn tell_all(
        machine: &Machine<Self::Cpus>,
        cpus: &[usize],
        made: &Flush<'_>,
        asid: Option<Asid>,
    ) {
        Self::shoot_all(machine, cpus, made, asid);
    }
}

/// The bytes of a machine of these CPUs.
#[expect(unsafe_code, reason = "a machine writes any of its frames")]
pub fn machine<F: Mmu>(frames: usize, seed: u64, cpus: F::Cpus) -> Machine<F::Cpus> {
    // SAFETY: tests reach frames by way of CPUs and of the crate's page tables, which use atomics. CPUs store to tables
    // that tests write themselves, and to frames of pages, never to those of the crate's page tables.
    unsafe { Machine::with_architecture(HostFrames::new(frames), seed, cpus) }
}

/// What a CPU has cached that is no longer so. Where a fault makes a CPU forget, what can only fault does not count.
pub fn stale<F: Mmu>(machine: &Machine<F::Cpus>) -> Option<Stale> {
    let stale = machine.stale();
    stale.filter(|stale| F::REMEMBERS_FAULTS || !stale.is_spurious)
}

/// All who can keep accessed and dirty bits.
pub const POLICIES: [AccessedDirty; 3] = [
    AccessedDirty::Preset,
    AccessedDirty::Hardware,
    AccessedDirty::Software,
];

/// What is wrong with what CPUs have cached, if anything: something stale, or two translations at once.
///
/// Where software keeps accessed and dirty bits, a CPU may not have heard that they were set, and fault.
pub fn wrong<F: Mmu>(machine: &Machine<F::Cpus>, policy: AccessedDirty) -> Option<String> {
    let conflict = machine.conflict().map(|conflict| conflict.to_string());
    let is_software = policy == AccessedDirty::Software;
    let stale = stale::<F>(machine).filter(|stale| !(is_software && stale.is_spurious));
    conflict.or_else(|| stale.map(|stale| stale.to_string()))
}

/// The permissions, with READ where the format can say no less.
pub fn sayable<F: Mmu>(permissions: Permissions) -> Permissions {
    match F::supports(Attributes::from(permissions), Features::new()) {
        Ok(()) => permissions,
        Err(_) => permissions | Permissions::READ,
    }
}

/// The first address of each page that a flush names.
fn pages<'a>(flush: &'a Flush<'_>) -> impl Iterator<Item = VirtAddr> + 'a {
    let ranges = flush.ranges().into_iter().flatten();
    let pages =
        ranges.flat_map(|range| (range.start().get()..=range.end().get()).step_by(FRAME_SIZE));
    pages.map(VirtAddr::new)
}
