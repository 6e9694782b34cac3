//! One CPU's share of a flush, as a kernel's shootdown would do it.

use alloc::vec;
use alloc::vec::Vec;

use super::X86_64;
use super::invalidate::Invalidate;
use super::registers::Registers;
use crate::addr::VirtAddr;
use crate::backend::mock::machine::memory::Memory;
use crate::backend::mock::machine::rules::pages;
use crate::backend::mock::machine::state::State;
use crate::flush::Flush;
use crate::frame::FRAME_SIZE;

/// The most pages that are forgotten one by one; for more, everything is.
const FEW: usize = 64;

/// An instruction of a shootdown.
#[derive(Clone, Copy)]
enum Order {
    Invlpg(VirtAddr),
    Invpcid(Invalidate),
}

/// Does one CPU's share of a flush, instruction by instruction.
pub(super) fn shoot(
    state: &mut State<X86_64>,
    number: usize,
    flush: &Flush<'_>,
    memory: Memory<'_, X86_64>,
) {
    let cpus = memory.rules;
    for order in orders(&state.cpu(number).registers, flush) {
        state.fence(number, memory, |cpu| match order {
            Order::Invlpg(page) => cpu.invlpg(page, cpus),
            Order::Invpcid(what) => cpu.obey(what, cpus),
        });
    }
}

/// The instructions by which a CPU with these registers obeys a flush.
fn orders(registers: &Registers, flush: &Flush<'_>) -> Vec<Order> {
    let is_few = flush.size().is_some_and(|size| size <= FEW * FRAME_SIZE);
    // Where there are no PCIDs, every space has number 0.
    let pcid = if registers.pcide {
        flush.asid()
    } else {
        Some(registers.pcid())
    };
    // `invlpg` reaches other PCIDs' global leaves, and nothing else of theirs.
    let is_reached = !registers.pcide || registers.pge && !flush.tables();
    match pcid {
        _ if flush.is_global() && is_few && is_reached => each(flush, Order::Invlpg),
        _ if flush.is_global() => vec![Order::Invpcid(Invalidate::Everything)],
        Some(pcid) if is_few && pcid == registers.pcid() => each(flush, Order::Invlpg),
        Some(pcid) if is_few && !flush.tables() => {
            let of_page = |page| Order::Invpcid(Invalidate::Page(pcid, page));
            each(flush, of_page)
        }
        Some(pcid) => vec![Order::Invpcid(Invalidate::Space(pcid))],
        None => vec![Order::Invpcid(Invalidate::Spaces)],
    }
}

/// An instruction for each page that the flush names.
fn each(flush: &Flush<'_>, order: impl Fn(VirtAddr) -> Order) -> Vec<Order> {
    let ranges = flush.ranges().into_iter().flatten();
    let pages = ranges.flat_map(|&range| pages(range));
    pages.map(order).collect()
}
