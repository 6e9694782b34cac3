//! The instructions of a kernel's hooks.

use alloc::vec;
use alloc::vec::Vec;

use super::AArch64;
use super::tlbi::{Cpus, Tlbi};
use crate::addr::VirtAddr;
use crate::backend::mock::machine::calls::Call;
use crate::backend::mock::machine::memory::Memory;
use crate::backend::mock::machine::rules::pages;
use crate::backend::mock::machine::state::State;
use crate::flush::Flush;
use crate::frame::FRAME_SIZE;

/// The most pages that are named one by one; for more, a whole ASID is.
const FEW: usize = 64;

/// Does what a kernel does in its hooks, on whatever CPU.
pub(super) fn obey(
    state: &mut State<AArch64>,
    call: Call,
    flush: &Flush<'_>,
    memory: Memory<'_, AArch64>,
) {
    state.dsb_ishst(memory);
    if call == Call::Flush {
        for what in invalidations(flush) {
            state.tlbi(what, Cpus::All, memory);
        }
        state.dsb_ish(memory);
    }
}

/// The invalidations by which all CPUs forget what the flush names.
fn invalidations(flush: &Flush<'_>) -> Vec<Tlbi> {
    let is_few = flush.size().is_some_and(|size| size <= FEW * FRAME_SIZE);
    match (flush.asid(), flush.tables()) {
        (Some(asid), false) if is_few => each(flush, |page| Tlbi::Vale1(asid, page)),
        (Some(asid), true) if is_few => each(flush, |page| Tlbi::Vae1(asid, page)),
        (None, false) if is_few => each(flush, Tlbi::Vaale1),
        (None, true) if is_few => each(flush, Tlbi::Vaae1),
        (Some(asid), _) => vec![Tlbi::Aside1(asid)],
        (None, _) => vec![Tlbi::Vmalle1],
    }
}

/// An invalidation for each page that the flush names.
fn each(flush: &Flush<'_>, of_page: impl Fn(VirtAddr) -> Tlbi) -> Vec<Tlbi> {
    let ranges = flush.ranges().into_iter().flatten();
    let pages = ranges.flat_map(|&range| pages(range));
    pages.map(of_page).collect()
}
