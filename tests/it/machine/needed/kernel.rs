//! Verbs of a kernel's page table, while CPUs run other spaces that share it.

use kernel_vm::backend::mock::machine::Stale;
use kernel_vm::backend::radix::{Features, Radix};
use kernel_vm::backend::{Edit, PageTableBackend};
use kernel_vm::{Asid, MemoryArea};

use super::pages::{PAGE, edit, map as map_in};
use super::stage::{Stage, Weakened};
use crate::machine::mmu::Mmu;
use crate::subject::area;

/// In the upper half of every format.
const KERNEL: usize = 0xffff_ffff_c000_0000;

/// The first page of another table.
const TABLE: usize = 8 * 512;

fn page(n: usize) -> MemoryArea {
    area(KERNEL + n * PAGE, PAGE)
}

/// A kernel with a page, and a space that shares it, which every CPU runs.
fn kernel<F: Mmu>(stage: &Stage<F>) -> [Radix<F, Weakened<F>>; 2] {
    let (platform, features) = (stage.platform.clone(), Features::default());
    let mut kernel = Radix::kernel(platform.clone(), features, page(0)).unwrap();
    map_in(&mut kernel, page(0));
    map_in(&mut kernel, page(1));
    let space = Radix::with_kernel(platform, &kernel).unwrap();
    stage.share(kernel.root());
    stage.run(space.root(), Asid::new(5));
    (0..3).for_each(|n| stage.cache(page(n).start()));
    [kernel, space]
}

pub fn unmap<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let [mut kernel, _space] = kernel(stage);
    stage.verb(|| edit(&mut kernel, Edit::Unmap(page(0))));
    stage.stale()
}

/// A table goes, and the pointers to it that CPUs have cached in a space where they are no longer.
pub fn unmap_table<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let [mut kernel, space] = kernel(stage);
    let other = Radix::<F, _>::with_kernel(stage.platform.clone(), &kernel).unwrap();
    let alone = page(TABLE);
    map_in(&mut kernel, alone);
    stage.cache(alone.start());
    stage.run(other.root(), Asid::new(6));
    stage.verb(|| edit(&mut kernel, Edit::Unmap(alone)));
    stage.run(space.root(), Asid::new(5));
    stage.stale()
}

pub fn map<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let [mut kernel, _space] = kernel(stage);
    stage.verb(|| map_in(&mut kernel, page(2)));
    stage.stale()
}

/// CPUs have left the spaces that shared it, and keep what is global.
pub fn drop_kernel<F: Mmu>(stage: &Stage<F>) -> Option<Stale> {
    let [kernel, _space] = kernel(stage);
    let (platform, features) = (stage.platform.clone(), Features::default());
    let other = Radix::<F, _>::kernel(platform.clone(), features, page(0)).unwrap();
    let next = Radix::with_kernel(platform, &other).unwrap();
    stage.share(other.root());
    stage.run(next.root(), Asid::new(3));
    stage.verb(|| drop(kernel));
    stage.stale()
}
