//! AArch64's page tables: every bit as the manual has it ('VMSAv8-64 translation table format descriptors', stage 1).

use kernel_vm::backend::aarch64::{Aarch64, Aarch64Format, Aarch64Va39, Ttbr};
use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::radix::{AccessedDirty, Features, Radix};
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Paging, Run};
use kernel_vm::{
    Asid, Attributes, FrameAllocator, MapError, MemoryArea, MemoryType, Permissions, PhysAddr,
    VirtAddr,
};

use crate::radix::shape::word;
use crate::subject::{PAGE, area};

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;
const ASID: Asid = Asid::new(0);
const R: Permissions = Permissions::READ;
const RW: Permissions = R.union(Permissions::WRITE);
const X: Permissions = Permissions::EXECUTE;
const U: Permissions = Permissions::USER;
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
    let mut words = Vec::new();
    let mut at = table.root().get();
    for level in (0..L).rev() {
        let index = addr >> (12 + 9 * level) & 511;
        let found = word(table.platform(), PhysAddr::new(at + 8 * index as u64));
        words.push(found);
        if found & 0b11 != 0b11 || level == 0 {
            break;
        }
        at = found & 0xffff_ffff_f000;
    }
    words
}

fn aarch64() -> Aarch64<HostFrames> {
    Aarch64::new(HostFrames::new(64)).unwrap()
}

fn last(table: &Aarch64<HostFrames>, addr: usize) -> u64 {
    *walk(table, addr).last().unwrap()
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
    const READ_ONLY: u64 = 1 << 7;
    const USER: u64 = 1 << 6;
    let golden = [
        (R, READ_ONLY | PXN | UXN),
        (RW, PXN | UXN),
        (R | X, READ_ONLY | UXN),
        (RW | X, UXN),
        (R | U, READ_ONLY | USER | PXN | UXN),
        (RW | U, USER | PXN | UXN),
        (R | X | U, READ_ONLY | USER | PXN),
        (Permissions::all(), USER | PXN),
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
        0x1000 | COMMON | 3 | PXN | UXN
    );
}

#[test]
fn marks_are_preset_whatever_is_asked_for() {
    for policy in [
        AccessedDirty::Preset,
        AccessedDirty::Hardware,
        AccessedDirty::Software,
    ] {
        let features = Features::new().with_accessed_dirty(policy);
        let mut table = Aarch64::with_features(HostFrames::new(64), features).unwrap();
        assert_eq!(table.features().accessed_dirty, AccessedDirty::Preset);
        map(&mut table, run(PAGE, 0, PAGE, RW));
        assert_eq!(last(&table, PAGE) & COMMON, COMMON);
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
    let leaf = 0x1000 | (COMMON & !(1 << 11)) | 3 | PXN | UXN;
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
