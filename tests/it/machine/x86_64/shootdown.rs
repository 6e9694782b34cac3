//! The machine's own `Tlb`: what a CPU does for a flush.

use kernel_vm::backend::mock::machine::Call;
use kernel_vm::{Asid, Flush, Tlb, VirtAddr};

use super::tables::{A, D, G, P, RW, Tables, loads, read, write};
use crate::subject::area;

const PAGE: usize = 0x4000;
const OLD: u64 = 0x40_0000_0000;
const NEW: u64 = 0x50_0000_0000;
const BITS: u64 = P | RW | A | D;

/// Tables with a page that was cached under PCID 1 and leads elsewhere now. The CPU goes on under PCID `now`.
fn stale(now: u64, bits: u64) -> Tables {
    let tables = Tables::new();
    let entry = tables.write(PAGE, 0, OLD | BITS | bits);
    tables.cpu_under(0, 1).prefetch(VirtAddr::new(PAGE));
    write(&tables.machine, entry, NEW | BITS);
    tables.cpu_under(0, now);
    tables
}

/// How many invalidations the flush costs, and whether it reaches the page.
fn cost(now: u64, bits: u64, flush: impl Fn(&Tables)) -> (usize, bool) {
    let tables = stale(now, bits);
    let before = tables.machine.calls(Call::Fence);
    flush(&tables);
    let fences = tables.machine.calls(Call::Fence) - before;
    let answers = loads(tables.cpu_under(0, 1), PAGE);
    (fences, answers == [Ok(NEW)])
}

/// Flushes so many pages from `PAGE` on.
fn pages(count: usize, with: impl Fn(Flush<'_>) -> Flush<'_>) -> impl Fn(&Tables) {
    move |tables| {
        let ranges = [area(PAGE, count << 12)];
        tables
            .machine
            .flush(&with(Flush::leaves(tables.root, &ranges)));
    }
}

fn under(flush: Flush<'_>, pcid: u16) -> Flush<'_> {
    flush.under(Asid::new(pcid))
}

#[test]
fn pages_of_the_current_space_go_one_by_one_with_all_pointers() {
    assert_eq!(cost(1, 0, pages(3, |flush| under(flush, 1))), (3, true));
    let tables = pages(3, |flush| under(flush, 1).with_tables());
    assert_eq!(cost(1, 0, tables), (3, true));
}

#[test]
fn pages_of_another_space_go_one_by_one_and_tables_with_everything() {
    assert_eq!(cost(2, 0, pages(3, |flush| under(flush, 1))), (3, true));
    let tables = pages(3, |flush| under(flush, 1).with_tables());
    assert_eq!(cost(2, 0, tables), (1, true));
}

#[test]
fn many_pages_go_at_once() {
    assert_eq!(cost(1, 0, pages(64, |flush| under(flush, 1))), (64, true));
    assert_eq!(cost(1, 0, pages(65, |flush| under(flush, 1))), (1, true));
    assert_eq!(cost(2, 0, pages(65, |flush| under(flush, 1))), (1, true));
}

#[test]
fn a_flush_of_any_pcid_is_one_of_all_spaces() {
    assert_eq!(cost(2, 0, pages(1, |flush| flush)), (1, true));
}

/// On every CPU: the one that writes tables is the second, and has no PCIDs.
#[test]
fn global_pages_go_under_every_pcid() {
    assert_eq!(cost(2, G, pages(3, |flush| flush.global())), (3 + 3, true));
    let tables = pages(3, |flush| flush.global().with_tables());
    assert_eq!(cost(2, G, tables), (1 + 3, true));
}

#[test]
fn without_pcids_every_space_is_the_current_one() {
    for (pages, fences) in [(3, 3), (65, 1)] {
        let tables = Tables::new();
        let entry = tables.write(PAGE, 0, OLD | BITS);
        let cpu = tables.cpu(0);
        cpu.prefetch(VirtAddr::new(PAGE));
        write(&tables.machine, entry, NEW | BITS);
        let ranges = [area(PAGE, pages << 12)];
        let before = tables.machine.calls(Call::Fence);
        let flush = Flush::leaves(tables.root, &ranges).under(Asid::new(7));
        tables.machine.flush(&flush.with_tables());
        assert_eq!(tables.machine.calls(Call::Fence) - before, fences);
        assert_eq!(loads(cpu, PAGE), [Ok(NEW)]);
    }
}

#[test]
fn what_became_valid_needs_nothing() {
    let tables = stale(1, 0);
    let ranges = [area(PAGE, 0x1000)];
    let before = tables.machine.calls(Call::Fence);
    tables
        .machine
        .made_valid(&Flush::leaves(tables.root, &ranges));
    assert_eq!(tables.machine.calls(Call::Fence), before);
    assert_eq!(tables.machine.calls(Call::MadeValid), 1);
}

#[test]
fn a_flush_reaches_the_cpus_that_have_run_on_the_root() {
    let tables = stale(1, 0);
    let other = Tables::on(tables.machine.clone());
    other.cpu_under(0, 2);
    other.cpu_under(1, 2);
    let before = tables.machine.calls(Call::Fence);
    let everything = Flush::everything(tables.root);
    tables.machine.flush(&under(everything, 1));
    assert_eq!(tables.machine.calls(Call::Fence) - before, 1, "CPU 0 alone");
    assert_eq!(loads(tables.cpu_under(0, 1), PAGE), [Ok(NEW)]);
}

#[test]
fn a_skipped_invalidation_leaves_the_page_stale() {
    let tables = stale(1, 0);
    tables.machine.skip(Call::Fence, 1);
    let ranges = [area(PAGE, 0x1000)];
    let flush = Flush::leaves(tables.root, &ranges).under(Asid::new(1));
    tables.machine.flush(&flush);
    assert!(tables.machine.stale().is_some());
    assert_eq!(read(&tables.machine, tables.entry(PAGE, 0)), NEW | BITS);
    tables.machine.flush(&flush);
    assert_eq!(tables.machine.stale(), None);
}
