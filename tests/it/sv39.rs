//! Golden words and the page tables that Sv39 wants, read from the frames themselves.

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::sv48::Sv48;
use kernel_vm::backend::sv57::Sv57;
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{
    Asid, Attributes, FrameAllocator, MapError, MemoryArea, MemoryType, Permissions, PhysAddr,
    Retired, VirtAddr, VirtualMemoryManager,
};

use crate::subject::{PAGE, Subject, area, leaves, map};

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

const READ: Permissions = Permissions::READ;
const RW: Permissions = READ.union(Permissions::WRITE);

type Space = VirtualMemoryManager<Sv39<HostFrames>>;

fn space() -> (Space, HostFrames) {
    let frames = HostFrames::new(64);
    (Space::new(Sv39::new(frames.clone()).unwrap()), frames)
}

/// 'Virtual-memory system': the bits of an address above those that are translated are copies of the highest of these.
#[test]
fn each_mode_has_the_two_halves_of_its_addresses() {
    fn ends<B: PageTableBackend>(table: &B) -> Vec<(usize, usize)> {
        let ends = |range: &MemoryArea| (range.start().get(), range.end().get());
        table.ranges().iter().map(ends).collect()
    }
    let frames = HostFrames::new(8);
    let halves = |lower: usize| vec![(0, lower), (!lower, usize::MAX)];
    let sv39 = Sv39::new(frames.clone()).unwrap();
    assert_eq!(ends(&sv39), halves(0x3f_ffff_ffff));
    let sv48 = Sv48::new(frames.clone()).unwrap();
    assert_eq!(ends(&sv48), halves(0x7fff_ffff_ffff));
    let sv57 = Sv57::new(frames).unwrap();
    assert_eq!(ends(&sv57), halves(0xff_ffff_ffff_ffff));
}

/// The word in the table at `table`.
#[expect(unsafe_code, reason = "the test reads what the hardware would")]
fn word(frames: &HostFrames, table: u64, index: u64) -> u64 {
    let at = frames.reach(PhysAddr::new(table + 8 * index)).cast::<u64>();
    // SAFETY: `reach` answers a pointer into a frame that is in use, and nobody writes it meanwhile.
    unsafe { at.read() }
}

/// The words that lead to `addr`, from the root down, as the hardware would read them.
fn walk(space: &Space, frames: &HostFrames, addr: usize) -> Vec<u64> {
    let mut table = space.root_page_table().get();
    let mut words = Vec::new();
    for shift in [30, 21, 12] {
        let found = word(frames, table, (addr as u64 >> shift) & 511);
        words.push(found);
        if found & 0xf != 1 {
            break;
        }
        table = (found >> 10) << 12;
    }
    words
}

/// One page at 0x1000.
fn run_of(permissions: Permissions, first: u64) -> Run {
    let attributes = Attributes::from(permissions);
    Run {
        area: area(0x1000, PAGE),
        first: PhysAddr::new(first),
        attributes,
    }
}

fn leaf(start: usize, first: u64, size: usize, permissions: Permissions) -> Vec<u64> {
    let (mut space, frames) = space();
    space
        .add_memory_map(map(start, first, size, permissions))
        .unwrap();
    space.populate(area(start, size)).unwrap();
    walk(&space, &frames, start)
}

#[test]
fn leaves_are_the_words_that_the_manual_wants() {
    use Permissions as P;
    let golden = [
        (P::READ, 0x2000_04c3),
        (RW, 0x2000_04c7),
        (P::EXECUTE, 0x2000_04c9),
        (P::READ | P::EXECUTE, 0x2000_04cb),
        (RW | P::EXECUTE, 0x2000_04cf),
        (P::READ | P::USER, 0x2000_04d3),
        (RW | P::USER, 0x2000_04d7),
        (P::EXECUTE | P::USER, 0x2000_04d9),
        (P::READ | P::EXECUTE | P::USER, 0x2000_04db),
        (P::all(), 0x2000_04df),
    ];
    for (permissions, word) in golden {
        assert_eq!(
            leaf(0x1000, 0x8000_1000, PAGE, permissions).last(),
            Some(&word),
            "{permissions}"
        );
    }
}

#[test]
fn a_pointer_has_v_alone_and_a_superpage_stands_in_its_own_level() {
    let words = leaf(0x1000, 0x8000_1000, PAGE, READ);
    assert_eq!(words.len(), 3);
    assert!(
        words[..2].iter().all(|word| word & 0x3ff == 1),
        "{words:x?}"
    );
    assert_eq!(leaf(2 * MIB, 0x8020_0000, 2 * MIB, RW)[1..], [0x2008_00c7]);
    assert_eq!(leaf(GIB, 0xc000_0000, GIB, RW), [0x3000_00c7]);
    let last = leaf(0x1000, (1 << 56) - 0x1000, PAGE, READ);
    assert_eq!(
        last[2], 0x003f_ffff_ffff_fcc3,
        "the highest page number, and nothing above bit 53"
    );
}

#[test]
fn leaves_are_as_large_as_alignment_allows() {
    let (mut space, frames) = space();
    let (start, size) = (GIB - 2 * MIB - PAGE, 2 * GIB + 2 * MIB + PAGE);
    space
        .add_memory_map(map(start, start as u64 + 0x8000_0000, size, RW))
        .unwrap();
    space.populate(area(start, size)).unwrap();
    let sizes: Vec<_> = leaves(space.backend())
        .iter()
        .map(|run| run.area.size())
        .collect();
    assert_eq!(sizes, [PAGE, 2 * MIB, GIB, GIB]);
    assert_eq!(frames.frames_in_use(), 3);
}

#[test]
fn a_leaf_is_no_larger_than_the_physical_alignment_allows() {
    let (mut space, _) = space();
    space
        .add_memory_map(map(GIB, 0x8020_0000, GIB, RW))
        .unwrap();
    space.populate(area(GIB, GIB)).unwrap();
    assert!(
        leaves(space.backend())
            .iter()
            .all(|run| run.area.size() == 2 * MIB)
    );
}

#[test]
fn a_part_of_a_gigapage_is_unmapped_and_its_neighbours_stay() {
    let (mut space, frames) = space();
    space
        .add_memory_map(map(GIB, 0xc000_0000, GIB, RW))
        .unwrap();
    space.populate(area(GIB, GIB)).unwrap();
    let hole = GIB + 4 * MIB + 3 * PAGE;
    space.unmap(area(hole, PAGE)).unwrap();
    assert_eq!(
        (frames.frames_in_use(), leaves(space.backend()).len()),
        (3, 511 + 511)
    );
    assert_eq!(space.backend().entry(VirtAddr::new(hole)), Entry::Empty);
    for addr in [GIB, hole - 1, hole + PAGE, 2 * GIB - 1].map(VirtAddr::new) {
        let Entry::Leaf(run) = space.backend().entry(addr) else {
            panic!("{addr}")
        };
        assert_eq!(run.translate(addr), space.translate_vaddr(addr));
    }
    space.check_invariants().unwrap();
}

#[test]
fn a_part_of_a_megapage_is_protected_and_its_neighbours_stay() {
    let (mut space, frames) = space();
    space
        .add_memory_map(map(2 * MIB, 0x8020_0000, 2 * MIB, RW))
        .unwrap();
    space.populate(area(2 * MIB, 2 * MIB)).unwrap();
    space.protect(area(2 * MIB + PAGE, PAGE), READ).unwrap();
    let golden = [0x2008_00c7, 0x2008_04c3, 0x2008_08c7];
    let pages = [0, 1, 2].map(|page| walk(&space, &frames, 2 * MIB + page * PAGE)[2]);
    assert_eq!(pages, golden);
    assert_eq!(frames.frames_in_use(), 3);
}

#[test]
fn a_megapage_comes_where_emptied_small_pages_were() {
    let (mut space, frames) = space();
    space
        .add_memory_map(map(2 * MIB, 0x8000_1000, 2 * MIB, RW))
        .unwrap();
    space.populate(area(2 * MIB, 2 * MIB)).unwrap();
    assert_eq!(
        (leaves(space.backend()).len(), frames.frames_in_use()),
        (512, 3)
    );
    space
        .replace_memory_map(map(2 * MIB, 0x8020_0000, 2 * MIB, RW))
        .unwrap();
    assert_eq!(frames.frames_in_use(), 1);
    space.populate(area(2 * MIB, 2 * MIB)).unwrap();
    assert_eq!(
        (leaves(space.backend()).len(), frames.frames_in_use()),
        (1, 2)
    );
}

#[test]
fn a_page_without_permissions_is_not_valid_and_comes_back() {
    let (mut space, frames) = space();
    space
        .add_memory_map(map(0x1000, 0x8000_1000, PAGE, RW))
        .unwrap();
    space.populate(area(0x1000, PAGE)).unwrap();
    for nothing in [Permissions::empty(), Permissions::USER] {
        space.protect(area(0x1000, PAGE), nothing).unwrap();
        assert_eq!(walk(&space, &frames, 0x1000)[2] & 1, 0);
        assert!(matches!(
            space.backend().entry(VirtAddr::new(0x1000)),
            Entry::Hidden(_)
        ));
    }
    space.protect(area(0x1000, PAGE), RW).unwrap();
    assert_eq!(walk(&space, &frames, 0x1000)[2], 0x2000_04c7);
}

#[test]
fn a_map_without_permissions_costs_no_table() {
    let (mut space, frames) = space();
    space
        .add_memory_map(map(0x1000, 0x8000_1000, 16 * GIB, Permissions::empty()))
        .unwrap();
    space.populate(area(0x1000, 16 * GIB)).unwrap();
    assert_eq!(frames.frames_in_use(), 1);
}

#[test]
fn only_canonical_addresses_are_mapped() {
    let (mut space, _) = space();
    let last_low = 0x40_0000_0000 - PAGE;
    let first_high = 0xffff_ffc0_0000_0000;
    for start in [0, last_low, first_high, usize::MAX - 0xfff] {
        space
            .add_memory_map(map(start, 0x8000_0000, PAGE, READ))
            .unwrap();
        space.populate(area(start, PAGE)).unwrap();
        assert!(matches!(
            space.backend().entry(VirtAddr::new(start + 0xfff)),
            Entry::Leaf(_)
        ));
    }
    for (start, size) in [
        (last_low + PAGE, PAGE),
        (first_high - PAGE, PAGE),
        (first_high - PAGE, 2 * PAGE),
        (1 << 40, PAGE),
    ] {
        let refused = space
            .add_memory_map(map(start, 0x8000_0000, size, READ))
            .unwrap_err();
        assert_eq!(
            refused.error(),
            MapError::OutOfRange {
                area: area(start, size)
            }
        );
        assert_eq!(
            space.unmap(area(start, size)),
            Err(MapError::OutOfRange {
                area: area(start, size)
            })
        );
        assert!(!space.is_free(area(start, size)));
        assert_eq!(space.backend().entry(VirtAddr::new(start)), Entry::Empty);
    }
    space.check_invariants().unwrap();
}

#[test]
fn a_physical_address_that_no_entry_can_hold_is_refused() {
    let (mut space, _) = space();
    let beyond = map(0x1000, (1 << 56) - PAGE as u64, 2 * PAGE, READ);
    let pmarea = beyond.pmarea().unwrap();
    let refused = space.add_memory_map(beyond).unwrap_err();
    assert_eq!(refused.error(), MapError::PhysOutOfRange { area: pmarea });
}

#[test]
fn memory_types_are_refused_where_entries_cannot_say_them() {
    let (mut space, _) = space();
    let device = map(0x1000, 0x1000_0000, PAGE, RW).with_memory_type(MemoryType::Device);
    let refused = space.add_memory_map(device).unwrap_err();
    assert_eq!(
        refused.error(),
        MapError::UnsupportedMemoryType {
            memory_type: MemoryType::Device
        }
    );
}

#[test]
fn a_reservation_of_another_page_table_is_not_used() {
    let mut one = Sv39::new(HostFrames::new(8)).unwrap();
    let other = Sv39::new(HostFrames::new(8)).unwrap();
    assert_ne!(one.root(), other.root());
    let run = run_of(READ, 0x1000);
    let mut reserved = other.reserve([Edit::Map(run)].into_iter()).unwrap();
    one.map(run, &mut reserved);
    assert_eq!(one.entry(VirtAddr::new(0x1000)), Entry::Empty);
    one.unreserve(std::mem::take(&mut reserved));
    one.unmap(area(0x1000, PAGE), &mut reserved, &mut Retired::new());
    one.check_invariants().unwrap();
    assert_eq!((one.in_use(), other.in_use()), (1, 3));
}

#[test]
fn what_no_entry_should_say_is_not_written_even_unchecked() {
    let mut table = Sv39::new(HostFrames::new(8)).unwrap();
    let good = run_of(READ, 0x1000);
    let mut reserved = table.reserve([Edit::Map(good)].into_iter()).unwrap();
    table.map(good, &mut reserved);
    for (permissions, first) in [
        (Permissions::WRITE, 0x1000),
        (READ, 1 << 60),
        (READ, 0x1001),
    ] {
        let area = area(0x2000, PAGE);
        table.map(
            Run {
                area,
                ..run_of(permissions, first)
            },
            &mut reserved,
        );
        assert_eq!(table.entry(VirtAddr::new(0x2000)), Entry::Empty);
    }
    let mut out = Retired::new();
    table.protect(good.area, Permissions::WRITE, &mut reserved, &mut out);
    assert_eq!(
        table.entry(VirtAddr::new(0x1000)),
        Entry::Busy,
        "it waits for its flush"
    );
    table.retire(out, Asid::new(0));
    assert_eq!(
        table.entry(VirtAddr::new(0x1000)),
        Entry::Empty,
        "rather nothing than a reserved encoding"
    );
}

#[test]
fn remapping_reuses_a_table_that_the_same_verb_has_emptied() {
    let (mut space, frames) = space();
    space
        .add_memory_map(map(2 * MIB, 0x8020_0000, 2 * MIB, RW))
        .unwrap();
    space
        .add_memory_map(map(4 * MIB + PAGE, 0x9000_0000, PAGE, RW))
        .unwrap();
    space.populate(area(0, 8 * MIB)).unwrap();
    space
        .remap(area(2 * MIB, 2 * PAGE), area(4 * MIB, 2 * PAGE))
        .unwrap();
    let moved = [0x2008_00c7, 0x2008_04c7];
    assert_eq!(
        [0, PAGE].map(|page| walk(&space, &frames, 4 * MIB + page)[2]),
        moved
    );
    assert_eq!((frames.frames_in_use(), frames.flushes()), (4, 1));
    space.check_invariants().unwrap();
}

#[test]
fn dropping_a_page_table_gives_every_frame_back() {
    let frames = HostFrames::new(64);
    let mut table = Sv39::new(frames.clone()).unwrap();
    let attributes = Attributes::from(RW);
    let run = Run {
        area: area(0x1000, 4 * MIB),
        first: PhysAddr::new(0x1000),
        attributes,
    };
    let mut reserved = table.reserve([Edit::Map(run)].into_iter()).unwrap();
    table.map(run, &mut reserved);
    table.unreserve(reserved);
    assert_eq!(frames.frames_in_use(), 4);
    table.retire(Retired::new(), Asid::new(0));
    assert_eq!(frames.flushes(), 0, "nothing was taken out");
    drop(table);
    assert_eq!((frames.frames_in_use(), frames.flushes()), (0, 1));
}

#[test]
fn an_empty_platform_gives_no_page_table() {
    assert_eq!(
        Sv39::new(HostFrames::new(0)).map(drop),
        Err(MapError::OutOfFrames { needed: 1 })
    );
}
