//! Who must forget which translations: the other half of the platform.
//!
//! The way of a flush, from an edit to the frames that come back:
//! 1. the backend edits its page table by plain stores, and notes in a [`Retired`] where entries have changed;
//! 2. [`PageTableBackend::retire`](crate::backend::PageTableBackend::retire) makes one [`Flush`] of all notes;
//! 3. the platform's [`Tlb::flush`] reaches every CPU that may have cached a translation, and waits for it;
//! 4. only then frames and tables go back to the allocator, and pieces of maps to the caller.
//!
//! A deferred verb ends behind the first step: [`settle`](crate::VirtualMemoryManager::settle) does the others, while
//! other CPUs go on.

mod order;
mod retired;

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::this_cpu;

pub use order::Flush;
pub use retired::Retired;

/// The hooks by which CPUs hear of changed translations: half of the platform (the other is [`FrameAllocator`]).
///
/// *For who implements it:* a hook runs inside a verb, so the kernel's own lock around the address space may be
/// held and interrupts may be off. While a CPU waits here for others, it must serve their shootdowns, or two CPUs that
/// flush at once wait for each other for ever. A hook must not call back into the same address space.
///
/// The page table was changed by plain stores: whatever makes another CPU flush must order them before. On RISC-V it is
/// a `fence` before the interrupt is sent (SBI's remote fences do so themselves), on x86-64 an `mfence` (an xAPIC is
/// sent to by a store, which does without; an x2APIC is not), on AArch64 a `DSB ISHST`.
///
/// *For who calls it:* when [`flush`](Self::flush) returns, no CPU uses a translation of the named ranges that was
/// cached before the call. Frames are reused only after that.
///
/// The simplest that is right on RISC-V with one hart forgets everything each time. The guide's page on the platform
/// has a finer one.
///
/// ```
/// use kernel_vm::{Flush, PhysAddr, Tlb};
/// # mod riscv { // on the host, fences are counted
/// #     use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
/// #     static FENCES: AtomicUsize = AtomicUsize::new(0);
/// #     pub fn sfence_vma_all() { FENCES.fetch_add(1, Relaxed); }
/// #     pub fn fences() -> usize { FENCES.load(Relaxed) }
/// # }
///
/// struct OneHart;
///
/// impl Tlb for OneHart {
///     fn flush(&self, _flush: &Flush<'_>) {
///         riscv::sfence_vma_all();
///     }
///
///     // May be left out if the fault handler fences and tries again.
///     fn made_valid(&self, _made: &Flush<'_>) {
///         riscv::sfence_vma_all();
///     }
/// }
///
/// OneHart.flush(&Flush::everything(PhysAddr::new(0x8020_0000)));
/// assert_eq!(riscv::fences(), 1);
/// ```
///
/// A hook that panics leaves the page table sound, and makes it leak at most: see
/// [`backend::radix`](crate::backend::radix#when-a-hook-panics). A flush that panics is asked for once more, by the
/// next verb that retires something or by the drop.
///
/// [`FrameAllocator`]: crate::FrameAllocator
pub trait Tlb {
    /// Makes every CPU that may have cached a translation named by `flush` forget it, and waits until all have.
    ///
    /// Called at most once a verb, after the page table was changed and before any frame is given back. What deferred
    /// verbs have left is flushed by a call of its own, before the next verb or by `settle`. A move onto pages that the
    /// space owns flushes those first, too. Where entries must be broken before others
    /// are made (AArch64), any move onto pages does so, and each large leaf that is split takes one more call.
    ///
    /// | | the order to a CPU | with an address it covers | global leaves |
    /// |---|---|---|---|
    /// | RISC-V | `sfence.vma` | leaves; where [`tables`](Flush::tables) went, it must be without | only without an ASID |
    /// | x86-64 | `invlpg`, `invpcid`, `CR3` written | the leaf, and all pointers of the current PCID | `invlpg`, or `invpcid` of everything |
    /// | AArch64 | `TLBI` between two `DSB`s, then `ISB` | the leaf; with `VAE1` and `VAAE1`, the pointers on the way | all but `ASIDE1` |
    ///
    /// - On RISC-V an address has no effect where it is not canonical in the mode that the CPU runs in at that moment.
    ///   That need not be the space's own: a CPU keeps its Sv48 translations when it goes on to an Sv39 space under
    ///   another ASID. So a kernel with spaces of several modes fences without an address where one is not canonical in
    ///   the narrowest ([`Mode::is_canonical`](crate::backend::riscv::Mode::is_canonical)); [`Flush::page_by_page`]
    ///   asks both questions. (Privileged, 'Supervisor Memory-Management Fence Instruction')
    /// - On x86-64 `invlpg` reaches the current PCID and global leaves alone. A CPU that has left the space takes
    ///   `invpcid`, or writes `CR3` without bit 63 when it comes back. (SDM, 'Operations that Invalidate TLBs and
    ///   Paging-Structure Caches')
    /// - On AArch64 the forms for the inner shareable domain reach every CPU, and no interrupt is sent. (Arm ARM, 'TLB
    ///   maintenance instructions')
    fn flush(&self, flush: &Flush<'_>);

    /// Tells CPUs that the entries named by `made` allow more than they did. The default does nothing.
    ///
    /// A leaf is there where none was valid; a leaf has its accessed or dirty bit now; or a leaf has gained
    /// permissions, for the frame of before. A CPU may have cached the entry of before, and that can only make it
    /// fault.
    ///
    /// RISC-V caches invalid entries without Svvptc, and with it the accessed and dirty bits: it acts here, as for
    /// [`flush`](Self::flush), with its words on tables and addresses. AArch64 needs `DSB ISHST` and `ISB` before an
    /// entry is seen. x86-64 does nothing. The ASID is not known.
    ///
    /// The default is for a kernel whose fault handler finds that the page table allows the access, fences, and tries
    /// again. Without such a handler, the first store to a page that was just mapped may be a fault that nobody
    /// expects.
    fn made_valid(&self, made: &Flush<'_>) {
        let _ = made;
    }

    /// This CPU forgets what `stale` names, and no other need: an access has faulted here although the page table
    /// allows it, so this CPU had cached less. The default is [`flush`](Self::flush), which does more than it must.
    ///
    /// On RISC-V: `sfence.vma`, with the words of [`flush`](Self::flush) on tables and addresses. On AArch64: `TLBI
    /// VALE1`, `DSB NSH` and `ISB`. On x86-64 nothing: the fault itself has invalidated the leaf (SDM, 'Operations that
    /// Invalidate TLBs and Paging-Structure Caches').
    fn fence(&self, stale: &Flush<'_>) {
        self.flush(stale);
    }

    /// The number of the CPU that this is, from 0 on: by it, CPUs that look up or fault in one space at once keep apart
    /// what they remember of it. O(1), and called by every lookup.
    ///
    /// A wrong number, or one that is another CPU's by the time that it is used, costs time and nothing else. The
    /// default guesses by the stack that this runs on, so two CPUs may have one number by chance. Their lookups then go
    /// as slowly as if one CPU did all of them. A kernel knows better: by `tp`, `GS` or `TPIDR_EL1`.
    #[inline]
    fn cpu(&self) -> usize {
        this_cpu::guess()
    }

    /// Tells CPUs that the frames in `area` are about to become executable somewhere. The default does nothing.
    ///
    /// Instruction caches must see the bytes of these frames before the hook returns. On RISC-V that takes `fence.i` on
    /// every hart (Zifencei), on AArch64 `DC CVAU` of each line and `IC IALLUIS`, with a `DSB ISH` behind each.
    /// x86-64's see every store.
    fn made_code(&self, area: MemoryArea<PhysAddr>) {
        let _ = area;
    }
}

impl<P: Tlb + ?Sized> Tlb for &P {
    fn flush(&self, flush: &Flush<'_>) {
        (**self).flush(flush);
    }

    #[inline]
    fn cpu(&self) -> usize {
        (**self).cpu()
    }

    fn made_valid(&self, made: &Flush<'_>) {
        (**self).made_valid(made);
    }

    fn fence(&self, stale: &Flush<'_>) {
        (**self).fence(stale);
    }

    fn made_code(&self, area: MemoryArea<PhysAddr>) {
        (**self).made_code(area);
    }
}

impl<F, T: Tlb> Tlb for (F, T) {
    fn flush(&self, flush: &Flush<'_>) {
        self.1.flush(flush);
    }

    #[inline]
    fn cpu(&self) -> usize {
        self.1.cpu()
    }

    fn made_valid(&self, made: &Flush<'_>) {
        self.1.made_valid(made);
    }

    fn fence(&self, stale: &Flush<'_>) {
        self.1.fence(stale);
    }

    fn made_code(&self, area: MemoryArea<PhysAddr>) {
        self.1.made_code(area);
    }
}
