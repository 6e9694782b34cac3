//! Who has cached what: the ASIDs of spaces, and the harts that have run them.

use alloc::sync::Arc;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::{AcqRel, Acquire, SeqCst};

use kernel_vm::backend::riscv::{self, Satp};
use kernel_vm::{Activation, Asid, AsidAllocator, AsidSlot, PhysAddr};

use crate::harts;
use crate::layout::MAX_HARTS;
use crate::lock::Lock;
use crate::mode::MODE;
use crate::sbi::Harts;

type Allocator = AsidAllocator<MAX_HARTS>;

/// The fewest bits of an ASID that a hart has.
static FEWEST_BITS: AtomicU32 = AtomicU32::new(16);

static ALLOCATOR: Lock<Option<Arc<Allocator>>> = Lock::new(None);

/// Asks this hart how many bits of an ASID it has.
pub fn probe() {
    // SAFETY: interrupts are off in the kernel, and the boot table maps all that it uses.
    let bits = unsafe { riscv::probe_asid_bits() };
    FEWEST_BITS.fetch_min(bits, AcqRel);
}

/// Hands out ASIDs of so many bits from now on, or of as many as all harts have. The harts are up, and there is no
/// program: two allocators would give one number to two of them.
pub fn begin(most_bits: u32) {
    let bits = FEWEST_BITS.load(Acquire).min(most_bits);
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
    /// The harts that may have cached something of it, a bit each. A bit that stays costs a fence too many, and nothing
    /// else.
    harts: AtomicUsize,
}

impl Tags {
    /// Those of a space that no hart has run.
    pub fn new() -> Arc<Self> {
        let asids = ALLOCATOR.lock().clone();
        Arc::new(Self {
            asids: asids.expect("ASIDs are there before programs"),
            slot: AsidSlot::new(),
            harts: AtomicUsize::new(0),
        })
    }

    /// Under which ASID translations of the space are cached, and by whom. For a flush, which has stored its entries:
    /// the answer begins with a full fence.
    pub fn cached(&self) -> (Asid, Harts) {
        let asid = self.slot.asid();
        (asid, Harts(self.harts.load(SeqCst)))
    }

    /// Makes this hart translate through the space with this root, whose tags these are; and says how.
    ///
    /// # Safety
    /// As [`riscv::activate`] has it.
    pub unsafe fn activate(&self, root: PhysAddr) -> Activation {
        let hart = harts::this().id();
        self.harts.fetch_or(1 << hart, SeqCst);
        let cpu = self.asids.cpu(hart).expect("there are no more harts");
        let activation = cpu.switch(&self.slot);
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { riscv::activate(Satp::new(MODE, activation.asid, root)) };
        if activation.flush {
            riscv::sfence_vma_all();
        }
        activation
    }
}
