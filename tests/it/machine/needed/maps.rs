//! Verbs of a page table that put something there, or something else.

use kernel_vm::backend::Paging;
use kernel_vm::backend::mock::machine::Stale;
use kernel_vm::backend::radix::{AccessedDirty, Features, Radix};
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{Access, FrameAllocator, Permissions};

use super::pages::{
    ASID, FIRST, LARGE, NONE, READ, WRITE, addr, attributes, cached, edit, map, page, pages, run,
};
use super::stage::{Stage, Weakened};
use crate::machine::mmu::Mmu;
use crate::subject::area;

/// Gives the table a frame of its own for its `n`-th page.
pub fn own<F: Mmu>(
    stage: &Stage<F>,
    table: &Radix<F, Weakened<F>>,
    n: usize,
    permissions: Permissions,
) {
    let edits = [Edit::Map(run(page(n), permissions))];
    let mut reserved = table.reserve(edits.into_iter()).unwrap();
    let frame = stage.frame();
    table
        .install(addr(n), frame, attributes(permissions), &mut reserved)
        .unwrap();
    table.unreserve(reserved);
}

fn entry<F: Mmu>(table: &Radix<F, Weakened<F>>, n: usize) -> Run {
    match table.entry(addr(n)) {
        Entry::Leaf(run) | Entry::Hidden(run) => run,
        Entry::Empty | Entry::Busy => panic!("nothing at page {n}"),
    }
}

pub fn map_pages<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut table = cached(stage, 1);
    stage.cache(addr(2));
    stage.verb(|| map(&mut table, pages(1, 2)));
    stage.stale()
}

/// A table comes with a page that is not valid, and becomes so later.
pub fn map_hidden<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut table = stage.table();
    stage.cache(addr(0));
    stage.verb(|| edit(&mut table, Edit::Map(run(page(0), NONE))));
    edit(&mut table, Edit::Protect(page(0), READ));
    stage.stale()
}

/// The first page of a table that was not there.
pub fn map_table<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut table = stage.table();
    stage.cache(addr(0));
    stage.verb(|| map(&mut table, page(0)));
    stage.stale()
}

pub fn install<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let table = cached(stage, 1);
    stage.cache(addr(1));
    stage.verb(|| own(stage, &table, 1, WRITE));
    stage.stale()
}

/// The accessed bit that a CPU has cached as clear.
pub fn set_accessed<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut table = stage.table_with(Features::new().with_accessed_dirty(AccessedDirty::Software));
    map(&mut table, page(0));
    stage.cache(addr(0));
    stage.verb(|| table.touch(addr(0), Access::Write).unwrap());
    stage.stale()
}

pub fn exchange<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let table = stage.table();
    own(stage, &table, 0, READ);
    exchanged(stage, &table)
}

pub fn exchange_hidden<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut table = stage.table();
    own(stage, &table, 0, READ);
    edit(&mut table, Edit::Protect(page(0), NONE));
    exchanged(stage, &table)
}

fn exchanged<F: Mmu>(stage: &Stage<F>, table: &Radix<F, Weakened<F>>) -> Option<Stale> {
    stage.cache(addr(0));
    let (old, new) = (entry(table, 0), stage.frame());
    let before = stage.verb(|| table.exchange(old, new, attributes(WRITE), ASID).unwrap());
    stage.platform.release(before.unwrap().frame, false);
    stage.stale()
}

/// A table comes where a hidden leaf was, and a page of it becomes valid later.
pub fn split_hidden<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut table = stage.table();
    let leaf = area(FIRST, LARGE);
    map(&mut table, leaf);
    edit(&mut table, Edit::Protect(leaf, NONE));
    stage.cache(addr(1));
    stage.verb(|| edit(&mut table, Edit::Unmap(page(0))));
    edit(&mut table, Edit::Protect(page(1), READ));
    stage.stale()
}
