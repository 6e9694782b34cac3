//! x86-64's page tables: every bit as the manual has it (SDM, volume 3, '4-Level Paging and 5-Level Paging').

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::radix::{AccessedDirty, Features, Radix};
use kernel_vm::backend::x86_64::{Cr3, X86_64, X86_64Format, X86_64La57};
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Paging, Run};
use kernel_vm::{
    Access, Asid, Attributes, FrameAllocator, MapError, MemoryArea, MemoryType, Permissions,
    PhysAddr, VirtAddr, VirtualMemoryManager, VirtualMemoryMap,
};

use crate::radix::shape::word;
use crate::subject::{PAGE, area, pages};

const MIB: usize = 1 << 20;
const ASID: Asid = Asid::new(0);
const R: Permissions = Permissions::READ;
const RW: Permissions = R.union(Permissions::WRITE);
const X: Permissions = Permissions::EXECUTE;
const U: Permissions = Permissions::USER;

fn run(start: usize, first: u64, size: usize, permissions: Permissions) -> Run {
    Run {
        area: area(start, size),
        first: PhysAddr::new(first),
        attributes: Attributes::from(permissions),
    }
}

/// The words on the way to `addr`, from the root on, as an MMU with so many levels reads them.
fn walk<const L: usize>(table: &Radix<X86_64Format<L>, HostFrames>, addr: usize) -> Vec<u64> {
    let mut words = Vec::new();
    let mut at = table.root();
    for level in (0..L).rev() {
        let index = addr >> (12 + 9 * level) & 511;
        let word = word(table.platform(), PhysAddr::new(at.get() + 8 * index as u64));
        words.push(word);
        if word & 1 == 0 || level == 0 || word & 1 << 7 != 0 {
            break;
        }
        at = PhysAddr::new(word & 0x000f_ffff_ffff_f000);
    }
    words
}

fn x86_64() -> X86_64<HostFrames> {
    X86_64::new(HostFrames::new(64)).unwrap()
}

fn with(features: Features) -> X86_64<HostFrames> {
    X86_64::with_features(HostFrames::new(64), features).unwrap()
}

fn last(table: &X86_64<HostFrames>, addr: usize) -> u64 {
    *walk(table, addr).last().unwrap()
}

#[test]
fn pointers_allow_all_and_are_accessed() {
    let mut table = x86_64();
    table
        .edit(Edit::Map(run(PAGE, 0x8000_1000, PAGE, R)), ASID)
        .unwrap();
    let words = walk(&table, PAGE);
    assert_eq!(words.len(), 4);
    for pointer in &words[..3] {
        // P, R/W, U/S and A.
        assert_eq!(pointer & !0x000f_ffff_ffff_f000, 0x27, "{words:x?}");
    }
    let mut table = X86_64La57::new(HostFrames::new(64)).unwrap();
    table
        .edit(Edit::Map(run(PAGE, 0x8000_1000, PAGE, R)), ASID)
        .unwrap();
    assert_eq!(walk(&table, PAGE).len(), 5);
}

#[test]
fn permissions_are_bits_1_2_and_63() {
    const XD: u64 = 1 << 63;
    // P, A and D are set beside them.
    let golden = [
        (R, XD | 0x61),
        (RW, XD | 0x63),
        (R | X, 0x61),
        (RW | X, 0x63),
        (R | U, XD | 0x65),
        (RW | U, XD | 0x67),
        (R | X | U, 0x65),
        (Permissions::all(), 0x67),
    ];
    for (size, ps) in [(PAGE, 0), (2 * MIB, 1 << 7)] {
        for (permissions, bits) in golden {
            let mut table = x86_64();
            table
                .edit(Edit::Map(run(size, 0xc000_0000, size, permissions)), ASID)
                .unwrap();
            assert_eq!(last(&table, size), 0xc000_0000 | ps | bits, "{permissions}");
            let mut table = x86_64();
            table
                .edit(Edit::Map(run(size, 0xc000_0000, size, RW)), ASID)
                .unwrap();
            table
                .edit(Edit::Protect(area(size, size), permissions), ASID)
                .unwrap();
            assert_eq!(last(&table, size), 0xc000_0000 | ps | bits, "{permissions}");
            let entry = table.entry(VirtAddr::new(size));
            assert_eq!(
                entry,
                Entry::Leaf(run(size, 0xc000_0000, size, permissions))
            );
        }
    }
}

#[test]
fn what_is_hidden_is_not_present_and_comes_back_word_for_word() {
    for size in [PAGE, 2 * MIB] {
        let mut table = x86_64();
        table
            .edit(Edit::Map(run(size, 0xc000_0000, size, RW | U)), ASID)
            .unwrap();
        let before = last(&table, size);
        for permissions in [Permissions::empty(), U] {
            let hide = Edit::Protect(area(size, size), permissions);
            table.edit(hide, ASID).unwrap();
            assert_eq!(last(&table, size) & 1, 0);
            let entry = table.entry(VirtAddr::new(size));
            assert_eq!(
                entry,
                Entry::Hidden(run(size, 0xc000_0000, size, permissions))
            );
        }
        table
            .edit(Edit::Protect(area(size, size), RW | U), ASID)
            .unwrap();
        assert_eq!(last(&table, size), before);
    }
}

#[test]
fn what_can_be_executed_can_be_read() {
    let mut table = x86_64();
    for permissions in [X, X | U] {
        let refused = Err(MapError::WidensPermissions { permissions });
        let map = table.edit(Edit::Map(run(PAGE, 0, PAGE, permissions)), ASID);
        assert_eq!(map, refused);
        table.edit(Edit::Map(run(PAGE, 0, PAGE, R)), ASID).unwrap();
        let protect = table.edit(Edit::Protect(area(PAGE, PAGE), permissions), ASID);
        assert_eq!(protect, refused);
        assert_eq!(
            table.entry(VirtAddr::new(PAGE)),
            Entry::Leaf(run(PAGE, 0, PAGE, R))
        );
        table.edit(Edit::Unmap(area(PAGE, PAGE)), ASID).unwrap();
    }
    let mut space = VirtualMemoryManager::new(x86_64());
    let map = VirtualMemoryMap::anonymous(pages(1, 1), R | X | U).unwrap();
    space.add_memory_map(map).unwrap();
    let widened = Err(MapError::WidensPermissions { permissions: X });
    assert_eq!(space.restrict(pages(0, 4), X), widened);
    assert_eq!(space.protect(pages(1, 1), X), widened);
    let map = VirtualMemoryMap::anonymous(pages(5, 1), X).unwrap();
    assert_eq!(space.add_memory_map(map).map_err(MapError::from), widened);
    assert!(
        space
            .memory_maps()
            .map(|map| map.permissions())
            .eq([R | X | U])
    );
}

#[test]
fn memory_types_are_bits_3_and_4() {
    for (memory_type, bits) in [
        (MemoryType::Normal, 0),
        (MemoryType::NonCacheable, 1 << 4),
        (MemoryType::Device, 1 << 4 | 1 << 3),
        (MemoryType::WriteCombining, 1 << 3),
    ] {
        for size in [PAGE, 2 * MIB] {
            let mut table = with(Features::new().with_memory_types(true));
            let mut run = run(size, 0xc000_0000, size, RW);
            run.attributes = Attributes::new(RW, memory_type);
            table.edit(Edit::Map(run), ASID).unwrap();
            assert_eq!(last(&table, size) & 0x18, bits);
            assert_eq!(table.entry(VirtAddr::new(size)), Entry::Leaf(run));
            // And stay, whatever else changes.
            table
                .edit(Edit::Protect(area(size, size), R), ASID)
                .unwrap();
            assert_eq!(last(&table, size) & 0x18, bits);
        }
    }
}

#[test]
fn write_combining_is_refused_unless_the_table_of_types_has_it() {
    let memory_type = MemoryType::WriteCombining;
    let mut run = run(PAGE, 0, PAGE, RW);
    run.attributes = Attributes::new(RW, memory_type);
    let refused = Err(MapError::UnsupportedMemoryType { memory_type });
    assert_eq!(x86_64().edit(Edit::Map(run), ASID), refused);
}

/// SDM, 'Format of a Page-Directory-Pointer-Table Entry that Maps a 1-GByte Page'.
#[test]
fn a_cpu_that_has_them_gets_leaves_of_1_gib() {
    let gib = 1 << 30;
    let mut table = with(Features::new().with_gib_leaves(true));
    let mapped = run(gib, gib as u64, gib, RW);
    table.edit(Edit::Map(mapped), ASID).unwrap();
    assert_eq!(walk(&table, gib).len(), 2);
    assert_eq!(last(&table, gib), 1 << 63 | gib as u64 | 0xe3);
    assert_eq!(table.entry(VirtAddr::new(gib)), Entry::Leaf(mapped));
    table.edit(Edit::Unmap(area(gib, PAGE)), ASID).unwrap();
    let beside = gib + PAGE;
    assert_eq!(last(&table, beside), 1 << 63 | beside as u64 | 0x63);
    let large = gib + 2 * MIB;
    assert_eq!(last(&table, large), 1 << 63 | large as u64 | 0xe3);
    table.check_invariants().unwrap();
}

/// Bits from MAXPHYADDR on are reserved.
#[test]
fn addresses_beyond_the_cpus_are_refused() {
    let mut table = with(Features::new().with_physical_bits(47));
    assert_eq!(table.physical_range().end(), PhysAddr::new((1 << 47) - 1));
    for size in [PAGE, 2 * MIB] {
        let beyond = run(size, 1 << 47, size, RW);
        assert!(table.edit(Edit::Map(beyond), ASID).is_err());
        let edge = run(size, (1 << 47) - size as u64, size, RW);
        table.edit(Edit::Map(edge), ASID).unwrap();
        table.edit(Edit::Unmap(edge.area), ASID).unwrap();
    }
    // A CPU that says nonsense: frames of tables are beyond it.
    for bits in [0, 11, 12] {
        let features = Features::new().with_physical_bits(bits);
        let none = X86_64::with_features(HostFrames::new(4), features);
        assert_eq!(none.err(), Some(MapError::OutOfFrames { needed: 1 }));
    }
}

#[test]
fn no_leaf_is_larger_than_2_mib_and_one_is_split_into_pages() {
    let mut table = x86_64();
    let gib = 1 << 30;
    table.edit(Edit::Map(run(gib, 0, gib, RW)), ASID).unwrap();
    assert_eq!(walk(&table, gib).len(), 3);
    // PS means something else in the leaf of a page.
    table.edit(Edit::Unmap(area(gib, PAGE)), ASID).unwrap();
    assert_eq!(
        walk(&table, gib),
        [walk(&table, gib)[..3].to_vec(), vec![0]].concat()
    );
    assert_eq!(last(&table, gib + PAGE), 1 << 63 | 0x1000 | 0x63);
    assert_eq!(last(&table, gib + 2 * MIB), 1 << 63 | 0x20_0000 | 0xe3);
}

#[test]
fn accessed_and_dirty_are_bits_5_and_6_and_never_softwares() {
    for (policy, bits) in [
        (AccessedDirty::Preset, 0x60),
        (AccessedDirty::Hardware, 0),
        (AccessedDirty::Software, 0),
    ] {
        let features = Features::new().with_accessed_dirty(policy);
        let mut table = X86_64::with_features(HostFrames::new(64), features).unwrap();
        table.edit(Edit::Map(run(PAGE, 0, PAGE, RW)), ASID).unwrap();
        assert_eq!(last(&table, PAGE) & 0x60, bits);
        assert_ne!(table.features().accessed_dirty, AccessedDirty::Software);
        table.touch(VirtAddr::new(PAGE), Access::Read).unwrap();
        assert_eq!(last(&table, PAGE) & 0x60, bits | 0x20);
        table.touch(VirtAddr::new(PAGE), Access::Write).unwrap();
        assert_eq!(last(&table, PAGE) & 0x60, 0x60);
    }
}

#[test]
fn leaves_of_the_kernel_half_are_global_and_pointers_are_not() {
    let frames = HostFrames::new(64);
    let top = MemoryArea::new(VirtAddr::new(!0 << 30), VirtAddr::new(usize::MAX)).unwrap();
    let mut kernel = X86_64::kernel(frames.clone(), Features::new(), top).unwrap();
    let start = !0 << 12;
    kernel
        .edit(Edit::Map(run(start, 0x1000, PAGE, RW)), ASID)
        .unwrap();
    let words = walk(&kernel, start);
    assert_eq!(words.last(), Some(&(1 << 63 | 0x1000 | 0x163)));
    assert!(words[..3].iter().all(|word| word & 0x100 == 0));
    let user = X86_64::with_kernel(frames, &kernel).unwrap();
    assert_eq!(walk(&user, start), words);
}

#[test]
fn the_halves_are_those_of_48_and_57_bits() {
    let table = x86_64();
    let ends = table
        .ranges()
        .iter()
        .map(|range| (range.start().get(), range.end().get()));
    assert!(ends.eq([(0, 0x7fff_ffff_ffff), (0xffff_8000_0000_0000, usize::MAX)]));
    let table = X86_64La57::new(HostFrames::new(4)).unwrap();
    let ends = table
        .ranges()
        .iter()
        .map(|range| (range.start().get(), range.end().get()));
    assert!(ends.eq([
        (0, 0xff_ffff_ffff_ffff),
        (0xff00_0000_0000_0000, usize::MAX)
    ]));
}

#[test]
fn owned_leaves_and_the_pointers_above_use_bit_9() {
    let table = x86_64();
    let frame = table.platform().alloc().unwrap();
    let at = frame.addr().get();
    let page = run(PAGE, at, PAGE, RW | U);
    let mut reserved = table.reserve([Edit::Map(page)].into_iter()).unwrap();
    let installed = table.install(VirtAddr::new(PAGE), frame, page.attributes, &mut reserved);
    installed.unwrap();
    table.unreserve(reserved);
    let words = walk(&table, PAGE);
    assert!(words.iter().all(|word| word & 1 << 9 != 0), "{words:x?}");
    assert_eq!(words.last(), Some(&(1 << 63 | at | 0x267)));
}

#[test]
fn cr3_has_the_root_the_pcid_and_a_bit_that_keeps() {
    let cr3 = Cr3::new(Asid::new(0x1234), PhysAddr::new(0x8_0000_1000));
    assert_eq!(cr3.bits(), 0x8_0000_1234);
    assert_eq!(
        (cr3.root(), cr3.pcid()),
        (PhysAddr::new(0x8_0000_1000), Asid::new(0x234))
    );
    assert_eq!(cr3.keeping().bits(), 1 << 63 | 0x8_0000_1234);
    assert_eq!(Cr3::from_bits(cr3.bits()), cr3);
    let table = x86_64();
    assert_eq!(table.cr3(Asid::new(5)).bits(), table.root().get() | 5);
}
