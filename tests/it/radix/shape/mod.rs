//! What the manual says of the formats, and their tables read as the hardware reads them.

mod aarch64;
mod riscv;
pub mod words;
mod x86_64;

use kernel_vm::backend::radix::{AccessedDirty, Features, Format, Radix};
use kernel_vm::backend::{Edit, PageTableBackend, Run};
use kernel_vm::backend::{Lost, Paging};
use kernel_vm::{
    Access, Asid, Attributes, Frame, MapError, MemoryType, Permissions, PhysAddr, Platform,
    VirtAddr,
};

use super::witness::Witness;
use crate::subject::{PAGE, area};

pub use words::{change_word, word};

pub const MIB: usize = 1 << 20;
pub const GIB: usize = 1 << 30;

pub const READ: Permissions = Permissions::READ;
pub const RW: Permissions = READ.union(Permissions::WRITE);

pub const NONE: Permissions = Permissions::empty();

pub const ASID: Asid = Asid::new(7);

/// The address space of a format and its words, as the manual has them. Written by hand: nothing here is taken from the
/// format.
pub trait Shape: Format + Copy + std::fmt::Debug + Send + Sync + 'static {
    /// How many tables lie on the way to a page.
    const DEPTH: usize;
    /// The last address of the lower half.
    const LAST_LOW: usize;
    /// The first address of the upper half.
    const FIRST_HIGH: usize;
    /// How many bits a physical address has.
    const WIDTH: u32;
    /// Each half has a root of its own, and the MMU is pointed to both.
    const TWO_ROOTS: bool = false;
    /// How many flushes more it takes to put an entry where a valid one of another address or size is: one, where the
    /// old one must be broken before the new one is made.
    const BREAKS: usize = 0;
    /// Who can set accessed and dirty bits.
    const POLICIES: &'static [AccessedDirty];
    /// What may be executed may be read, too.
    const CODE_IS_READABLE: bool;
    /// The memory types that not every machine's entries can say.
    const EXTENSIONS: &'static [MemoryType];
    /// The bits of a leaf that the MMU leaves to software.
    const SOFTWARE: u64;
    /// Those of them by which the format remembers that a leaf was written: none, if the MMU's own say so for ever.
    const MEMORY: u64 = 0;
    /// That of them which says that the frame is the page table's own.
    const OWN: u64;
    /// The bits of a leaf that permissions decide, the mark of hidden leaves among them.
    const DECIDED: u64;

    /// The table that a word at `level` points to, if it is a valid pointer.
    fn pointed(word: u64, level: usize) -> Option<PhysAddr>;
    /// Whether a word is a pointer that was taken out and waits for its flush: by bits that are all software's, as it
    /// is not valid.
    fn waits(word: u64) -> bool;
    /// The physical address of a leaf, or of the table of a pointer that waits.
    fn leads(word: u64) -> PhysAddr;
    /// The accesses that a valid leaf allows.
    fn allows(word: u64) -> Permissions;
    /// The leaf at `level` of one space, for normal memory, that nobody has used yet.
    fn fresh(first: u64, level: usize, permissions: Permissions) -> u64;
    /// That leaf, but of all spaces.
    fn global(leaf: u64) -> u64;
    /// What an MMU that tells of use makes of a valid leaf that allows `access`.
    fn after(leaf: u64, access: Access) -> u64;
    /// Whether a leaf was accessed, and whether it was written through.
    fn usage(leaf: u64) -> (bool, bool);
    /// A valid leaf that may be written, when it may no longer.
    fn unwritable(leaf: u64) -> u64;
}

/// The leaf that [`Shape::fresh`] tells of, after a read and a write.
pub fn used<F: Shape>(first: u64, level: usize, permissions: Permissions) -> u64 {
    F::after(F::fresh(first, level, permissions), Access::Write)
}

/// The policies under which somebody tells of use.
pub fn told<F: Shape>() -> impl Iterator<Item = AccessedDirty> {
    let policies = F::POLICIES.iter().copied();
    policies.filter(|&policy| policy != AccessedDirty::Preset)
}

/// An address of an empty page table that is far from the first ones: below another entry of the root.
pub const fn far<F: Shape>() -> usize {
    if F::TWO_ROOTS {
        F::LAST_LOW / 2 + 1
    } else {
        F::FIRST_HIGH
    }
}

/// The first and the last page of each half that one root translates.
pub fn ends<F: Shape>() -> Vec<usize> {
    let mut ends = vec![0, F::LAST_LOW - 0xfff];
    if !F::TWO_ROOTS {
        ends.extend([F::FIRST_HIGH, usize::MAX - 0xfff]);
    }
    ends
}

/// The bits of an address that tables of this format translate, and the offset in a page.
pub const fn translated<F: Shape>(addr: usize) -> usize {
    addr & ((1 << (12 + 9 * F::DEPTH)) - 1)
}

pub const fn policy(accessed_dirty: AccessedDirty) -> Features {
    Features::new()
        .with_accessed_dirty(accessed_dirty)
        .with_memory_types(true)
        .with_gib_leaves(true)
}

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
        let Some(table) = F::pointed(found, level) else {
            break;
        };
        at = table.get();
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

/// Uses the page at `addr`, which must allow it: the test plays the MMU, or the handler of its fault, where that tells
/// of use.
pub fn access<F: Shape, P: Platform>(table: &Radix<F, P>, addr: usize, access: Access) {
    let at = places(table, addr).pop().unwrap();
    let leaf = word(table.platform(), at);
    assert!(leaf & 1 != 0 && F::allows(leaf).allow(access), "{leaf:#x}");
    if table.features().accessed_dirty == AccessedDirty::Software {
        table.touch(VirtAddr::new(addr), access).unwrap();
    } else {
        change_word(table.platform(), at, |leaf| F::after(leaf, access));
    }
    assert_eq!(
        word(table.platform(), at) & !F::MEMORY,
        F::after(leaf, access) & !F::MEMORY
    );
}
