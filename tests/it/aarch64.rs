//! AArch64's page tables: every bit as the manual has it ('VMSAv8-64 translation table format descriptors', stage 1).

use kernel_vm::backend::aarch64::{Aarch64, Aarch64Format, Aarch64Va39, Ttbr};
use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::radix::{AccessedDirty, Features, Radix};
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Paging, Run};
use kernel_vm::{
    Access, Asid, Attributes, FrameAllocator, MapError, MemoryArea, MemoryType, Permissions,
    PhysAddr, Retired, VirtAddr,
};

use crate::radix::shape::word;
use crate::radix::shape::words::store_word;
use crate::subject::{PAGE, area};

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;
const ASID: Asid = Asid::new(0);
const R: Permissions = Permissions::READ;
const RW: Permissions = R.union(Permissions::WRITE);
const X: Permissions = Permissions::EXECUTE;
const U: Permissions = Permissions::USER;
const READ_ONLY: u64 = 1 << 7;
const DBM: u64 = 1 << 51;
const PXN: u64 = 1 << 53;
const UXN: u64 = 1 << 54;
/// SH, AF and nG, and the software's dirty bit: in each leaf of a space.
const COMMON: u64 = 0b11 << 8 | 1 << 10 | 1 << 11 | 1 << 56;

fn run(start: usize, first: u64, size: usize, permissions: Permissions) -> Run {
    Run {
        area: area(start, size),
        first: PhysAddr::new(first),
        attributes: Attributes::from(permissions),
    }
}

/// The words on the way to `addr`, from the root on, as an MMU with so many levels reads them.
fn walk<const L: usize>(table: &Radix<Aarch64Format<L>, HostFrames>, addr: usize) -> Vec<u64> {
    let found = places(table, addr).into_iter();
    found.map(|at| word(table.platform(), at)).collect()
}

/// Where those words are.
fn places<const L: usize>(
    table: &Radix<Aarch64Format<L>, HostFrames>,
    addr: usize,
) -> Vec<PhysAddr> {
    let mut places = Vec::new();
    let mut at = table.root().get();
    for level in (0..L).rev() {
        let index = addr >> (12 + 9 * level) & 511;
        let place = PhysAddr::new(at + 8 * index as u64);
        let found = word(table.platform(), place);
        places.push(place);
        if found & 0b11 != 0b11 || level == 0 {
            break;
        }
        at = found & 0xffff_ffff_f000;
    }
    places
}

fn aarch64() -> Aarch64<HostFrames> {
    Aarch64::new(HostFrames::new(64)).unwrap()
}

fn last(table: &Aarch64<HostFrames>, addr: usize) -> u64 {
    *walk(table, addr).last().unwrap()
}

/// As the MMU writes it.
fn set_last(table: &Aarch64<HostFrames>, addr: usize, word: u64) {
    let place = *places(table, addr).last().unwrap();
    store_word(table.platform(), place, word);
}

fn map(table: &mut Aarch64<HostFrames>, run: Run) {
    table.edit(Edit::Map(run), ASID).unwrap();
}

fn protect(table: &mut Aarch64<HostFrames>, area: MemoryArea, permissions: Permissions) {
    table.edit(Edit::Protect(area, permissions), ASID).unwrap();
}

#[test]
fn pointers_are_valid_tables_and_nothing_else() {
    let mut table = aarch64();
    map(&mut table, run(PAGE, 0x8000_1000, PAGE, R));
    let words = walk(&table, PAGE);
    assert_eq!(words.len(), 4);
    let flags = words[..3].iter().map(|word| word & !0xffff_ffff_f000);
    assert!(flags.eq([3; 3]), "{words:x?}");
    let mut table = Aarch64Va39::new(HostFrames::new(64)).unwrap();
    let page = run(PAGE, 0x8000_1000, PAGE, R);
    table.edit(Edit::Map(page), ASID).unwrap();
    assert_eq!(walk(&table, PAGE).len(), 3);
}

#[test]
fn permissions_are_ap_pxn_and_uxn() {
    const USER: u64 = 1 << 6;
    let golden = [
        (R, READ_ONLY | PXN | UXN),
        (RW, DBM | PXN | UXN),
        (R | X, READ_ONLY | UXN),
        (RW | X, DBM | UXN),
        (R | U, READ_ONLY | USER | PXN | UXN),
        (RW | U, DBM | USER | PXN | UXN),
        (R | X | U, READ_ONLY | USER | PXN),
        (Permissions::all(), DBM | USER | PXN),
    ];
    // A page is 0b11, a block 0b01.
    for (size, kind) in [(PAGE, 3), (2 * MIB, 1), (GIB, 1)] {
        for (permissions, bits) in golden {
            let word = 0xc000_0000 | COMMON | kind | bits;
            let mut table = aarch64();
            map(&mut table, run(size, 0xc000_0000, size, permissions));
            assert_eq!(last(&table, size), word, "{permissions}");
            let mut table = aarch64();
            map(&mut table, run(size, 0xc000_0000, size, RW));
            protect(&mut table, area(size, size), permissions);
            assert_eq!(last(&table, size), word, "{permissions}");
            let leaf = Entry::Leaf(run(size, 0xc000_0000, size, permissions));
            assert_eq!(table.entry(VirtAddr::new(size)), leaf);
        }
    }
}

#[test]
fn what_is_hidden_is_not_valid_and_comes_back_word_for_word() {
    for size in [PAGE, 2 * MIB] {
        let mut table = aarch64();
        map(&mut table, run(size, 0xc000_0000, size, RW | U));
        let before = last(&table, size);
        for permissions in [Permissions::empty(), U] {
            protect(&mut table, area(size, size), permissions);
            assert_eq!(last(&table, size) & 1, 0);
            let hidden = Entry::Hidden(run(size, 0xc000_0000, size, permissions));
            assert_eq!(table.entry(VirtAddr::new(size)), hidden);
        }
        protect(&mut table, area(size, size), RW | U);
        assert_eq!(last(&table, size), before);
    }
}

#[test]
fn what_can_be_executed_can_be_read() {
    let mut table = aarch64();
    map(&mut table, run(PAGE, 0, PAGE, R));
    for permissions in [X, X | U] {
        let refused = Err(MapError::WidensPermissions { permissions });
        let map = table.edit(Edit::Map(run(2 * PAGE, 0, PAGE, permissions)), ASID);
        assert_eq!(map, refused);
        let protect = table.edit(Edit::Protect(area(PAGE, PAGE), permissions), ASID);
        assert_eq!(protect, refused);
    }
    let leaf = Entry::Leaf(run(PAGE, 0, PAGE, R));
    assert_eq!(table.entry(VirtAddr::new(PAGE)), leaf);
}

#[test]
fn memory_types_are_numbers_in_mair() {
    for (memory_type, number) in [
        (MemoryType::Normal, 0),
        (MemoryType::NonCacheable, 1),
        (MemoryType::Device, 2),
        (MemoryType::WriteCombining, 3),
    ] {
        let mut table = aarch64();
        let mut run = run(PAGE, 0xc000_0000, PAGE, RW);
        run.attributes = Attributes::new(RW, memory_type);
        map(&mut table, run);
        assert_eq!(last(&table, PAGE) >> 2 & 7, number);
        assert_eq!(table.entry(VirtAddr::new(PAGE)), Entry::Leaf(run));
        protect(&mut table, area(PAGE, PAGE), R);
        assert_eq!(last(&table, PAGE) >> 2 & 7, number);
    }
}

/// The old leaf is gone, and flushed, before the table takes its place.
#[test]
fn a_block_is_broken_before_it_is_split() {
    let mut table = aarch64();
    map(&mut table, run(2 * MIB, 0, 2 * MIB, RW));
    let flushes = table.platform().flushes();
    table.edit(Edit::Unmap(area(2 * MIB, PAGE)), ASID).unwrap();
    assert_eq!(
        table.platform().flushes(),
        flushes + 2,
        "to break, and to unmap"
    );
    assert_eq!(walk(&table, 2 * MIB).len(), 4);
    assert_eq!(last(&table, 2 * MIB), 0);
    assert_eq!(
        last(&table, 2 * MIB + PAGE),
        0x1000 | COMMON | 3 | DBM | PXN | UXN
    );
}

/// A table whose marks are left to somebody, with a page that may be written.
fn marked_by(policy: AccessedDirty) -> Aarch64<HostFrames> {
    let features = Features::new().with_accessed_dirty(policy);
    let mut table = Aarch64::with_features(HostFrames::new(64), features).unwrap();
    assert_eq!(table.features().accessed_dirty, policy);
    map(&mut table, run(PAGE, 0x8000_1000, PAGE, RW));
    table
}

/// The use of the page, as a harvest tells it.
fn harvested(table: &mut Aarch64<HostFrames>) -> (bool, bool) {
    let mut used = Vec::new();
    let mut out = Retired::new();
    table.harvest(area(PAGE, PAGE), &mut out, |usage| {
        used.push((usage.accessed, usage.dirty));
    });
    table.retire(out, ASID);
    let [used] = used[..] else { panic!("{used:?}") };
    used
}

/// Of a page that may be written: 'hardware management of the Access flag and dirty state'.
const CLEAN: u64 = 0x8000_1000 | 0b11 << 8 | 1 << 11 | 3 | DBM | PXN | UXN | READ_ONLY;
const AF: u64 = 1 << 10;
const DIRTY: u64 = 1 << 56;

#[test]
fn what_may_be_written_and_was_not_is_read_only_with_dbm() {
    for policy in [AccessedDirty::Hardware, AccessedDirty::Software] {
        let mut table = marked_by(policy);
        assert_eq!(last(&table, PAGE), CLEAN);
        let leaf = Entry::Leaf(run(PAGE, 0x8000_1000, PAGE, RW));
        assert_eq!(table.entry(VirtAddr::new(PAGE)), leaf);
        assert_eq!(harvested(&mut table), (false, false));
        table.touch(VirtAddr::new(PAGE), Access::Read).unwrap();
        assert_eq!(last(&table, PAGE), CLEAN | AF);
        table.touch(VirtAddr::new(PAGE), Access::Write).unwrap();
        assert_eq!(last(&table, PAGE), (CLEAN | AF | DIRTY) & !READ_ONLY);
        assert_eq!(table.entry(VirtAddr::new(PAGE)), leaf);
        assert_eq!(harvested(&mut table), (true, true));
        assert_eq!(last(&table, PAGE), CLEAN);
    }
}

/// The MMU clears AP\[2\] alone: software's mark is behind.
#[test]
fn a_write_of_the_mmu_is_told_whatever_becomes_of_the_leaf() {
    let page = VirtAddr::new(PAGE);
    let written = || {
        let table = marked_by(AccessedDirty::Hardware);
        set_last(&table, PAGE, (CLEAN | AF) & !READ_ONLY);
        table
    };
    let mut table = written();
    assert_eq!(harvested(&mut table), (true, true));
    assert_eq!(harvested(&mut table), (false, false));
    // A touch finds nothing to do.
    let table = written();
    table.touch(page, Access::Write).unwrap();
    assert_eq!(last(&table, PAGE), (CLEAN | AF) & !READ_ONLY);
    // Without WRITE the mark is software's, and it comes back with WRITE.
    let mut table = written();
    protect(&mut table, area(PAGE, PAGE), R);
    assert_eq!(last(&table, PAGE), (CLEAN | AF | DIRTY) & !DBM);
    protect(&mut table, area(PAGE, PAGE), Permissions::empty());
    assert_eq!(last(&table, PAGE) & (1 | DIRTY), DIRTY);
    protect(&mut table, area(PAGE, PAGE), RW);
    assert_eq!(last(&table, PAGE), (CLEAN | AF | DIRTY) & !READ_ONLY);
    // At another place.
    let mut table = written();
    let (from, to) = (area(PAGE, PAGE), area(8 * PAGE, PAGE));
    table.edit(Edit::Shift { from, to }, ASID).unwrap();
    assert_eq!(last(&table, 8 * PAGE), (CLEAN | AF | DIRTY) & !READ_ONLY);
}

/// Leaves of one permission, of which some were written: a change of permissions asks each.
#[test]
fn only_what_was_dirty_is_writable_at_once_when_it_may_be_written_again() {
    for policy in [AccessedDirty::Hardware, AccessedDirty::Software] {
        let features = Features::new().with_accessed_dirty(policy);
        let mut table = Aarch64::with_features(HostFrames::new(64), features).unwrap();
        map(&mut table, run(PAGE, PAGE as u64, 64 * PAGE, RW));
        let pages = || (1..65).map(|n| VirtAddr::new(n * PAGE));
        for page in pages().step_by(3) {
            table.touch(page, Access::Write).unwrap();
        }
        for permissions in [R, RW, Permissions::empty(), R, RW] {
            protect(&mut table, area(PAGE, 64 * PAGE), permissions);
        }
        let writable = pages().map(|page| last(&table, page.get()) & READ_ONLY == 0);
        assert!(writable.eq((0..64).map(|n| n % 3 == 0)), "{policy:?}");
    }
}

/// A block that the MMU writes while it is split: all its parts are dirty.
#[test]
fn the_parts_of_a_dirty_block_are_dirty() {
    let features = Features::new().with_accessed_dirty(AccessedDirty::Hardware);
    let mut table = Aarch64::with_features(HostFrames::new(64), features).unwrap();
    map(&mut table, run(2 * MIB, 0, 2 * MIB, RW));
    let block = last(&table, 2 * MIB);
    set_last(&table, 2 * MIB, (block | AF) & !READ_ONLY);
    table.edit(Edit::Unmap(area(2 * MIB, PAGE)), ASID).unwrap();
    for page in [1, 2, 511] {
        let word = last(&table, 2 * MIB + page * PAGE);
        assert_eq!(word & (AF | DIRTY | READ_ONLY | DBM), AF | DIRTY | DBM);
    }
}

#[test]
fn addresses_beyond_the_cpus_are_refused() {
    let features = Features::new().with_physical_bits(47);
    let mut table = Aarch64::with_features(HostFrames::new(64), features).unwrap();
    let end = table.physical_range().end();
    assert_eq!(end, PhysAddr::new((1 << 47) - 1));
    for size in [PAGE, 2 * MIB] {
        let beyond = run(size, 1 << 47, size, RW);
        assert!(table.edit(Edit::Map(beyond), ASID).is_err());
        let edge = run(size, (1 << 47) - size as u64, size, RW);
        map(&mut table, edge);
        table.edit(Edit::Unmap(edge.area), ASID).unwrap();
    }
}

#[test]
fn each_half_has_a_root_and_the_kernels_leaves_are_global() {
    let ends = |range: &MemoryArea| (range.start().get(), range.end().get());
    assert!(
        aarch64()
            .ranges()
            .iter()
            .map(ends)
            .eq([(0, 0xffff_ffff_ffff)])
    );
    let table = Aarch64Va39::new(HostFrames::new(4)).unwrap();
    assert!(table.ranges().iter().map(ends).eq([(0, 0x7f_ffff_ffff)]));
    let frames = HostFrames::new(64);
    let top = MemoryArea::new(VirtAddr::new(!0 << 30), VirtAddr::new(usize::MAX)).unwrap();
    let mut kernel = Aarch64::kernel(frames.clone(), Features::new(), top).unwrap();
    let start = !0 << 12;
    map(&mut kernel, run(start, 0x1000, PAGE, RW));
    let leaf = 0x1000 | (COMMON & !(1 << 11)) | 3 | DBM | PXN | UXN;
    assert_eq!(last(&kernel, start), leaf);
    let user = Aarch64::with_kernel(frames, &kernel).unwrap();
    assert_eq!(walk(&user, start), [0], "the other register has it");
}

#[test]
fn owned_leaves_and_the_pointers_above_use_bit_55() {
    let table = aarch64();
    let frame = table.platform().alloc().unwrap();
    let page = run(PAGE, frame.addr().get(), PAGE, RW | U);
    let mut reserved = table.reserve([Edit::Map(page)].into_iter()).unwrap();
    let installed = table.install(VirtAddr::new(PAGE), frame, page.attributes, &mut reserved);
    installed.unwrap();
    table.unreserve(reserved);
    let words = walk(&table, PAGE);
    assert!(words.iter().all(|word| word & 1 << 55 != 0), "{words:x?}");
}

#[test]
fn a_ttbr_has_the_root_and_an_asid_of_16_bits() {
    let ttbr = Ttbr::new(Asid::new(0x1234), PhysAddr::new(0x8_0000_1000));
    assert_eq!(ttbr.bits(), 0x1234_0008_0000_1000);
    assert_eq!(ttbr.root(), PhysAddr::new(0x8_0000_1000));
    assert_eq!(ttbr.asid(), Asid::new(0x1234));
    assert_eq!(Ttbr::from_bits(ttbr.bits()), ttbr);
}
