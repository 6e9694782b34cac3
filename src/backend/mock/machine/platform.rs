//! The machine as a platform: the hooks of a kernel that fences neither too much nor too little.
//!
//! Before each call a moment passes, in which CPUs may walk and cache: so a hook that comes too late is found.

use alloc::vec::Vec;
use core::ptr::NonNull;

use super::calls::Call;
use super::handle::Machine;
use super::rules::Architecture;
use super::stale::Stale;
use crate::addr::PhysAddr;
use crate::flush::{Flush, Tlb};
use crate::frame::{AllocatorId, Frame, FrameAllocator, ShareError};

impl<A: Architecture> Machine<A> {
    /// Lets a moment pass, in which CPUs may walk.
    fn moment(&self) {
        let memory = self.memory();
        self.lock().moment(memory);
    }

    /// The first CPU that could reach a frame by what it has cached. O(cached entries).
    pub(crate) fn reaches(&self, frame: PhysAddr) -> Option<Stale> {
        let memory = self.memory();
        let state = self.lock();
        let mut cpus = state.cpus.iter();
        cpus.find_map(|(&number, cpu)| cpu.leads_to(number, frame, memory))
    }

    /// Writes down the first CPU that could still reach a frame that is given back. O(cached entries).
    fn note_release(&self, frame: PhysAddr) {
        let reached = self.reaches(frame);
        let mut state = self.lock();
        state.released = state.released.or(reached);
    }
}

#[expect(unsafe_code, reason = "the promises of the trait")]
// SAFETY:
// - `HostFrames` keeps the promises of the trait, and every call goes to it.
// - CPUs reach frames that are handed out: whoever made the machine has promised that this does no harm.
unsafe impl<A: Architecture> FrameAllocator for Machine<A> {
    fn id(&self) -> AllocatorId {
        self.frames().id()
    }

    /// # Panics
    /// When [`HostFrames`](crate::backend::mock::HostFrames) does: a frame that was free has been written.
    fn alloc(&self) -> Option<Frame> {
        self.moment();
        self.frames().alloc()
    }

    /// # Panics
    /// When [`HostFrames`](crate::backend::mock::HostFrames) does: the frame is another allocator's, or not in use.
    fn release(&self, frame: Frame, dirty: bool) {
        self.moment();
        if self.frames().is_unique(frame.addr()) {
            self.note_release(frame.addr());
        }
        self.frames().release(frame, dirty);
    }

    /// # Panics
    /// When [`HostFrames`](crate::backend::mock::HostFrames) does: no frame is in use at `at`.
    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.moment();
        self.frames().reach(at)
    }

    fn counts(&self, at: PhysAddr) -> bool {
        self.frames().counts(at)
    }

    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { self.frames().share(at) }
    }

    fn is_unique(&self, at: PhysAddr) -> bool {
        self.frames().is_unique(at)
    }
}

impl<A: Architecture> Tlb for Machine<A> {
    /// Reaches every CPU that has had this root in its registers since it last forgot everything, or all CPUs when the
    /// translations are global. Which fences it does there is said by each architecture ([`RiscV`](super::RiscV)).
    fn flush(&self, flush: &Flush<'_>) {
        self.obey(Call::Flush, flush);
    }

    /// Reaches the CPUs that [`flush`](Self::flush) would: on RISC-V they may have cached that nothing was there.
    fn made_valid(&self, made: &Flush<'_>) {
        self.obey(Call::MadeValid, made);
    }
}

impl<A: Architecture> Machine<A> {
    /// Reaches the CPUs that may have cached something under the root of `flush`, unless this call is to be skipped.
    fn obey(&self, call: Call, flush: &Flush<'_>) {
        let memory = self.memory();
        let mut state = self.lock();
        let named = flush.ranges().into_iter().flatten();
        named.for_each(|area| state.hot.note(area.start()));
        state.moment(memory);
        state.note_conflicts(memory);
        if state.calls.note(call) {
            let cpus = state.cpus.iter();
            let ran =
                cpus.filter(|(_, cpu)| flush.is_global() || cpu.roots.contains(&flush.root()));
            let ran: Vec<_> = ran.map(|(&number, _)| number).collect();
            A::obey(&mut state, call, &ran, flush, memory);
        }
    }
}
