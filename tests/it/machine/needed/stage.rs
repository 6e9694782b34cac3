//! A machine on which a verb is done, and one thing that the verb asks for can be forgotten.

use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::Rc;

use kernel_vm::backend::PageTableBackend;
use kernel_vm::backend::mock::machine::{Call, Machine, Stale};
use kernel_vm::backend::radix::{self, Radix};
use kernel_vm::{
    AllocatorId, Asid, FRAME_SIZE, Flush, Frame, FrameAllocator, MemoryArea, PhysAddr, ShareError,
    Tlb, VirtAddr,
};

use crate::machine::mmu::{Mmu, machine, stale};
use crate::subject::area;

pub const CPUS: usize = 4;

/// What is forgotten of all that a verb asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// The `n`-th of `of` such calls.
    Call { call: Call, n: usize, of: usize },
    /// The flush, and the news that follows it, which would make up for it.
    FlushAndNews,
    /// That tables are concerned, not only leaves.
    Tables(Call),
    /// That all spaces are concerned.
    Global(Call),
}

impl Dropped {
    /// All that there is of such calls.
    pub const fn only(call: Call) -> Self {
        Self::Call { call, n: 1, of: 1 }
    }

    /// Whether CPUs of this architecture must hear of it.
    ///
    /// Nobody need hear of what became valid, where no fault is remembered. Nobody need hear of tables, where a flush
    /// of any page reaches the pointers, too. Where all CPUs are told of everything, nobody need hear where something
    /// became valid, or that all spaces are concerned.
    pub const fn is_needed<F: Mmu>(self) -> bool {
        match self {
            Self::Tables(Call::Flush) => F::PAGES_SPARE_POINTERS,
            Self::Global(Call::Flush) => F::FLUSHES_NAME_SPACES,
            Self::Tables(_) | Self::Global(_) => F::REMEMBERS_FAULTS && F::NEWS_NAME_PLACES,
            Self::Call { call, .. } => F::REMEMBERS_FAULTS || !matches!(call, Call::MadeValid),
            Self::FlushAndNews => true,
        }
    }

    /// Which calls, and how many of them there are.
    const fn calls(self) -> (Call, usize) {
        match self {
            Self::Call { call, of, .. } => (call, of),
            Self::FlushAndNews => (Call::Flush, 1),
            Self::Tables(call) | Self::Global(call) => (call, 1),
        }
    }
}

/// The machine, whose hooks hear as little as they may, and less while something is weakened.
pub struct Weakened<F: Mmu> {
    machine: Machine<F::Cpus>,
    weakened: Rc<Cell<Option<Dropped>>>,
}

impl<F: Mmu> Clone for Weakened<F> {
    fn clone(&self) -> Self {
        Self {
            machine: self.machine.clone(),
            weakened: self.weakened.clone(),
        }
    }
}

impl<F: Mmu> Weakened<F> {
    /// Lets the machine obey `flush`, or what is left of it: page by page where that is allowed.
    fn hear(&self, call: Call, flush: &Flush<'_>, obey: impl Fn(&Flush<'_>)) {
        assert_ne!(flush.size(), Some(0), "nothing is named");
        let forgets = |dropped| self.weakened.get() == Some(dropped);
        let tables = flush.tables() && !forgets(Dropped::Tables(call));
        let global = flush.is_global() && !forgets(Dropped::Global(call));
        let Some(ranges) = flush.ranges() else {
            let everything = Flush::everything(flush.root());
            return obey(if global == flush.is_global() {
                flush
            } else {
                &everything
            });
        };
        for &range in ranges {
            // Where tables are concerned, any page of theirs may be cached.
            let part = [if tables { range } else { few(range) }];
            let mut heard = Flush::leaves(flush.root(), &part);
            if let Some(asid) = flush.asid() {
                heard = heard.under(asid);
            }
            if tables {
                heard = heard.with_tables();
            }
            if global {
                heard = heard.global();
            }
            obey(&heard);
        }
    }
}

/// So few pages that the machine fences one by one: what is larger is one leaf here, which goes with any of them.
fn few(range: MemoryArea) -> MemoryArea {
    area(range.start().get(), range.size().min(8 * FRAME_SIZE))
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: the machine keeps the promises, and every call goes to it.
unsafe impl<F: Mmu> FrameAllocator for Weakened<F> {
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

impl<F: Mmu> Tlb for Weakened<F> {
    fn flush(&self, flush: &Flush<'_>) {
        self.hear(Call::Flush, flush, |heard| self.machine.flush(heard));
    }

    fn cpu(&self) -> usize {
        Tlb::cpu(&self.machine)
    }

    fn made_valid(&self, made: &Flush<'_>) {
        self.hear(Call::MadeValid, made, |heard| {
            self.machine.made_valid(heard);
        });
    }
}

/// Where one place in the code is tried: all of its calls are made, or one is dropped.
pub struct Stage<F: Mmu> {
    pub platform: Weakened<F>,
    dropped: Dropped,
    is_forgetful: bool,
}

impl<F: Mmu> Stage<F> {
    pub fn new(seed: u64, dropped: Dropped, is_forgetful: bool) -> Self {
        let machine = machine::<F>(64, seed, F::cpus());
        let platform = Weakened {
            machine,
            weakened: Rc::default(),
        };
        Self {
            platform,
            dropped,
            is_forgetful,
        }
    }

    pub fn machine(&self) -> &Machine<F::Cpus> {
        &self.platform.machine
    }

    /// A page table that every CPU runs.
    pub fn table(&self) -> Radix<F, Weakened<F>> {
        self.table_with(radix::Features::default())
    }

    pub fn table_with(&self, features: radix::Features) -> Radix<F, Weakened<F>> {
        let table = Radix::with_features(self.platform.clone(), features).unwrap();
        self.run(table.root(), Asid::new(0));
        table
    }

    pub fn frame(&self) -> Frame {
        self.platform.alloc().unwrap()
    }

    /// Every CPU runs the space with this root.
    pub fn run(&self, root: PhysAddr, asid: Asid) {
        (0..CPUS).for_each(|cpu| F::run(self.machine().cpu(cpu), root, asid));
    }

    /// Every CPU reaches the kernel's page table with this root.
    pub fn share(&self, kernel: PhysAddr) {
        (0..CPUS).for_each(|cpu| F::share(self.machine().cpu(cpu), kernel));
    }

    /// Every CPU caches what there is on the way to this address.
    pub fn cache(&self, addr: VirtAddr) {
        (0..CPUS).for_each(|cpu| self.machine().cpu(cpu).prefetch(addr));
    }

    /// Does the verb that asks for what may be forgotten, and for nothing else of its kind.
    pub fn verb<R>(&self, verb: impl FnOnce() -> R) -> R {
        let (call, expected) = self.dropped.calls();
        let before = self.machine().calls(call);
        if self.is_forgetful {
            match self.dropped {
                Dropped::Call { call, n, .. } => self.machine().skip(call, n),
                Dropped::FlushAndNews => {
                    self.machine().skip(Call::Flush, 1);
                    self.machine().skip(Call::MadeValid, 1);
                }
                weakened => self.platform.weakened.set(Some(weakened)),
            }
        }
        let answer = verb();
        self.platform.weakened.set(None);
        let calls = self.machine().calls(call) - before;
        if !self.is_forgetful {
            assert_eq!(calls, expected, "{:?}", self.dropped);
        }
        answer
    }

    /// What is stale. With every call, there is no conflict either.
    pub fn stale(&self) -> Option<Stale> {
        if !self.is_forgetful {
            assert_eq!(self.machine().conflict(), None, "{:?}", self.dropped);
        }
        stale::<F>(self.machine())
    }
}
