//! The machine as a whole: memory, CPUs and a seed behind one handle.

use alloc::sync::Arc;
use core::fmt;

use spin::{Mutex, MutexGuard};

use super::calls::Call;
use super::conflict::Conflict;
use super::memory::Memory;
use super::oracle::worst;
use super::riscv::{Extensions, RiscV};
use super::rules::Architecture;
use super::stale::Stale;
use super::state::State;
use crate::backend::mock::host_frames::HostFrames;

/// Several CPUs and the physical memory that they share; a platform for tests.
///
/// Its CPUs are of one [`Architecture`], RISC-V if nothing else is said.
///
/// It is a handle: clones are the same machine. Any number is a CPU; one that was never used is in the kernel's mode,
/// translates nothing, and has nothing cached. Every answer follows from the seed and from what was asked before, as
/// long as one thread asks. `Display` prints the seed.
pub struct Machine<A: Architecture = RiscV> {
    inner: Arc<Inner<A>>,
}

/// The state that the handles of one machine share.
struct Inner<A: Architecture> {
    frames: HostFrames,
    rules: A,
    seed: u64,
    state: Mutex<State<A>>,
}

impl Machine {
    /// A RISC-V machine without extensions, with these frames as memory. O(1).
    ///
    /// ```
    /// use kernel_vm::VirtAddr;
    /// use kernel_vm::backend::mock::{HostFrames, machine::Machine};
    ///
    /// // SAFETY: no frame is handed out: no CPU reaches memory.
    /// let machine = unsafe { Machine::new(HostFrames::new(4), 42) };
    /// assert_eq!(machine.to_string(), "machine with seed 0x2a");
    /// assert!(machine.cpu(0).load_u64(VirtAddr::new(0x1000)).is_err()); // no memory is there
    /// ```
    ///
    /// # Safety
    /// To let CPUs access memory is to let page tables, right or wrong, decide what is written. So whoever makes the
    /// machine promises, for as long as there is a handle of it:
    /// - Whoever reaches the bytes of one of these frames by a pointer uses them as atomics of 8 bytes, as this crate's
    ///   page tables do. Otherwise no CPU reaches the frame meanwhile.
    /// - No CPU stores to a frame of a page table of this crate: one that it has or has set aside, the root included,
    ///   from its allocation to its release. Such a page table follows the addresses that stand in the frame.
    ///
    /// So no map that allows writes leads to a page table's frame, in any space that a CPU runs. No CPU that may have
    /// cached such a map, or that does not translate, stores there. A walk that sets accessed and dirty bits in a
    /// table's entries is no such store. Loads are allowed.
    #[must_use]
    #[expect(unsafe_code, reason = "the CPUs write any frame that tables lead to")]
    pub unsafe fn new(frames: HostFrames, seed: u64) -> Self {
        // SAFETY: the caller promises for these frames all that `with_extensions` asks.
        unsafe { Self::with_extensions(frames, seed, Extensions::default()) }
    }

    /// A RISC-V machine with these extensions. O(1).
    ///
    /// ```
    /// use kernel_vm::backend::mock::HostFrames;
    /// use kernel_vm::backend::mock::machine::{Extensions, Machine};
    ///
    /// let extensions = Extensions::new().with_svadu(true);
    /// // SAFETY: no frame is handed out: no CPU reaches memory.
    /// let machine = unsafe { Machine::with_extensions(HostFrames::new(4), 42, extensions) };
    /// assert_eq!(machine.extensions(), extensions);
    /// ```
    ///
    /// # Safety
    /// The caller promises all that [`new`](Self::new) asks.
    #[must_use]
    #[expect(unsafe_code, reason = "the CPUs write any frame that tables lead to")]
    pub unsafe fn with_extensions(frames: HostFrames, seed: u64, extensions: Extensions) -> Self {
        // SAFETY: the caller promises for these frames all that `with_architecture` asks.
        unsafe { Self::with_architecture(frames, seed, RiscV::new(extensions)) }
    }

    /// The extensions that the CPUs have. O(1).
    #[must_use]
    pub fn extensions(&self) -> Extensions {
        self.inner.rules.extensions()
    }
}

impl<A: Architecture> Machine<A> {
    /// A machine with CPUs of this architecture. O(1).
    ///
    /// ```
    /// use kernel_vm::backend::mock::HostFrames;
    /// use kernel_vm::backend::mock::machine::{Extensions, Machine, RiscV};
    ///
    /// let riscv = RiscV::new(Extensions::new().with_svadu(true));
    /// // SAFETY: no frame is handed out: no CPU reaches memory.
    /// let machine = unsafe { Machine::with_architecture(HostFrames::new(4), 42, riscv) };
    /// assert_eq!(machine.architecture(), riscv);
    /// ```
    ///
    /// # Safety
    /// The caller promises all that [`new`](Machine::new) asks.
    #[must_use]
    #[expect(unsafe_code, reason = "the CPUs write any frame that tables lead to")]
    pub unsafe fn with_architecture(frames: HostFrames, seed: u64, architecture: A) -> Self {
        Self {
            inner: Arc::new(Inner {
                frames,
                rules: architecture,
                seed,
                state: Mutex::new(State::new(seed)),
            }),
        }
    }

    /// What the CPUs have of their architecture. O(1).
    #[must_use]
    pub fn architecture(&self) -> A {
        self.inner.rules
    }

    /// The frames that are the machine's memory. O(1).
    #[must_use]
    pub fn frames(&self) -> &HostFrames {
        &self.inner.frames
    }

    /// The seed, with which a run can be done again. O(1).
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.inner.seed
    }

    /// The number of such calls so far, skipped ones included. O(1).
    #[must_use]
    pub fn calls(&self, call: Call) -> usize {
        self.lock().calls.count(call)
    }

    /// Lets the `n`-th such call from now (1 is the next) do nothing, once. 0 takes the order back. O(1).
    pub fn skip(&self, call: Call, n: usize) {
        self.lock().calls.skip(call, n);
    }

    /// An entry that some CPU has cached and could use now, and that a walk would no longer find, if there is any.
    ///
    /// It answers 'was a flush forgotten?', whatever the CPUs do next. An entry that can only fault is answered where
    /// there is none that does worse. Entries of ASIDs under which no CPU runs are passed over.
    ///
    /// A frame that was given back while some CPU had cached, and could use, an entry that leads to it is answered from
    /// then on: its flush came too late, even if it came.
    ///
    /// O(cached entries × levels), and for a block that was split, O(pages in it).
    #[must_use]
    pub fn stale(&self) -> Option<Stale> {
        let memory = self.memory();
        let state = self.lock();
        let cpus = state.cpus.iter();
        let mut stale = cpus.filter_map(|(&number, cpu)| cpu.stale(number, memory));
        state
            .released
            .or_else(|| worst(&mut stale, |stale| stale.is_spurious))
    }

    /// Two translations for one address that are, or ever were, in reach of one CPU, and must not be: nothing was made
    /// invalid, or flushed, between them. Arm asks for that ('Using break-before-make when updating translation table
    /// entries'); elsewhere there is none.
    ///
    /// It is looked for here, whenever a hook is called, and when a CPU caches an entry. Of two such translations one
    /// is cached, and the other in memory or cached. What is cached under other ASIDs is passed over.
    ///
    /// O(cached entries × levels), and for a block that was split, O(pages in it).
    #[must_use]
    pub fn conflict(&self) -> Option<Conflict> {
        let memory = self.memory();
        let mut state = self.lock();
        state.note_conflicts(memory);
        let mut cpus = state.cpus.iter();
        cpus.find_map(|(&cpu, state)| {
            let vaddr = state.conflict?;
            Some(Conflict { cpu, vaddr })
        })
    }

    /// The memory as the CPUs' walks read it.
    pub(super) fn memory(&self) -> Memory<'_, A> {
        Memory {
            frames: &self.inner.frames,
            rules: self.inner.rules,
        }
    }

    /// The state of all CPUs. No hook of a kernel is called while it is locked.
    pub(super) fn lock(&self) -> MutexGuard<'_, State<A>> {
        self.inner.state.lock()
    }
}

impl<A: Architecture> Clone for Machine<A> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<A: Architecture> fmt::Display for Machine<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "machine with seed {:#x}", self.seed())
    }
}

impl<A: Architecture> fmt::Debug for Machine<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("seed", &self.inner.seed)
            .field("architecture", &self.inner.rules)
            .finish_non_exhaustive()
    }
}
