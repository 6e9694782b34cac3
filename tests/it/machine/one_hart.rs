//! The platform of a kernel on one hart, as the README has it.

use std::ptr::NonNull;

use kernel_vm::backend::mock::machine::{Extensions, Machine};
use kernel_vm::backend::riscv::Mode;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{
    Access, AllocatorId, FRAME_SIZE, Flush, Frame, FrameAllocator, Permissions, PhysAddr,
    ShareError, Tlb, VirtAddr, VirtualMemoryManager,
};

use super::tables::machine;
use crate::subject::{PAGE, area, map};

/// The narrowest mode that the kernel runs: an address that is canonical there is canonical in all.
const NARROWEST: Mode = Mode::Sv39;

#[derive(Clone)]
struct OneHart {
    machine: Machine,
    /// Whether the fault handler fences and tries again, so that `made_valid` may do nothing.
    is_lazy: bool,
}

impl OneHart {
    fn forget(&self, what: &Flush<'_>) {
        let hart = self.machine.cpu(0);
        let pages = |range: &kernel_vm::MemoryArea| {
            (range.start().get()..=range.end().get()).step_by(FRAME_SIZE)
        };
        match what.page_by_page(64 * FRAME_SIZE, |addr| NARROWEST.is_canonical(addr)) {
            Some(ranges) => ranges
                .iter()
                .flat_map(pages)
                .for_each(|page| hart.sfence_vma(Some(VirtAddr::new(page)), None)),
            None => hart.sfence_vma(None, None),
        }
    }
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: the machine keeps the promises, and every call goes to it.
unsafe impl FrameAllocator for OneHart {
    fn id(&self) -> AllocatorId {
        self.machine.id()
    }

    fn alloc(&self) -> Option<Frame> {
        self.machine.alloc()
    }

    fn release(&self, frame: Frame, dirty: bool) {
        self.machine.release(frame, dirty);
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.machine.reach(at)
    }

    fn counts(&self, at: PhysAddr) -> bool {
        self.machine.counts(at)
    }

    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { self.machine.share(at) }
    }

    fn is_unique(&self, at: PhysAddr) -> bool {
        self.machine.is_unique(at)
    }
}

impl Tlb for OneHart {
    fn flush(&self, flush: &Flush<'_>) {
        self.forget(flush);
    }

    fn made_valid(&self, made: &Flush<'_>) {
        if !self.is_lazy {
            self.forget(made);
        }
    }
}

/// Whether each store to pages that were just mapped, the first of a table and the next, is done for certain.
fn stores_are_done(seed: u64, is_lazy: bool) -> [bool; 2] {
    let machine = machine(16, seed, Extensions::default());
    let platform = OneHart {
        machine: machine.clone(),
        is_lazy,
    };
    let mut space = VirtualMemoryManager::new(Sv39::new(platform).unwrap());
    let cpu = machine.cpu(0);
    cpu.write_satp(space.backend().satp(space.asid()).bits());
    let frames = [(); 2].map(|()| machine.alloc().unwrap());
    let done = [0, 1].map(|n: usize| {
        let page = VirtAddr::new((1 << 30) + n * PAGE);
        cpu.prefetch(page);
        let at = frames[n].addr().get();
        let rights = Permissions::READ | Permissions::WRITE;
        space
            .add_memory_map(map(page.get(), at, PAGE, rights))
            .unwrap();
        space.populate(area(page.get(), PAGE)).unwrap();
        let outcomes = cpu.outcomes(page, Access::Write);
        if !is_lazy {
            cpu.store_u64(page, 1).unwrap();
        }
        outcomes.iter().all(Result::is_ok)
    });
    space.unmap(area(1 << 30, 2 * PAGE)).unwrap();
    assert_eq!(machine.stale(), None);
    cpu.write_satp(0);
    frames
        .into_iter()
        .for_each(|frame| machine.release(frame, false));
    done
}

#[test]
fn a_store_to_a_page_that_was_just_mapped_does_not_fault() {
    for seed in 0..32 {
        assert_eq!(stores_are_done(seed, false), [true; 2], "seed {seed}");
    }
}

#[test]
fn a_store_to_a_page_that_was_just_mapped_may_fault_where_made_valid_does_nothing() {
    assert!((0..32).any(|seed| stores_are_done(seed, true) == [false; 2]));
}
