//! What the manual says of the formats, and their tables read as the hardware reads them.

use kernel_vm::backend::radix::{AccessedDirty, Features, Format, Radix};
use kernel_vm::backend::sv39::Sv39Format;
use kernel_vm::backend::sv48::Sv48Format;
use kernel_vm::backend::sv57::Sv57Format;
use kernel_vm::backend::{Edit, PageTableBackend, Run};
use kernel_vm::backend::{Lost, Paging};
use kernel_vm::{
    Asid, Attributes, Frame, FrameAllocator, MapError, MemoryType, Permissions, PhysAddr, Platform,
    VirtAddr,
};

use super::witness::Witness;
use crate::subject::{PAGE, area};

pub const MIB: usize = 1 << 20;
pub const GIB: usize = 1 << 30;

pub const READ: Permissions = Permissions::READ;
pub const RW: Permissions = READ.union(Permissions::WRITE);

pub const NONE: Permissions = Permissions::empty();

pub const ASID: Asid = Asid::new(7);

/// The accessed and the dirty bit of an entry.
pub const A: u64 = 1 << 6;
pub const D: u64 = 1 << 7;

/// The address space of a format, as the manual has it.
pub trait Shape: Format {
    /// How many tables lie on the way to a page.
    const DEPTH: usize;
    /// The last address of the lower half.
    const LAST_LOW: usize;
    /// The first address of the upper half.
    const FIRST_HIGH: usize;
}

impl Shape for Sv39Format {
    const DEPTH: usize = 3;
    const LAST_LOW: usize = 0x3f_ffff_ffff;
    const FIRST_HIGH: usize = 0xffff_ffc0_0000_0000;
}

impl Shape for Sv48Format {
    const DEPTH: usize = 4;
    const LAST_LOW: usize = 0x7fff_ffff_ffff;
    const FIRST_HIGH: usize = 0xffff_8000_0000_0000;
}

impl Shape for Sv57Format {
    const DEPTH: usize = 5;
    const LAST_LOW: usize = 0xff_ffff_ffff_ffff;
    const FIRST_HIGH: usize = 0xff00_0000_0000_0000;
}

pub const fn policy(accessed_dirty: AccessedDirty) -> Features {
    Features::new()
        .with_accessed_dirty(accessed_dirty)
        .with_memory_types(true)
}

pub const POLICIES: [AccessedDirty; 3] = [
    AccessedDirty::Preset,
    AccessedDirty::Hardware,
    AccessedDirty::Software,
];

/// An empty page table of this format, with 512 frames.
pub fn table<F: Format>(accessed_dirty: AccessedDirty) -> Radix<F, Witness> {
    Radix::with_features(Witness::new(512), policy(accessed_dirty)).unwrap()
}

pub const fn allowing(permissions: Permissions) -> Attributes {
    Attributes::new(permissions, MemoryType::Normal)
}

pub fn run(start: usize, first: u64, size: usize, permissions: Permissions) -> Run {
    Run {
        area: area(start, size),
        first: PhysAddr::new(first),
        attributes: allowing(permissions),
    }
}

/// Makes an edit that must succeed.
pub fn make<F: Format, P: Platform>(table: &mut Radix<F, P>, edit: Edit) {
    table.edit(edit, ASID).unwrap();
}

/// Installs a new frame at `page`, with what that needs, and answers where the frame is.
pub fn install<F: Format, P: Platform>(
    table: &Radix<F, P>,
    page: usize,
    permissions: Permissions,
) -> PhysAddr {
    let frame = table.platform().alloc().unwrap();
    let at = frame.addr();
    try_install(table, page, frame, permissions)
        .unwrap()
        .unwrap();
    at
}

/// Reserves for one page, and installs `frame` there.
pub fn try_install<F: Format, P: Platform>(
    table: &Radix<F, P>,
    page: usize,
    frame: Frame,
    permissions: Permissions,
) -> Result<Result<(), Lost>, MapError> {
    let wanted = run(page, frame.addr().get(), PAGE, permissions);
    let reserved = table.reserve([Edit::Map(wanted)].into_iter());
    let mut reserved = match reserved {
        Ok(reserved) => reserved,
        Err(error) => {
            table.platform().release(frame, false);
            return Err(error);
        }
    };
    let answer = table.install(VirtAddr::new(page), frame, wanted.attributes, &mut reserved);
    table.unreserve(reserved);
    Ok(answer)
}

/// The places of the words that lead to `addr`, from the root down, as the hardware would find them.
pub fn places<F: Shape, P: Platform>(table: &Radix<F, P>, addr: usize) -> Vec<PhysAddr> {
    let mut at = table.root().get();
    let mut places = Vec::new();
    for level in (0..F::DEPTH).rev() {
        let index = (addr as u64 >> (12 + 9 * level)) & 511;
        let place = PhysAddr::new(at + 8 * index);
        places.push(place);
        let found = word(table.platform(), place);
        if found & 0xf != 1 {
            break;
        }
        at = (found >> 10 & ((1 << 44) - 1)) << 12;
    }
    places
}

/// The words themselves.
pub fn walk<F: Shape, P: Platform>(table: &Radix<F, P>, addr: usize) -> Vec<u64> {
    let words = places(table, addr).into_iter();
    words.map(|at| word(table.platform(), at)).collect()
}

/// The word where the way to `addr` ends.
pub fn last<F: Shape, P: Platform>(table: &Radix<F, P>, addr: usize) -> u64 {
    walk(table, addr).pop().unwrap()
}

/// Lets the test play the MMU: sets bits in the word where the way to `addr` ends.
pub fn set<F: Shape, P: Platform>(table: &Radix<F, P>, addr: usize, bits: u64) {
    let at = places(table, addr).pop().unwrap();
    set_word(table.platform(), at, bits);
}

/// The word at `at`, which is in a frame that is in use.
#[expect(unsafe_code, reason = "the test reads what the hardware would")]
pub fn word(frames: &impl FrameAllocator, at: PhysAddr) -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering::Acquire};
    let word = frames.reach(at).cast::<AtomicU64>();
    // SAFETY: `reach` answers a pointer into a frame that is in use, aligned as `at` is, and tables are read and
    // written by atomic accesses alone while they are shared.
    unsafe { word.as_ref() }.load(Acquire)
}

#[expect(unsafe_code, reason = "the test writes what the hardware would")]
pub fn set_word(frames: &impl FrameAllocator, at: PhysAddr, bits: u64) {
    use std::sync::atomic::{AtomicU64, Ordering::AcqRel};
    let word = frames.reach(at).cast::<AtomicU64>();
    // SAFETY: as in `word`.
    unsafe { word.as_ref() }.fetch_or(bits, AcqRel);
}

#[expect(unsafe_code, reason = "the test writes what the hardware would")]
pub fn store_word(frames: &impl FrameAllocator, at: PhysAddr, value: u64) {
    use std::sync::atomic::{AtomicU64, Ordering::Release};
    let word = frames.reach(at).cast::<AtomicU64>();
    // SAFETY: as in `word`.
    unsafe { word.as_ref() }.store(value, Release);
}
