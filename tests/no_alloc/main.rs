//! A space before there is a heap: its maps in static nodes, its page table in static frames.
//!
//! Built with `--no-default-features` and `--cfg kernel_vm_no_alloc` the library has no `alloc` to reach for; the tests
//! themselves have std. Without the latter, the suites that our other tests run bring it along.
#![expect(
    clippy::unwrap_used,
    reason = "a test that fails should stop where it fails"
)]

#[cfg(all(kernel_vm_no_alloc, feature = "alloc"))]
compile_error!("this build is to have no heap");

mod platform;

use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::{Entry, PageTableBackend};
use kernel_vm::{
    MapError, MapRef, MemoryArea, Node, Permissions, PhysAddr, VirtAddr, VirtualMemoryManager,
    VirtualMemoryMap,
};

use platform::{FixedFrames, Page, fixed};

const PAGE: usize = 4096;
const READ: Permissions = Permissions::READ;
const RW: Permissions = READ.union(Permissions::WRITE);

type Space<'a> = VirtualMemoryManager<Sv39<&'a FixedFrames>>;

fn space<'a>(platform: &'a FixedFrames, nodes: &'static mut [Node]) -> Space<'a> {
    Space::with_nodes(Sv39::new(platform).unwrap(), nodes)
}

fn pages(first: usize, count: usize) -> MemoryArea {
    MemoryArea::from_start_size(VirtAddr::new(first * PAGE), count * PAGE).unwrap()
}

/// Leads to the frames from `1 << 20` on, of twice the number, so that no map continues another.
fn map(first: usize, count: usize) -> VirtualMemoryMap {
    let frame = PhysAddr::new((((1 << 20) + 2 * first) * PAGE) as u64);
    let pmarea = MemoryArea::from_start_size(frame, count * PAGE).unwrap();
    VirtualMemoryMap::new(pages(first, count), pmarea, RW, false).unwrap()
}

fn maps(space: &Space<'_>) -> Vec<VirtualMemoryMap> {
    space.memory_maps().map(MapRef::to_map).collect()
}

/// What the page table allows at the page, if there is an entry.
fn allowed(space: &Space<'_>, page: usize) -> Option<Permissions> {
    match space.backend().entry(VirtAddr::new(page * PAGE)) {
        Entry::Leaf(run) => Some(run.attributes.permissions),
        _ => None,
    }
}

#[test]
fn all_verbs_work_without_a_heap() {
    let platform = FixedFrames::new(fixed!([Page; 8]));
    let mut space = space(&platform, fixed!([Node; 4]));
    let window = pages(0, 100);
    space.add_memory_map(map(16, 8)).unwrap();
    space.populate(window).unwrap();
    let addr = VirtAddr::new(18 * PAGE + 0x123);
    let target = PhysAddr::new((((1 << 20) + 34) * PAGE + 0x123) as u64);
    assert_eq!(space.translate_vaddr(addr), Some(target));
    assert_eq!(allowed(&space, 18), Some(RW));

    space.protect(pages(18, 1), READ).unwrap();
    assert_eq!(
        (allowed(&space, 18), allowed(&space, 19)),
        (Some(READ), Some(RW))
    );
    assert_eq!((space.memory_maps().len(), platform.flushes()), (3, 1));
    space.unmap(pages(18, 1)).unwrap();
    assert_eq!(
        (space.translate_vaddr(addr), allowed(&space, 18)),
        (None, None)
    );
    assert_eq!((space.memory_maps().len(), platform.flushes()), (2, 2));

    let found = |count: usize| space.find_free_area(count * PAGE, PAGE, pages(16, 84));
    assert_eq!(
        (found(1), found(2)),
        (Some(pages(18, 1)), Some(pages(24, 2)))
    );
    assert_eq!(space.holes(window).count(), 3);
    assert_eq!(space.largest_hole(window), Some(pages(24, 76)));

    space.replace_memory_map(map(20, 1)).unwrap();
    space.remap(pages(16, 2), pages(40, 2)).unwrap();
    assert_eq!((allowed(&space, 16), allowed(&space, 40)), (None, Some(RW)));
    space.check_invariants().unwrap();
    let removed: Vec<_> = space.remove_all_memory_maps().collect();
    assert_eq!((removed.len(), platform.frames_free()), (4, 7));
    space.restore_memory_maps(removed.iter().copied()).unwrap();
    assert_eq!(maps(&space), removed);
    space.check_invariants().unwrap();
    drop(space);
    assert_eq!(platform.frames_free(), 8);
}

type Verb = fn(&mut Space<'_>, usize) -> Result<(), MapError>;

/// Verbs that want more nodes, on the map of 3 pages at `page`, before a hole of one.
const VERBS: [(&str, Verb); 6] = [
    ("protect", |space, page| {
        space.protect(pages(page + 1, 1), READ)
    }),
    ("unmap", |space, page| space.unmap(pages(page + 1, 1))),
    ("replace", |space, page| {
        Ok(space.replace_memory_map(map(page + 1, 1))?)
    }),
    ("remap", |space, page| {
        space.remap(pages(page, 1), pages(1 << 20, 1))
    }),
    ("add", |space, page| {
        Ok(space.add_memory_map(map(page + 3, 1))?)
    }),
    ("restore", |space, page| {
        Ok(space.restore_memory_maps([map(page + 3, 1)])?)
    }),
];

/// Adds maps of 3 pages, a page apart, until there is no node for another.
fn fill(space: &mut Space<'_>) -> usize {
    for at in 0.. {
        let Err(refused) = space.add_memory_map(map(4 * at, 3)) else {
            continue;
        };
        assert!(matches!(
            refused.error(),
            MapError::OutOfNodes { needed: 1.. }
        ));
        assert_eq!(refused.into_map(), map(4 * at, 3));
        return at;
    }
    unreachable!()
}

#[test]
fn running_out_of_nodes_changes_nothing_and_loses_none() {
    let platform = FixedFrames::new(fixed!([Page; 1]));
    let mut nodes = fixed!([Node; 126]);
    for (count, (name, verb)) in (1..=6).flat_map(|count| VERBS.map(|verb| (count, verb))) {
        let (mine, others) = nodes.split_at_mut(count);
        nodes = others;
        let mut space = space(&platform, mine);
        let filled = fill(&mut space);
        let mut refused = 0;
        // Twice: the first time may take all the room there is.
        for at in (0..filled).chain(0..filled) {
            let before = maps(&space);
            match verb(&mut space, 4 * at) {
                Err(MapError::OutOfNodes { needed }) => {
                    assert!(needed > 0);
                    assert_eq!(maps(&space), before, "{name}, {count} nodes");
                    refused += 1;
                }
                Ok(()) | Err(MapError::NotMapped { .. } | MapError::Overlap { .. }) => {}
                Err(error) => panic!("{name}, {count} nodes: {error}"),
            }
            space.check_invariants().unwrap();
        }
        assert!(refused > 0, "{name}: {count} nodes were enough");
        for at in 0..filled {
            space.unmap(pages(4 * at, 4)).unwrap();
        }
        drop(space.remove_all_memory_maps());
        assert_eq!(fill(&mut space), filled, "{name}: a node was lost");
    }
}

#[test]
fn running_out_of_frames_changes_nothing() {
    let platform = FixedFrames::new(fixed!([Page; 2]));
    let mut space = space(&platform, fixed!([Node; 1]));
    space.add_memory_map(map(16, 8)).unwrap();
    let answer = space.populate(pages(16, 8));
    assert_eq!(answer, Err(MapError::OutOfFrames { needed: 2 }));
    assert_eq!((platform.frames_free(), allowed(&space, 16)), (1, None));
    assert_eq!(maps(&space), [map(16, 8)]);
    space.check_invariants().unwrap();
}
