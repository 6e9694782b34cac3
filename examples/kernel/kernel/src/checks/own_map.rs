//! The map that the kernel made for itself.

use kernel_vm::Access::{Execute, Read, Write};
use kernel_vm::backend::{Entry, PageTableBackend};
use kernel_vm::{Access, PhysAddr, VirtAddr};

use super::{Outcome, check};
use crate::arch;
use crate::kernel_space;
use crate::layout::{HEAP, HEAP_PHYS, MAX_CPUS, PAGE, SPARE, Symbol, direct, guard, phys};
use crate::mode::largest_kernel_leaf;
use crate::probe::{self, Fault};

pub fn run() {
    check("translation", translation);
    check("own map", parts);
    check("stack guards", guards);
    check("direct map", direct_map);
}

fn translation() -> Outcome {
    let root = kernel_space::look(|space| space.root_page_table());
    let said = arch::translation(root)?;
    // The boot table had memory at its physical addresses, too.
    let low = phys(Symbol::Text.addr()).get() as usize;
    ensure!(
        probe::load(low) == Err(Fault::of(Read, low)),
        "{low:#x} is still mapped"
    );
    let bits = arch::asid_bits();
    let after = arch::translation(root);
    ensure!(after.as_ref() == Ok(&said), "{after:?} after the probe");
    Ok(alloc::format!(
        "{said}, the kernel's own table, {bits} bits of ASID"
    ))
}

/// A page, and what may be done with it.
fn try_all(page: usize, allowed: &[Access]) -> Outcome {
    let expect = |access| match allowed.contains(&access) {
        true => Ok(()),
        false => Err(Fault::of(access, page)),
    };
    let loaded = probe::load(page);
    ensure!(loaded.map(drop) == expect(Read), "load: {loaded:?}");
    // What is stored is what is there.
    let stored = probe::store(page, loaded.unwrap_or(0));
    ensure!(stored == expect(Write), "store: {stored:?}");
    if !allowed.contains(&Execute) {
        let fetched = probe::fetch(page);
        ensure!(fetched == expect(Execute), "fetch: {fetched:?}");
    }
    Ok(Default::default())
}

fn parts() -> Outcome {
    // That text is executable needs no probe.
    try_all(Symbol::Text.addr(), &[Read, Execute])?;
    try_all(Symbol::Rodata.addr(), &[Read])?;
    try_all(Symbol::Stacks.addr() - PAGE, &[Read, Write])?;
    try_all(Symbol::Stacks.addr() + PAGE, &[Read, Write])?;
    try_all(HEAP, &[Read, Write])?;
    kernel_space::look(|space| space.check_invariants())?;
    let maps = kernel_space::look(|space| space.memory_maps().len());
    Ok(alloc::format!(
        "text r-x, rodata r--, data, stacks and heap rw-, in {maps} maps"
    ))
}

fn guards() -> Outcome {
    for cpu in 0..MAX_CPUS {
        let guard = guard(cpu);
        try_all(guard.start().get(), &[])?;
        let last = guard.end().get() - 7;
        ensure!(
            probe::load(last) == Err(Fault::of(Read, last)),
            "{last:#x} is mapped"
        );
    }
    Ok(alloc::format!("all {MAX_CPUS} fault"))
}

fn direct_map() -> Outcome {
    let at = |phys| VirtAddr::new(direct(PhysAddr::new(phys)));
    let leaf = |phys| kernel_space::look(|space| space.backend().entry(at(phys)));
    // Behind the heap's memory, the pieces are not aligned to more.
    let behind = HEAP_PHYS + (128 << 20);
    for (phys, size) in [(SPARE, largest_kernel_leaf()), (behind, 2 << 20)] {
        let Entry::Leaf(run) = leaf(phys) else {
            return Err("not mapped".into());
        };
        let found = run.area.size();
        ensure!(found == size, "a leaf of {found:#x} bytes at {phys:#x}");
        try_all(direct(PhysAddr::new(phys)), &[Read, Write])?;
    }
    Ok(alloc::format!(
        "rw-, in leaves of up to {} MiB",
        largest_kernel_leaf() >> 20
    ))
}
