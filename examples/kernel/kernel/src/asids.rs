//! Who has cached what: the ASIDs of spaces, and the CPUs that have run them.

use alloc::sync::Arc;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::{AcqRel, Acquire, SeqCst};

use kernel_vm::{Activation, Asid, AsidAllocator, AsidSlot, PhysAddr};

use crate::arch;
use crate::cpus::{self, CpuSet};
use crate::layout::MAX_CPUS;
use crate::lock::Lock;

type Allocator = AsidAllocator<MAX_CPUS>;

/// The fewest bits of an ASID that a CPU has.
static FEWEST_BITS: AtomicU32 = AtomicU32::new(16);

static ALLOCATOR: Lock<Option<Arc<Allocator>>> = Lock::new(None);

/// Asks this CPU how many bits of an ASID it has.
pub fn probe() {
    FEWEST_BITS.fetch_min(arch::asid_bits(), AcqRel);
}

/// How many bits of an ASID all CPUs have. They are up.
pub fn bits() -> u32 {
    FEWEST_BITS.load(Acquire)
}

/// Hands out ASIDs of so many bits from now on, or of as many as all CPUs have. The CPUs are up, and there is no
/// program: two allocators would give one number to two of them.
pub fn begin(most_bits: u32) {
    let bits = bits().min(most_bits);
    let before = ALLOCATOR.lock().replace(Arc::new(Allocator::new(bits)));
    let users = before
        .as_ref()
        .map_or(0, |before| Arc::strong_count(before) - 1);
    assert_eq!(users, 0, "spaces are left from before");
}

/// How often numbers have run out.
pub fn rollovers() -> u64 {
    ALLOCATOR
        .lock()
        .as_ref()
        .map_or(0, |asids| asids.rollovers())
}

/// What flushes of a space must know: beside the space, not under its lock.
#[derive(Debug)]
pub struct Tags {
    asids: Arc<Allocator>,
    slot: AsidSlot,
    /// The CPUs that may have cached something of it, a bit each. A bit that stays costs an order too many, and nothing
    /// else.
    cpus: AtomicUsize,
}

impl Tags {
    /// Those of a space that no CPU has run.
    pub fn new() -> Arc<Self> {
        let asids = ALLOCATOR.lock().clone();
        Arc::new(Self {
            asids: asids.expect("ASIDs are there before programs"),
            slot: AsidSlot::new(),
            cpus: AtomicUsize::new(0),
        })
    }

    /// Under which ASID translations of the space are cached, and by whom. For a flush, which has stored its entries:
    /// the answer begins with a full fence.
    pub fn cached(&self) -> (Asid, CpuSet) {
        let asid = self.slot.asid();
        (asid, CpuSet(self.cpus.load(SeqCst)))
    }

    /// Makes this CPU translate through the space with this root, whose tags these are; and says how.
    ///
    /// # Safety
    /// As [`arch::activate`] has it.
    pub unsafe fn activate(&self, root: PhysAddr) -> Activation {
        let id = cpus::this().id();
        self.cpus.fetch_or(1 << id, SeqCst);
        let cpu = self.asids.cpu(id).expect("there are no more CPUs");
        let activation = cpu.switch(&self.slot);
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { arch::activate(root, &activation) };
        activation
    }
}
