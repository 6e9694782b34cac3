//! No input makes a verb panic, wrap or leave half of something behind.

use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{
    MapError, MemoryArea, Permissions, PhysAddr, VirtAddr, VirtualMemoryManager, VirtualMemoryMap,
};
use proptest::prelude::*;

use crate::subject::{Builder as _, PAGE, Subject, leaves, map, space};

/// Numbers where arithmetic goes wrong, among all others.
fn number() -> impl Strategy<Value = usize> {
    let edges = [
        0,
        PAGE,
        1 << 21,
        1 << 30,
        1 << 38,
        1 << 39,
        1 << 56,
        1 << 63,
        usize::MAX << 38,
        usize::MAX,
    ];
    let near = (
        proptest::sample::select(edges.to_vec()),
        -2_isize..3,
        prop_oneof![Just(1), Just(PAGE)],
    );
    prop_oneof![
        near.prop_map(|(edge, steps, step)| edge.wrapping_add_signed(steps * step as isize)),
        any::<usize>(),
        (0..1_usize << 27).prop_map(|page| page * PAGE),
    ]
}

fn any_area() -> impl Strategy<Value = MemoryArea> {
    (number(), number()).prop_filter_map("not an area", |(start, size)| {
        let by_size = MemoryArea::from_start_size(VirtAddr::new(start), size);
        by_size
            .or_else(|_| MemoryArea::new(VirtAddr::new(start), VirtAddr::new(size)))
            .ok()
    })
}

fn any_map() -> impl Strategy<Value = VirtualMemoryMap> {
    (any_area(), number(), 0..16_u8).prop_filter_map("not a map", |(vmarea, first, bits)| {
        let pmarea =
            MemoryArea::from_start_size(PhysAddr::new(first as u64), vmarea.size()).ok()?;
        VirtualMemoryMap::new(vmarea, pmarea, Permissions::from_bits_retain(bits), false).ok()
    })
}

fn furnished<B: Subject>() -> VirtualMemoryManager<B> {
    let space = space::<B>()
        .with(map(0x1000, 0x8000_1000, 8 * PAGE, Permissions::READ))
        .with(map(1 << 21, 0x8020_0000, 1 << 21, Permissions::READ))
        .with(map(
            usize::MAX - 0x1fff,
            0x9000_0000,
            0x2000,
            Permissions::READ,
        ));
    for range in space.backend().ranges() {
        let mapped: Vec<_> = space
            .memory_maps_in(*range)
            .map(|map| map.vmarea())
            .collect();
        mapped
            .into_iter()
            .for_each(|area| space.populate(area).unwrap());
    }
    space
}

/// Does one verb, and finds the space as it was when that was refused.
fn holds<B: Subject>(verb: impl FnOnce(&mut VirtualMemoryManager<B>) -> Result<(), MapError>) {
    let mut space = furnished::<B>();
    let state = |space: &VirtualMemoryManager<B>| {
        (
            space.to_string(),
            leaves(space.backend()),
            space.backend().in_use(),
            space.backend().flushes(),
        )
    };
    let before = state(&space);
    let answer = verb(&mut space);
    space.check_invariants().unwrap();
    if answer.is_err() {
        assert_eq!(state(&space), before);
    }
}

fn all_hold<B: Subject>(
    one: MemoryArea,
    other: MemoryArea,
    map: impl Fn() -> VirtualMemoryMap,
    bits: u8,
) {
    let permissions = Permissions::from_bits_retain(bits);
    holds::<B>(|space| Ok(space.add_memory_map(map())?));
    holds::<B>(|space| Ok(space.replace_memory_map(map())?));
    holds::<B>(|space| Ok(space.restore_memory_maps([map(), map()])?));
    holds::<B>(|space| space.unmap(one));
    holds::<B>(|space| space.protect(one, permissions));
    holds::<B>(|space| space.remap(one, other));
    // Populating what is there; more would take the mock a page at a time through terabytes.
    holds::<B>(|space| space.populate(one));
    holds::<B>(|space| {
        let found = space.find_free_area(one.size(), other.size(), other);
        assert!(found.is_none_or(|found| other.contains_area(found) && space.is_free(found)));
        assert_eq!(
            space.memory_maps_in(one).count(),
            space
                .memory_maps()
                .filter(|map| map.vmarea().overlaps(&one))
                .count()
        );
        let _ = (
            space.backend().entry(one.end()),
            space.backend().populated(one).count(),
        );
        let index = space.search_memory_map_idx(one.start());
        let removed = index.and_then(|index| space.remove_memory_map(index));
        assert_eq!(removed.is_some(), index.is_some());
        assert!(space.remove_memory_map(one.size()).is_none() || one.size() < 3);
        Ok(())
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_verb_panics_or_does_half(one in any_area(), other in any_area(), map in any_map(), bits: u8) {
        let again = || {
            VirtualMemoryMap::new(map.vmarea(), map.pmarea().unwrap(), map.permissions(), map.is_shared()).unwrap()
        };
        all_hold::<MockBackend>(one, other, again, bits);
        all_hold::<Sv39<HostFrames>>(one, other, again, bits);
    }
}
