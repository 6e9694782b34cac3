//! The machine as a platform: what a kernel's hooks do on it.

use alloc::vec::Vec;
use core::ptr::NonNull;

use super::calls::Call;
use super::handle::Machine;
use super::memory::Memory;
use super::pte::span;
use super::state::State;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::flush::{Flush, Tlb};
use crate::frame::{AllocatorId, FRAME_SIZE, Frame, FrameAllocator};

/// Up to how many pages are fenced one by one.
const FEW: usize = 64;

impl Machine {
    /// Time passes, in which CPUs may walk.
    fn moment(&self) {
        let memory = self.memory();
        self.lock().moment(memory);
    }

    /// Writes down who could still reach a frame that is given back.
    fn note_release(&self, frame: PhysAddr) {
        let memory = self.memory();
        let mut state = self.lock();
        let mut cpus = state.cpus.iter();
        let reached = cpus.find_map(|(&number, cpu)| cpu.leads_to(number, frame, memory));
        state.released = state.released.or(reached);
    }
}

#[expect(unsafe_code, reason = "the promises of the trait")]
// SAFETY: `HostFrames` keeps the promises, and every call goes to it. That CPUs reach the frames of others, too,
// whoever made the machine has answered for.
unsafe impl FrameAllocator for Machine {
    fn id(&self) -> AllocatorId {
        self.frames().id()
    }

    /// # Panics
    /// As that of [`HostFrames`](crate::backend::mock::HostFrames).
    fn alloc(&self) -> Option<Frame> {
        self.moment();
        self.frames().alloc()
    }

    /// # Panics
    /// As that of [`HostFrames`](crate::backend::mock::HostFrames).
    fn release(&self, frame: Frame, dirty: bool) {
        self.moment();
        self.note_release(frame.addr());
        self.frames().release(frame, dirty);
    }

    /// # Panics
    /// As that of [`HostFrames`](crate::backend::mock::HostFrames).
    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.moment();
        self.frames().reach(at)
    }
}

impl Tlb for Machine {
    /// Fences every CPU that has had this root in its `satp` since it last forgot everything (and all of them when the
    /// translations are global): page by page where they are few, no tables went, and the pages are canonical in the
    /// mode that the CPU runs in now.
    fn flush(&self, flush: &Flush<'_>) {
        self.obey(Call::Flush, flush);
    }

    /// The same: what they forget is that nothing was there.
    fn made_valid(&self, made: &Flush<'_>) {
        self.obey(Call::MadeValid, made);
    }
}

impl Machine {
    fn obey(&self, call: Call, flush: &Flush<'_>) {
        let memory = self.memory();
        let mut state = self.lock();
        let named = flush.ranges().into_iter().flatten();
        named.for_each(|area| state.hot.note(area.start()));
        state.moment(memory);
        if state.calls.note(call) {
            let cpus = state.cpus.iter();
            let ran =
                cpus.filter(|(_, cpu)| flush.is_global() || cpu.roots.contains(&flush.root()));
            let ran: Vec<_> = ran.map(|(&number, _)| number).collect();
            ran.into_iter()
                .for_each(|number| state.flush(number, flush, memory));
        }
    }
}

impl State {
    /// What one CPU does of a flush.
    fn flush(&mut self, number: usize, flush: &Flush<'_>, memory: Memory<'_>) {
        let mode = self.cpu(number).satp.mode;
        match flush.page_by_page(FEW * FRAME_SIZE, |addr| mode.is_canonical(addr)) {
            Some(ranges) => {
                for page in ranges.iter().flat_map(|&range| pages(range)) {
                    self.fence(number, Some(page), flush.asid(), memory);
                }
            }
            None => self.fence(number, None, flush.asid(), memory),
        }
    }
}

/// The first address of each page in `area`.
fn pages(area: MemoryArea) -> impl Iterator<Item = VirtAddr> {
    area.blocks(span(0)).map(|part| part.block.start())
}
