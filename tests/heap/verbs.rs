//! The verbs that may need nodes, at any position of any space.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::{
    MapError, MemoryArea, Permissions, PhysAddr, VirtAddr, VirtualMemoryManager, VirtualMemoryMap,
};

pub type Space = VirtualMemoryManager<NoPageTable>;

pub const PAGE: usize = 4096;
const READ: Permissions = Permissions::READ;
const RW: Permissions = READ.union(Permissions::WRITE);

/// From one map to the next, in pages.
pub const STRIDE: usize = 4;

/// A page far behind all maps.
pub const AWAY: usize = 1 << 20;

/// How many maps a long area reaches over.
const MANY: usize = 200;

/// A verb, done to the map at a position, or from there on.
pub struct Verb {
    pub name: &'static str,
    /// Whether there is a hole behind each map.
    pub has_holes: bool,
    pub run: fn(&mut Space, usize) -> Result<(), MapError>,
}

const fn verb(
    name: &'static str,
    has_holes: bool,
    run: fn(&mut Space, usize) -> Result<(), MapError>,
) -> Verb {
    Verb {
        name,
        has_holes,
        run,
    }
}

/// Verbs that touch one map at most.
pub const SHORT: [Verb; 7] = [
    verb("add", true, |space, at| add(space, first(at) + 3)),
    verb("replace in a map", false, |space, at| {
        replace(space, first(at) + 1, 1)
    }),
    verb("replace in a hole", true, |space, at| {
        replace(space, first(at) + 3, 1)
    }),
    verb("unmap in a map", false, |space, at| {
        unmap(space, first(at) + 1, 1)
    }),
    verb("protect in a map", false, |space, at| {
        space.protect(pages(first(at) + 1, 1), READ)
    }),
    verb("remap in a map", false, |space, at| {
        remap(space, pages(first(at) + 1, 1), pages(AWAY, 1))
    }),
    verb("restore a map", true, |space, at| restore(space, at, 1)),
];

/// Verbs that touch many.
pub const LONG: [Verb; 6] = [
    verb("replace over many maps", false, |space, at| {
        replace(space, first(at) + 1, STRIDE * MANY)
    }),
    verb("protect over many maps", false, |space, at| {
        let count = STRIDE * MANY.min(space.memory_maps().len() - at);
        space.protect(pages(first(at) + 1, count - 2), READ)
    }),
    verb("remap many maps", false, |space, at| {
        let count = STRIDE * MANY.min(space.memory_maps().len() - at);
        remap(
            space,
            pages(first(at) + 1, count - 2),
            pages(AWAY, count - 2),
        )
    }),
    verb("remap many maps, cut off in one", false, |space, at| {
        let count = STRIDE * MANY.min(space.memory_maps().len() - at);
        remap(space, pages(first(at), count), pages(AWAY, count / 2 + 1))
    }),
    verb("remap many maps onto others", false, |space, at| {
        let count = STRIDE * MANY.min((space.memory_maps().len() - at).div_ceil(2));
        let old = pages(first(at), count);
        remap(space, old, pages(first(at) + count + 1, count))
    }),
    verb("restore many maps", true, |space, at| {
        restore(space, at, MANY)
    }),
];

/// Verbs that leave no more maps than before, whatever they touch.
pub const THRIFTY: [Verb; 5] = [
    verb("unmap over many maps", false, |space, at| {
        unmap(space, first(at) + 1, STRIDE * MANY)
    }),
    verb("unmap the beginning of a map", false, |space, at| {
        unmap(space, first(at), 1)
    }),
    verb("replace a map", false, |space, at| {
        replace(space, first(at), STRIDE)
    }),
    verb("protect a map", false, |space, at| {
        space.protect(pages(first(at), STRIDE), READ)
    }),
    verb("add what continues a map", true, |space, at| {
        let frame = PhysAddr::new(((2 * first(at) + STRIDE) * PAGE) as u64);
        let pmarea = MemoryArea::from_start_size(frame, PAGE)?;
        let map = VirtualMemoryMap::new(pages(first(at) + STRIDE - 1, 1), pmarea, RW, false)?;
        Ok(space.add_memory_map(map)?)
    }),
];

/// In which order the maps come.
#[derive(Clone, Copy, Debug)]
pub enum Fill {
    Ascending,
    Scattered,
}

/// A space with `count` maps, with holes behind them or without.
pub fn space(count: usize, has_holes: bool, fill: Fill) -> Space {
    let mut order: Vec<usize> = (0..count).collect();
    if matches!(fill, Fill::Scattered) {
        order.sort_by_cached_key(|&at| scatter(at, usize::MAX));
    }
    let mut space = Space::new(NoPageTable::new());
    for at in order {
        let size = STRIDE - usize::from(has_holes);
        space.add_memory_map(map(first(at), size)).unwrap();
    }
    assert_eq!(space.memory_maps().len(), count);
    space
}

/// Any number less than `limit`, the same for the same `seed`.
pub fn scatter(seed: usize, limit: usize) -> usize {
    let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(seed);
    usize::try_from(hash % limit as u64).unwrap()
}

/// All its maps.
pub fn maps(space: &Space) -> Vec<VirtualMemoryMap> {
    space.memory_maps().map(|map| map.to_map()).collect()
}

/// The first page of the map at this position.
const fn first(at: usize) -> usize {
    STRIDE * at
}

pub fn pages(first: usize, count: usize) -> MemoryArea {
    MemoryArea::from_start_size(VirtAddr::new(first * PAGE), count * PAGE).unwrap()
}

pub fn map(first: usize, count: usize) -> VirtualMemoryMap {
    let frame = PhysAddr::new(((2 * first + 1) * PAGE) as u64);
    let pmarea = MemoryArea::from_start_size(frame, count * PAGE).unwrap();
    VirtualMemoryMap::new(pages(first, count), pmarea, RW, false).unwrap()
}

/// How many pieces a verb has handed out. A `Vec` of them would ask the heap, too.
struct Pieces(usize);

impl Extend<VirtualMemoryMap> for Pieces {
    fn extend<I: IntoIterator<Item = VirtualMemoryMap>>(&mut self, pieces: I) {
        self.0 += pieces.into_iter().count();
    }
}

/// Whether a verb hands pieces out only when it succeeds.
fn check(answer: Result<(), MapError>, pieces: &Pieces) -> Result<(), MapError> {
    assert!(answer.is_ok() || pieces.0 == 0);
    answer
}

/// Adds a map of a page.
pub fn add(space: &mut Space, first: usize) -> Result<(), MapError> {
    space.add_memory_map(map(first, 1)).map_err(|refused| {
        let error = refused.error();
        assert!(refused.into_map() == map(first, 1));
        error
    })
}

fn replace(space: &mut Space, first: usize, count: usize) -> Result<(), MapError> {
    let mut pieces = Pieces(0);
    let answer = space.replace_memory_map_into(map(first, count), &mut pieces);
    let answer = answer.map_err(|refused| {
        let error = refused.error();
        assert!(refused.into_map() == map(first, count));
        error
    });
    check(answer, &pieces)
}

fn unmap(space: &mut Space, first: usize, count: usize) -> Result<(), MapError> {
    let mut pieces = Pieces(0);
    let answer = space.unmap_into(pages(first, count), &mut pieces);
    check(answer, &pieces)
}

fn remap(space: &mut Space, old: MemoryArea, new: MemoryArea) -> Result<(), MapError> {
    let mut pieces = Pieces(0);
    let answer = space.remap_into(old, new, &mut pieces);
    check(answer, &pieces)
}

/// Adds maps at once, from the last hole to the one at `at`.
fn restore(space: &mut Space, at: usize, count: usize) -> Result<(), MapError> {
    let given = || (at..at + count).rev().map(|at| map(first(at) + 3, 1));
    let frames = |maps: &mut dyn Iterator<Item = VirtualMemoryMap>| {
        maps.fold((0, 0), |(count, sum), map| {
            (count + 1, sum + map.pmarea().unwrap().start().get())
        })
    };
    space.restore_memory_maps(given()).map_err(|refused| {
        let error = refused.error();
        assert_eq!(frames(&mut refused.into_maps()), frames(&mut given()));
        error
    })
}
