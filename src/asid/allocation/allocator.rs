//! The allocator: which space has which ASID in this generation, and the rollover to the next.

use core::fmt;

use super::context::Context;
use super::generation::State;
use crate::sync::{AtomicU64, Line, Mutex, Ordering, const_fn, lines};

/// Hands ASIDs to spaces as CPUs switch to them, for up to `CPUS` CPUs.
///
/// Numbers are handed out once each. When there are no more, a new *generation* begins (a rollover). Every space gets
/// a number anew when it is next switched to, and spaces that are running keep theirs. Every CPU flushes everything
/// once, at its next switch. So no CPU uses translations that it cached for the space that had a number before.
///
/// A switch to a space that has a number of this generation takes no lock: two loads and a compare-and-swap on a word
/// that is this CPU's own. Others take a lock, and O(CPUs). Nothing is allocated, and it can be a `static`.
///
/// ASID 0 is not handed out: it is left to whatever runs without a slot, such as the kernel's first page table. Where
/// there are fewer than `CPUS + 1` other numbers, down to an ASID of 0 bits, all spaces have ASID 0 and every switch
/// asks for a flush.
///
/// # The order
///
/// A CPU that switches, with interrupts off from the first to the last:
/// 1. sets its bit in the space's CPU mask, with any atomic store;
/// 2. asks [`AsidCpu::switch`], which ends with a full fence;
/// 3. writes the root's register with the space's root and the ASID;
/// 4. forgets everything if [`Activation::flush`] says so, before it touches anything that is not mapped alike in both
///    spaces. AArch64 has this before step 3.
///
/// A CPU that has changed entries, in [`Tlb::flush`](crate::Tlb::flush):
/// 1. has stored the entries, and on AArch64 waits for them (`DSB ISHST`);
/// 2. asks [`AsidSlot::asid`], which begins with a full fence; not [`Flush::asid`](crate::Flush::asid), which was read
///    before the entries were stored;
/// 3. reads the CPU mask;
/// 4. makes every CPU in it forget under that ASID, and waits.
///
/// | | the register | to forget everything | to forget under an ASID |
/// |---|---|---|---|
/// | RISC-V | `satp` | `sfence.vma` without operands | `sfence.vma` with it |
/// | x86-64 | `CR3`, [keeping](crate::backend::x86_64::Cr3::keeping) | `invpcid` of all spaces; without PCIDs, the write of `CR3` has done it | `invpcid`; `invlpg` on a CPU that is in the space |
/// | AArch64 | `TTBR0_EL1`, behind a `DSB` | `TLBI VMALLE1`, `DSB`, `ISB` | `TLBI` of the inner shareable domain and `DSB ISH`: it reaches all CPUs, and no mask is needed |
///
/// Either the one who flushes sees the bit and the number, or the one who switches walks tables that have been
/// changed: the two fences see to that. Writing the register does not do their work. On RISC-V and
/// AArch64 it neither orders anything nor forgets anything (Privileged, 'Supervisor Address Translation and Protection
/// Register'); on x86-64 it comes too late. But a CPU only walks the tables that its register names, so it has cached
/// nothing of a space before the first step 3. On AArch64 a fence does not order walks, which is why the `DSB`s stand
/// there.
///
/// The flush comes after `satp` as the manual has it for a recycled ASID ('Supervisor Memory-Management Fence
/// Instruction'). On AArch64 it comes before: two translations of one address under one ASID must never be in a CPU's
/// reach, not even unused. Where all spaces have ASID 0, the CPU also leaves the old one first, for a root in which
/// nothing is; where they have numbers, that does no harm ([`aarch64`](crate::backend::aarch64)).
///
/// A bit may leave the mask when the space is not in the register of that CPU and that CPU has forgotten everything
/// under the ASID, or everything, since; keeping it costs interrupts only.
///
/// A CPU that goes off and comes back:
/// 1. leaves the space that it runs, for a page table without a slot, under ASID 0;
/// 2. clears its bit in every mask, so that nobody waits for it;
/// 3. comes back on a page table without a slot, and calls [`AsidCpu::reset`] before its first switch.
///
/// Whoever brings it down may call `reset` for it, too: then the number of the space that it has left is not kept from
/// others at the rollovers until it comes back. Once is enough, unless it switches in between.
///
/// ```
/// use kernel_vm::{AsidAllocator, AsidSlot};
///
/// static ASIDS: AsidAllocator<4> = AsidAllocator::new(16);
///
/// let (slot, root) = (AsidSlot::new(), 0x8020_0000_u64);
/// let cpu = ASIDS.cpu(0).ok_or("no such CPU")?;
/// let activation = cpu.switch(&slot);
/// let satp = 8 << 60 | u64::from(activation.asid.get()) << 44 | root >> 12;
/// assert!(activation.flush); // the first time, for what the firmware may have left
/// assert!(!cpu.switch(&slot).flush);
/// # assert_eq!(satp, 0x8000_1000_0008_0200);
/// # Ok::<(), &str>(())
/// ```
///
/// [`Activation::flush`]: super::Activation::flush
/// [`AsidCpu::reset`]: super::AsidCpu::reset
/// [`AsidCpu::switch`]: super::AsidCpu::switch
/// [`AsidSlot::asid`]: super::AsidSlot::asid
pub struct AsidAllocator<const CPUS: usize> {
    /// The number of this generation, from 1 on. Written under the lock of `state`, read without.
    generation: AtomicU64,
    /// The active word of each CPU: the context that it runs.
    ///
    /// It is [`Context::NONE`] while the CPU has yet to flush for this generation, and [`Context::IDLE`] from a reset
    /// to the next switch. The CPU writes its own word; a rollover empties all of them.
    pub(super) active: [Line; CPUS],
    /// The highest number; 0 when there are too few, and all spaces share number 0.
    pub(super) highest: u16,
    pub(super) state: Mutex<State<CPUS>>,
}

impl<const CPUS: usize> AsidAllocator<CPUS> {
    const_fn! {
        /// An allocator of ASIDs of `bits` bits, 16 at most: as many as the CPU has. On RISC-V those stick of ones that
        /// are written to the ASID field of `satp`; x86-64 has 12 (CR4.PCIDE) or none; AArch64 has 8 or 16
        /// (TCR_EL1.AS). O(CPUs).
        ///
        /// ```
        /// use kernel_vm::AsidAllocator;
        ///
        /// static ASIDS: AsidAllocator<2> = AsidAllocator::new(9); // two CPUs, 511 spaces
        ///
        /// assert!(ASIDS.cpu(1).is_some());
        /// assert!(ASIDS.cpu(2).is_none());
        /// ```
        #[must_use]
        pub fn new(bits: u32) -> Self {
            Self {
                generation: AtomicU64::new(1),
                active: lines(),
                highest: highest(bits, CPUS),
                state: Mutex::new(State::NEW),
            }
        }
    }

    /// The number of generations before this one. O(1).
    #[must_use]
    pub fn rollovers(&self) -> u64 {
        self.generation() - 1
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Begins a generation. O(CPUs).
    ///
    /// The context that each CPU runs is reserved, so that its number is not handed out while that CPU may go on with
    /// it. Every CPU's word is emptied, so that each comes to the lock, and flushes, before it runs another space.
    fn roll_over(&self, state: &mut State<CPUS>) {
        self.generation.fetch_add(1, Ordering::Relaxed);
        for (active, reserved) in self.active.iter().zip(&mut state.reserved) {
            let running = active.0.swap(Context::NONE.bits(), Ordering::Relaxed);
            *reserved = match Context::from_bits(running) {
                // A CPU that has not switched since the last rollover runs what it ran then.
                Context::NONE => *reserved,
                Context::IDLE => Context::NONE,
                space => space,
            };
        }
        state.begin();
    }

    /// A context of this generation for a space whose slot held `old`: the number of `old` where a CPU still runs that
    /// space, a free one otherwise. O(CPUs), for each number that is skipped as reserved.
    pub(super) fn renew(&self, state: &mut State<CPUS>, old: Context) -> Context {
        let kept = Context::new(self.generation(), old.asid());
        if old != Context::NONE && state.claim(old, kept) {
            return kept;
        }
        loop {
            match state.take(self.highest) {
                Some(asid) => return Context::new(self.generation(), asid),
                None => self.roll_over(state),
            }
        }
    }
}

/// The highest ASID of `bits` bits; 0 when those from 1 on are too few for what each CPU may run and one more.
const fn highest(bits: u32, cpus: usize) -> u16 {
    let highest = if bits < 16 {
        (1_u16 << bits) - 1
    } else {
        u16::MAX
    };
    if (highest as usize) > cpus {
        highest
    } else {
        0
    }
}

impl<const CPUS: usize> fmt::Debug for AsidAllocator<CPUS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsidAllocator")
            .field("highest", &self.highest)
            .field("rollovers", &self.rollovers())
            .finish_non_exhaustive()
    }
}
