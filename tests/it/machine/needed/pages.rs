//! Verbs of a page table that take something out or change it.

use kernel_vm::backend::mock::machine::Stale;
use kernel_vm::backend::radix::{Radix, Reserved};
use kernel_vm::backend::{Edit, PageTableBackend, Run};
use kernel_vm::{Asid, Attributes, MemoryArea, Permissions, PhysAddr, Retired, VirtAddr};

use super::maps::own;
use super::stage::{Stage, Weakened};
use crate::machine::mmu::Mmu;
use crate::subject::area;

pub const PAGE: usize = 0x1000;
pub const LARGE: usize = 0x20_0000;
/// The first page of a table.
pub const FIRST: usize = 4 * LARGE;
pub const ASID: Asid = Asid::new(0);
pub const READ: Permissions = Permissions::READ;
pub const WRITE: Permissions = READ.union(Permissions::WRITE);
pub const NONE: Permissions = Permissions::empty();

pub fn attributes(permissions: Permissions) -> Attributes {
    Attributes::from(permissions)
}

/// The `n`-th page of the table.
pub fn page(n: usize) -> MemoryArea {
    pages(n, 1)
}

pub fn pages(n: usize, count: usize) -> MemoryArea {
    area(FIRST + n * PAGE, count * PAGE)
}

pub fn addr(n: usize) -> VirtAddr {
    page(n).start()
}

/// `area`, mapped to physical memory that is aligned as it is.
pub fn run(area: MemoryArea, permissions: Permissions) -> Run {
    Run {
        area,
        first: PhysAddr::new(0x1_0000_0000 + (area.start().get() as u64 & 0xffff_ffff)),
        attributes: attributes(permissions),
    }
}

pub fn map<F: Mmu>(table: &mut Radix<F, Weakened<F>>, area: MemoryArea) {
    edit(table, Edit::Map(run(area, WRITE)));
}

pub fn edit<F: Mmu>(table: &mut Radix<F, Weakened<F>>, edit: Edit) {
    table.edit(edit, ASID).unwrap();
}

/// A table with some pages, cached.
pub fn cached<F: Mmu>(stage: &Stage<F>, count: usize) -> Radix<F, Weakened<F>> {
    let mut table = stage.table();
    map(&mut table, pages(0, count));
    (0..count).for_each(|n| stage.cache(addr(n)));
    table
}

pub fn unmap_page<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut table = cached(stage, 2);
    stage.verb(|| edit(&mut table, Edit::Unmap(page(0))));
    stage.stale()
}

pub fn map_page<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut table = cached(stage, 1);
    stage.cache(addr(1));
    stage.verb(|| map(&mut table, page(1)));
    stage.stale()
}

pub fn unmap_pages<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut table = cached(stage, 3);
    stage.verb(|| edit(&mut table, Edit::Unmap(pages(0, 2))));
    stage.stale()
}

/// Two large leaves, one of which goes, so that their table stays.
pub fn unmap_large<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut table = stage.table();
    map(&mut table, area(FIRST, 2 * LARGE));
    stage.cache(addr(0));
    stage.verb(|| edit(&mut table, Edit::Unmap(area(FIRST, LARGE))));
    stage.stale()
}

/// Nothing in the table is valid; only the pointers to it are cached.
pub fn unmap_table<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut table = cached(stage, 1);
    edit(&mut table, Edit::Protect(page(0), NONE));
    stage.cache(addr(0));
    stage.verb(|| edit(&mut table, Edit::Unmap(page(0))));
    stage.stale()
}

pub fn protect<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut table = cached(stage, 1);
    stage.verb(|| edit(&mut table, Edit::Protect(page(0), READ)));
    stage.stale()
}

pub fn hide<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut table = cached(stage, 1);
    stage.verb(|| edit(&mut table, Edit::Protect(page(0), NONE)));
    stage.stale()
}

pub fn show<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut table = cached(stage, 1);
    edit(&mut table, Edit::Protect(page(0), NONE));
    stage.cache(addr(0));
    stage.verb(|| edit(&mut table, Edit::Protect(page(0), READ)));
    stage.stale()
}

/// A part of one of two leaves, without the table that it would be split into.
pub fn protect_large_unreserved<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    protect_without_table(stage, 2)
}

/// A part of the one leaf in a table, without the table that it would be split into.
pub fn protect_unreserved<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    protect_without_table(stage, 1)
}

fn protect_without_table<F: Mmu>(stage: &Stage<F>, leaves: usize) -> Option<Stale> {
    let mut table = stage.table();
    map(&mut table, area(FIRST, leaves * LARGE));
    stage.cache(addr(0));
    let mut out = Retired::new();
    table.protect(page(0), READ, &mut Reserved::default(), &mut out);
    stage.verb(|| table.retire(out, ASID));
    stage.stale()
}

/// A page that the table owns moves within its table, to where CPUs have seen that nothing is.
pub fn shift_owned<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut table = cached(stage, 1);
    own(stage, &table, 1, WRITE);
    [1, 8].into_iter().for_each(|n| stage.cache(addr(n)));
    let (from, to) = (page(1), page(8));
    stage.verb(|| edit(&mut table, Edit::Shift { from, to }));
    stage.stale()
}

/// More places than a flush can name.
pub fn unmap_in_many_places<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let mut table = cached(stage, 16);
    let mut out = Retired::new();
    for n in (0..16).step_by(2) {
        table.unmap(page(n), &mut Reserved::default(), &mut out);
    }
    stage.verb(|| table.retire(out, ASID));
    stage.stale()
}

/// Whoever gets the ASID of a page table that is gone finds nothing of it.
pub fn drop_table<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let [mut table, next] = [(); 2].map(|()| Radix::<F, _>::new(stage.platform.clone()).unwrap());
    map(&mut table, page(0));
    stage.run(table.root(), Asid::new(7));
    stage.cache(addr(0));
    stage.run(next.root(), Asid::new(3));
    stage.verb(|| drop(table));
    stage.run(next.root(), Asid::new(7));
    stage.stale()
}
