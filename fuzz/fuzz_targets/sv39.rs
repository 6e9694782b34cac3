//! Edits of an Sv39 page table with superpages, while allocations fail. Beside it go a space without a page table, and
//! a list of what must be populated.
#![no_main]

use arbitrary::{Arbitrary, Result as Bytes, Unstructured};
use kernel_vm::backend::mock::{HostFrames, NoPageTable};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::{PageTableBackend, Run};
use kernel_vm::{
    MapError, MapRef, MemoryArea, Permissions, PhysAddr, Settled, VirtAddr, VirtualMemoryManager,
    VirtualMemoryMap,
};
use kernel_vm_fuzz::{Ops, PAGE, Rights, area, log_scaled};
use libfuzzer_sys::fuzz_target;

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;
/// What Sv39 maps at either end of the space.
const HALF: usize = 256 * GIB;

/// How much of the space is used in each of three places.
const WINDOW: usize = 2 * GIB;

/// So few that verbs run out by themselves, and no run has a great many leaves.
const FRAMES: usize = 24;

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Step {
    verb: Verb,
    /// Whether what the verb speaks of is populated afterwards.
    populates: bool,
    /// Which allocation of the verb fails.
    #[arbitrary(with = |bytes: &mut Unstructured<'_>| {
        Ok(bytes.int_in_range(0..=15_usize)?.saturating_sub(10))
    })]
    fails: usize,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Verb {
    Add(Place, Behind, Rights),
    Replace(Place, Behind, Rights),
    Populate(Place),
    /// All of the lower half, or of the upper.
    PopulateHalf(bool),
    Unmap(Place),
    Protect(Place, Rights),
    UnmapDeferred(Place),
    ProtectDeferred(Place, Rights),
    Settle,
    Remap(Place, Place),
    /// A whole map, to the same place in another gigapage, so that superpages stay, or to any place.
    Move {
        index: u8,
        to: Place,
        is_aligned: bool,
    },
    RemoveIndex(u8),
}

impl Verb {
    fn place(self) -> Option<Place> {
        match self {
            Self::Add(place, ..)
            | Self::Replace(place, ..)
            | Self::Populate(place)
            | Self::Unmap(place)
            | Self::Protect(place, _)
            | Self::UnmapDeferred(place)
            | Self::ProtectDeferred(place, _)
            | Self::Remap(_, place)
            | Self::Move { to: place, .. } => Some(place),
            Self::PopulateHalf(_) | Self::RemoveIndex(_) | Self::Settle => None,
        }
    }

    /// Whether the verb leaves its flush for later.
    fn defers(self) -> bool {
        matches!(self, Self::UnmapDeferred(_) | Self::ProtectDeferred(..))
    }

    /// Whether nothing waits behind the verb, in a space of so many maps.
    fn settles(self, maps: usize) -> bool {
        let finds_something = maps > 0 || !matches!(self, Self::Move { .. });
        finds_something && !self.defers()
    }

    /// How many flushes the verb takes, beside the one for what waited.
    fn most_flushes(self) -> usize {
        usize::from(!self.defers() && !matches!(self, Self::Settle))
    }
}

impl Step {
    /// The verbs, each with the allocation that fails.
    fn verbs(self) -> impl Iterator<Item = (Verb, usize)> {
        let place = self.verb.place().filter(|_| self.populates);
        let then = place.map(|place| (Verb::Populate(place), 0));
        core::iter::once((self.verb, self.fails)).chain(then)
    }
}

/// An area whose borders are those of a table more often than not.
#[derive(Clone, Copy, Debug)]
struct Place(MemoryArea);

impl<'a> Arbitrary<'a> for Place {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Bytes<Self> {
        // The first and last bytes of the lower half, and the last of the upper.
        let base = [0, 0, 0, HALF - WINDOW, WINDOW.wrapping_neg()];
        let base = *bytes.choose(&base)?;
        let gib = bytes.int_in_range(0..=1)?;
        let blocks = *bytes.choose(&[0, 0, 1, 2, 511])?;
        let pages = *bytes.choose(&[0, 0, 0, 1, 511])?;
        let offset = gib * GIB + blocks * 2 * MIB + pages * PAGE;
        let units = [PAGE, PAGE, 511 * PAGE, 2 * MIB, 2 * MIB, 511 * 2 * MIB, GIB];
        let size = log_scaled(bytes, 2)? * bytes.choose(&units)?;
        Ok(Self(area(base + offset, size.min(WINDOW - offset))))
    }
}

/// Which physical memory is behind an area.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Behind {
    /// At the same place in its gigapage.
    Gigapages,
    /// At the same place in its megapage.
    Megapages,
    Pages,
}

fn map(area: MemoryArea, behind: Behind, rights: Rights) -> VirtualMemoryMap {
    let offset = match behind {
        Behind::Gigapages => 4 * GIB,
        Behind::Megapages => 4 * GIB + 2 * MIB,
        Behind::Pages => 4 * GIB + PAGE,
    };
    let first = (area.start().get() & (HALF - 1)) + offset;
    let pmarea = MemoryArea::from_start_size(PhysAddr::new(first as u64), area.size()).unwrap();
    VirtualMemoryMap::new(area, pmarea, rights.permissions(), false).unwrap()
}

/// What must be populated, in address order, joined where it can be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leaves(Vec<Run>);

impl Leaves {
    fn new(runs: impl IntoIterator<Item = Run>) -> Self {
        let mut all: Vec<Run> = runs.into_iter().collect();
        all.sort_by_key(|run| run.area.start());
        all.dedup_by(|run, before| {
            let continues = before.area.next() == Some(run.area.start())
                && before.first.checked_add(before.area.size()) == Some(run.first)
                && before.attributes == run.attributes;
            if continues {
                before.area = MemoryArea::new(before.area.start(), run.area.end()).unwrap();
            }
            continues
        });
        Self(all)
    }

    fn of(table: &impl PageTableBackend) -> Self {
        let ranges = table.ranges().iter();
        Self::new(ranges.flat_map(|&range| table.populated(range)))
    }

    fn inside(&self, area: MemoryArea) -> Vec<Run> {
        let runs = self.0.iter();
        runs.filter_map(|run| run.intersection(area)).collect()
    }

    fn outside(&self, area: MemoryArea) -> Vec<Run> {
        let addr = |addr: Option<usize>| addr.map(VirtAddr::new);
        let before = addr(area.start().get().checked_sub(1));
        let before = before.and_then(|end| MemoryArea::new(VirtAddr::new(0), end).ok());
        let behind = area.next();
        let behind =
            behind.and_then(|start| MemoryArea::new(start, VirtAddr::new(usize::MAX)).ok());
        let rest = [before, behind].into_iter().flatten();
        rest.flat_map(|area| self.inside(area)).collect()
    }

    fn unmap(&mut self, area: MemoryArea) {
        *self = Self::new(self.outside(area));
    }

    fn add(&mut self, runs: Vec<Run>) {
        *self = Self::new(self.0.drain(..).chain(runs));
    }

    fn protect(&mut self, area: MemoryArea, permissions: Permissions) {
        let mut inside = self.inside(area);
        inside
            .iter_mut()
            .for_each(|run| run.attributes.permissions = permissions);
        self.unmap(area);
        self.add(inside);
    }

    fn populate(&mut self, map: MapRef<'_>, area: MemoryArea) {
        if !map.permissions().allow_any() {
            return;
        }
        let run = Run {
            area: map.vmarea(),
            first: map.pmarea().unwrap().start(),
            attributes: map.attributes(),
        };
        let run: Vec<Run> = run.intersection(area).into_iter().collect();
        run.iter().for_each(|run| self.unmap(run.area));
        self.add(run);
    }

    fn remap(&mut self, old: MemoryArea, new: MemoryArea) {
        let head = old.split_at(new.size()).map_or(old, |(head, _)| head);
        if new.start() == old.start() {
            if let Some((_, tail)) = old.split_at(new.size()) {
                self.unmap(tail);
            }
            return;
        }
        let mut moved = self.inside(head);
        for run in &mut moved {
            let start = new.at(head.offset_of(run.area.start()).unwrap()).unwrap();
            run.area = MemoryArea::from_start_size(start, run.area.size()).unwrap();
        }
        self.unmap(old);
        self.unmap(new);
        self.add(moved);
    }
}

/// The verb, and where it must leave the page table when it succeeds.
fn apply<B: PageTableBackend>(
    space: &mut VirtualMemoryManager<B>,
    leaves: &mut Leaves,
    verb: Verb,
) -> Result<(), MapError> {
    match verb {
        Verb::Add(Place(area), behind, rights) => {
            space.add_memory_map(map(area, behind, rights))?;
        }
        Verb::Replace(Place(area), behind, rights) => {
            space.replace_memory_map(map(area, behind, rights))?;
            leaves.unmap(area);
        }
        Verb::Populate(Place(area)) => {
            space.populate(area)?;
            space
                .memory_maps_in(area)
                .for_each(|map| leaves.populate(map, area));
        }
        Verb::PopulateHalf(is_upper) => {
            let half = if is_upper { HALF.wrapping_neg() } else { 0 };
            return apply(space, leaves, Verb::Populate(Place(area(half, HALF))));
        }
        Verb::Unmap(Place(area)) => {
            space.unmap(area)?;
            leaves.unmap(area);
        }
        Verb::Protect(Place(area), rights) => {
            space.protect(area, rights.permissions())?;
            leaves.protect(area, rights.permissions());
        }
        Verb::UnmapDeferred(Place(area)) => {
            space.unmap_deferred(area)?;
            leaves.unmap(area);
        }
        Verb::ProtectDeferred(Place(area), rights) => {
            space.protect_deferred(area, rights.permissions())?;
            leaves.protect(area, rights.permissions());
        }
        Verb::Settle => assert_eq!(space.settle(), Settled::Done),
        Verb::Remap(Place(old), Place(new)) => {
            space.remap(old, new)?;
            leaves.remap(old, new);
        }
        Verb::Move {
            index,
            to: Place(to),
            is_aligned,
        } => {
            let index = usize::from(index) % space.memory_maps().len().max(1);
            let Some(old) = space.get_memory_map(index).map(MapRef::vmarea) else {
                return Ok(());
            };
            let start = if is_aligned {
                to.start().get() & !(GIB - 1) | old.start().get() & (GIB - 1)
            } else {
                to.start().get()
            };
            // To fewer bytes where the half ends.
            let size = old.size().min(HALF - start % HALF);
            return apply(
                space,
                leaves,
                Verb::Remap(Place(old), Place(area(start, size))),
            );
        }
        Verb::RemoveIndex(index) => {
            let index = usize::from(index) % (space.memory_maps().len() + 1);
            if let Some(map) = space.remove_memory_map(index) {
                leaves.unmap(map.vmarea());
            }
        }
    }
    Ok(())
}

/// Megapages, small pages and a gigapage, for the verbs that come first.
fn furniture() -> [Verb; 4] {
    let add = |start, size, behind| Verb::Add(Place(area(start, size)), behind, Rights::Read);
    [
        add(2 * MIB, 4 * MIB, Behind::Megapages),
        add(511 * 2 * MIB, 2 * MIB, Behind::Pages),
        add(GIB, GIB, Behind::Gigapages),
        Verb::PopulateHalf(false),
    ]
}

fuzz_target!(|steps: Ops<Step>| {
    let frames = HostFrames::new(FRAMES);
    let mut space = VirtualMemoryManager::new(Sv39::new(frames.clone()).unwrap());
    let [lower, upper] = *space.backend().ranges() else {
        unreachable!("Sv39 maps two halves")
    };
    let mut twin = VirtualMemoryManager::new(NoPageTable::over([lower, upper]));
    let mut leaves = Leaves(Vec::new());
    let furniture = furniture().into_iter().map(|verb| (verb, 0));
    let mut waits = false;
    let steps = steps.0.into_iter().flat_map(Step::verbs);
    for (verb, fails) in furniture.chain(steps) {
        let (in_use, flushes) = (frames.frames_in_use(), frames.flushes());
        let settles = waits && verb.settles(space.memory_maps().len());
        let mut next = leaves.clone();
        frames.fail_alloc(fails);
        let answer = apply(&mut space, &mut next, verb);
        frames.fail_alloc(0);
        let most_flushes = verb.most_flushes() + usize::from(settles);
        assert!(frames.flushes() <= flushes + most_flushes);
        waits = waits && !settles || verb.defers() && answer.is_ok();
        if let Err(MapError::OutOfFrames { needed }) = answer {
            let struck = fails != 0 && fails <= needed;
            let in_use = frames.frames_in_use();
            assert!(struck || in_use + needed > FRAMES, "{needed} were there");
        } else {
            assert_eq!(apply(&mut twin, &mut leaves.clone(), verb), answer);
        }
        if answer.is_err() {
            let now = (frames.frames_in_use(), frames.flushes());
            let is_unchanged = now == (in_use, flushes);
            assert!(is_unchanged || settles && now.0 <= in_use, "{now:?}");
        } else {
            leaves = next;
        }
        space.check_invariants().unwrap();
        assert!(space.memory_maps().eq(twin.memory_maps()));
        assert_eq!(Leaves::of(space.backend()), leaves);
    }
    drop(space.remove_all_memory_maps());
    assert_eq!(frames.frames_in_use(), 1, "the root");
    drop(space);
    assert_eq!(frames.frames_in_use(), 0);
});
