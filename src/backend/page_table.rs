//! The contract of a page table that is edited by ranges.

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::run::{Entry, Run};
use crate::backend::step::in_steps;
use crate::error::MapError;
use crate::flush::Retired;
use crate::permissions::Permissions;
use crate::violation::Violation;

/// A change to the page table, as [`PageTableBackend::reserve`] is told of it. There may be more of them some day: a
/// backend outside of this crate refuses one that it does not know with [`MapError::UnsupportedEdit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Edit {
    /// [`PageTableBackend::map`] of this run.
    Map(Run),
    /// [`PageTableBackend::unmap`] of this area.
    Unmap(MemoryArea),
    /// [`PageTableBackend::protect`] of this area.
    Protect(MemoryArea, Permissions),
    /// [`PageTableBackend::shift`] of what is in one area to another.
    Shift {
        /// Where it is.
        from: MemoryArea,
        /// Where it goes: of the same size, apart from `from`.
        to: MemoryArea,
    },
}

/// The page tables of one address space, edited by ranges.
///
/// An edit has two halves: [`reserve`](Self::reserve), which may fail and then has changed nothing, and the edit
/// itself, which cannot fail. What edits take out collects in a [`Retired`], and [`retire`](Self::retire) flushes it
/// once, waits, and only then gives memory back.
///
/// *For kernel authors.* You choose a backend and hand it your platform ([`FrameAllocator`](crate::FrameAllocator) and
/// [`Tlb`](crate::Tlb)); the manager calls the rest. A backend used without a manager obeys the same rules: every edit
/// is reserved first, and everything retired is given to `retire` before the kernel relies on it being gone.
///
/// *For backend authors.* The laws are these; `backend::contract` checks them:
/// - Areas are page-aligned, and lie inside one of [`ranges`](Self::ranges): `reserve` refuses others, and so do the
///   checks that the manager makes first ([`check_edit`](crate::backend::check_edit)).
/// - No edit panics, not even one that was not reserved: `map` then leaves pages out, `unmap` and `protect` may take
///   out more than was asked for (the page table is a cache of the maps, so that is safe), never less.
/// - `&self` methods may run on many CPUs at once. They only turn empty entries into leaves; tables are never removed
///   or replaced by them. `&mut self` methods have the page table to themselves (the MMU aside).
/// - A leaf without permissions ([`Permissions::allow_any`] is false) is *hidden*: invalid to the MMU, but it keeps
///   its address, and `protect` makes it valid again.
/// - The page table itself keeps in mind what `unmap`, `protect` and `shift` have taken out or changed. A [`Retired`]
///   that is dropped delays, and loses nothing: the next [`retire`](Self::retire), or the drop, settles it too. One
///   that says too little, or is another page table's, does no harm.
/// - No memory that the MMU may still reach is given back before a flush of it has returned, whatever the [`Retired`]
///   says that `retire` is given.
/// - What waits for its flush is busy to `&self` methods, which leave it as it is. `map_exclusive` may map there.
/// - A backend that is dropped gives everything back, flushed before.
/// - A hook of the platform that panics may leak memory, and may leave entries out. It leaves no memory with two
///   owners, and no page table that is not sound: other verbs go on as ever, and the next `retire` makes up for the
///   flush.
///
/// What is added to this trait has a default, which works by the methods of before or refuses, or stands in a trait of
/// its own: a backend that keeps these laws goes on compiling, and keeping them.
pub trait PageTableBackend: Sized {
    /// Memory set aside by [`reserve`](Self::reserve). The default is none. A value that is lost leaks its memory.
    type Reserved: Default;

    /// The size of a page in bytes, a power of two.
    const PAGE_SIZE: usize;

    /// The addresses that can be mapped: page-aligned, ascending, and no two touch, so that no map joins across. O(1).
    fn ranges(&self) -> &[MemoryArea];

    /// The physical addresses that an entry can hold. O(1).
    fn physical_range(&self) -> MemoryArea<PhysAddr>;

    /// The root table: what the hardware is pointed to. O(1).
    fn root(&self) -> PhysAddr;

    /// Whether an entry can say this.
    ///
    /// # Errors
    /// [`MapError::UnsupportedMemoryType`]. Permissions that no page table can have are refused before
    /// ([`check_edit`](crate::backend::check_edit)), by every backend alike.
    fn supports(&self, attributes: Attributes) -> Result<(), MapError>;

    /// What the page table says about the page that holds `addr`, whatever `addr` is. O(levels).
    fn entry(&self, addr: VirtAddr) -> Entry;

    /// What is there, hidden leaves included, in address order: each leaf as one run, cut at the borders of `area`,
    /// which may be any area. O(populated), and what is not there is skipped by whole tables.
    fn populated(&self, area: MemoryArea) -> impl Iterator<Item = Run>;

    /// Makes one edit in one call, whole: reserves, edits, flushes and gives memory back. A shift empties `from`. For
    /// who uses a page table by itself; what the edits of a verb share (a reservation, a flush) they do not share then.
    /// Costs as the edit.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve): nothing has changed.
    fn edit(&mut self, edit: Edit, asid: Asid) -> Result<(), MapError> {
        in_steps(self, edit, asid)
    }

    /// Sets aside what these edits, made in this order, need together. `O(tables touched)`.
    ///
    /// What an edit needs is read from the page table as it is now, so no edit may speak of pages that one before it
    /// has mapped. Mapping what one before it empties is fine, once what waits there for its flush
    /// ([`Retired::entries`]) is retired.
    ///
    /// # Errors
    /// [`MapError::OutOfFrames`], [`MapError::UnsupportedEdit`], or what [`check_edit`](crate::backend::check_edit)
    /// refuses. Entries, tables and the allocator are as before.
    fn reserve(&self, edits: impl Iterator<Item = Edit>) -> Result<Self::Reserved, MapError>;

    /// Gives back what edits left over. `O(frames left)`.
    fn unreserve(&self, reserved: Self::Reserved);

    /// Writes leaves for the pages of `run` whose entries are empty, as large as alignment and size allow, and leaves
    /// the others as they are. Reserved as [`Edit::Map`]. `O(leaves + tables)`.
    fn map(&self, run: Run, with: &mut Self::Reserved);

    /// As [`map`](Self::map), where nobody else maps: a backend may do without read-modify-writes.
    fn map_exclusive(&mut self, run: Run, with: &mut Self::Reserved) {
        self.map(run, with);
    }

    /// Empties all entries in `area`; absent ones are skipped. Leaves that reach past it are split. Reserved as
    /// [`Edit::Unmap`]; whole leaves need nothing, so an area whose borders no leaf crosses needs no reservation.
    /// `O(levels + tables at the borders)`, and the reaping `O(tables taken out)`.
    fn unmap(&mut self, area: MemoryArea, with: &mut Self::Reserved, out: &mut Retired);

    /// Gives all leaves in `area`, hidden ones too, these permissions; absent ones stay absent. Leaves that reach past
    /// it are split. Reserved as [`Edit::Protect`]. `O(leaves + tables)`.
    fn protect(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        with: &mut Self::Reserved,
        out: &mut Retired,
    );

    /// Maps at `to`, which is empty, what `from` has, hidden leaves too: cut at the borders, and in leaves as large as
    /// alignment and size allow. Frames that the page table owns have moved then; physical memory may be mapped at both
    /// until `from` is unmapped, which must follow in the same verb. What was used of one page counts as used of all
    /// physical memory that continues it with the same attributes. Reserved as [`Edit::Shift`].
    ///
    /// What the same verb has unmapped at `to` may wait for its flush there; where [entries](Retired::entries) do, that
    /// must be retired first, or their pages stay empty.
    /// `O(leaves + tables)`.
    fn shift(
        &mut self,
        from: MemoryArea,
        to: MemoryArea,
        with: &mut Self::Reserved,
        out: &mut Retired,
    );

    /// Flushes what was taken out, if anything, with one call, and gives its memory back: all that no `retire` has
    /// settled yet, of which `retired` need not tell. Under `asid`, unless there is more than it tells: then under
    /// every ASID, as a verb before may have had another. `O(tables taken out)`, and after a panic `O(tables)`.
    fn retire(&mut self, retired: Retired, asid: Asid);

    /// Walks the whole page table and checks what must always hold between verbs. `O(entries)`.
    ///
    /// # Errors
    /// The first [`Violation`] found.
    fn check_invariants(&self) -> Result<(), Violation>;
}
