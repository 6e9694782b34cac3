//! The contract of a page table that is edited by ranges.

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::run::{Entry, Run};
use crate::error::MapError;
use crate::flush::Retired;
use crate::permissions::Permissions;
use crate::this_cpu;
use crate::violation::Violation;

/// A change to a page table, as [`PageTableBackend::reserve`] is told of it.
///
/// There may be more of them some day. A backend outside of this crate refuses one that it does not know with
/// [`MapError::UnsupportedEdit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Edit {
    /// [`PageTableBackend::map`] of this run.
    Map(Run),
    /// [`PageTableBackend::unmap`] of this area.
    Unmap(MemoryArea),
    /// [`PageTableBackend::protect`] of this area.
    Protect(MemoryArea, Permissions),
    /// [`PageTableBackend::shift`] of the leaves in one area to another.
    Shift {
        /// The area that the leaves are in.
        from: MemoryArea,
        /// The area that they go to: of the same size, apart from `from`.
        to: MemoryArea,
    },
}

/// The page tables of one address space, edited by ranges.
///
/// An edit has two halves: [`reserve`](Self::reserve), which may fail and then has changed nothing, and the edit
/// itself, which cannot fail. A [`Retired`] collects the changes of edits. [`retire`](Self::retire) flushes them once,
/// waits, and only then gives memory back.
///
/// *For kernel authors.* You choose a backend and hand it your platform ([`FrameAllocator`](crate::FrameAllocator) and
/// [`Tlb`](crate::Tlb)); the manager calls the rest. A backend used without a manager obeys the same rules: every edit
/// is reserved first, and every [`Retired`] is given to `retire` before the kernel relies on its memory being gone.
///
/// *For backend authors.* The laws are these; the suites of `testing`, a feature, check them:
/// - Areas are page-aligned, and lie inside one of [`ranges`](Self::ranges): `reserve` refuses others, and so do the
///   checks that the manager makes first ([`check_edit`](crate::backend::check_edit)).
/// - No edit panics, not even one that was not reserved. `map` then leaves pages out; `unmap` and `protect` may take
///   out more than they were asked for, never less. That is safe: the page table is a cache of the maps.
/// - `&self` methods may run on many CPUs at once. They only turn empty entries into leaves; tables are never removed
///   or replaced by them, but for those that [`settle`](Self::settle) gives back. `&mut self` methods have the page
///   table to themselves (the MMU aside).
/// - A leaf without permissions ([`Permissions::allow_any`] is false) is *hidden*: invalid to the MMU, but it keeps
///   its address, and `protect` makes it valid again.
/// - The page table itself keeps in mind the changes of `unmap`, `protect` and `shift`. A [`Retired`] that is dropped
///   delays, and loses nothing: the next [`retire`](Self::retire), or the drop, settles it too. One that says too
///   little, or is another page table's, does no harm.
/// - No memory that the MMU may still reach is given back before a flush of it has returned, whatever the [`Retired`]
///   says that `retire` is given.
/// - An entry that waits for its flush is busy to `&self` methods, which leave it as it is. `map_exclusive` may map
///   there.
/// - A backend that is dropped gives everything back, flushed before.
/// - A hook of the platform that panics may leak memory, and may leave entries out. It leaves no memory with two
///   owners, and no page table that is not sound: other verbs go on as ever, and the next `retire` makes up for the
///   flush.
///
/// A method that is added to this trait has a default, which works by the older methods or refuses, or stands in a
/// trait of its own. So a backend that keeps these laws goes on compiling, and keeping them.
pub trait PageTableBackend: Sized {
    /// Memory that [`reserve`](Self::reserve) sets aside. The default is none. A value that is lost leaks its memory.
    type Reserved: Default;

    /// The size of a page in bytes, a power of two.
    const PAGE_SIZE: usize;

    /// Whether [`settle`](Self::settle) settles. Where it does not, as by default, a manager
    /// [retires](Self::retire) deferred edits at once.
    const SETTLES: bool = false;

    /// The addresses that can be mapped: page-aligned, ascending, and no two touch, so that no map joins across. O(1).
    fn ranges(&self) -> &[MemoryArea];

    /// The physical addresses that an entry can hold. O(1).
    fn physical_range(&self) -> MemoryArea<PhysAddr>;

    /// The address of the root table, which the hardware is pointed to. It never changes. O(1).
    fn root(&self) -> PhysAddr;

    /// Whether an entry can say these attributes. O(1).
    ///
    /// # Errors
    /// [`MapError::UnsupportedMemoryType`]; [`MapError::WidensPermissions`], where entries would allow more than that.
    /// Normal memory is never refused for its type. Permissions that no page table can have are refused before, by
    /// every backend alike ([`check_edit`](crate::backend::check_edit)).
    fn supports(&self, attributes: Attributes) -> Result<(), MapError>;

    /// The number of the CPU that this is, as [`Tlb::cpu`](crate::Tlb::cpu) has it. O(1). The default guesses.
    fn cpu(&self) -> usize {
        this_cpu::guess()
    }

    /// The entry of the page that holds `addr`, whatever `addr` is. O(levels).
    fn entry(&self, addr: VirtAddr) -> Entry;

    /// The leaves in `area`, hidden ones included, in address order: each leaf as one run, cut at the borders of
    /// `area`, which may be any area. O(populated): empty entries are skipped by whole tables.
    fn populated(&self, area: MemoryArea) -> impl Iterator<Item = Run>;

    /// Makes one edit in one call, whole: reserves, edits, flushes and gives memory back. A shift empties `from`. Costs
    /// as the edit.
    ///
    /// For callers who use a page table by itself. A manager makes the edits of a verb in steps, so that they share one
    /// reservation and one flush.
    ///
    /// # Errors
    /// The errors of [`reserve`](Self::reserve): nothing has changed.
    fn edit(&mut self, edit: Edit, asid: Asid) -> Result<(), MapError> {
        // A shift leaves the leaves that it has mapped elsewhere to be unmapped.
        let behind = match edit {
            Edit::Shift { from, .. } => Some(Edit::Unmap(from)),
            _ => None,
        };
        let mut reserved = self.reserve(core::iter::once(edit).chain(behind))?;
        let mut out = Retired::new();
        match edit {
            Edit::Map(run) => self.map_exclusive(run, &mut reserved),
            Edit::Unmap(area) => self.unmap(area, &mut reserved, &mut out),
            Edit::Protect(area, permissions) => {
                self.protect(area, permissions, &mut reserved, &mut out);
            }
            Edit::Shift { from, to } => {
                self.shift(from, to, &mut reserved, &mut out);
                self.unmap(from, &mut reserved, &mut out);
            }
        }
        self.unreserve(reserved);
        self.retire(out, asid);
        Ok(())
    }

    /// Sets aside the memory that these edits, made in this order, need together. `O(tables touched)`.
    ///
    /// The need of an edit is read from the page table as it is now, so no edit may speak of pages that an earlier one
    /// maps. An edit may map pages that an earlier one empties, once the entries that wait there for their flush
    /// ([`Retired::entries`]) are retired.
    ///
    /// # Errors
    /// [`MapError::OutOfFrames`], [`MapError::UnsupportedEdit`], or an error of
    /// [`check_edit`](crate::backend::check_edit). Entries, tables and the allocator are as before.
    fn reserve(&self, edits: impl Iterator<Item = Edit>) -> Result<Self::Reserved, MapError>;

    /// Gives back the memory that edits left over. `O(frames left)`.
    fn unreserve(&self, reserved: Self::Reserved);

    /// Writes leaves for the pages of `run` whose entries are empty, as large as alignment and size allow, and leaves
    /// the others as they are. Reserved as [`Edit::Map`]. `O(leaves + tables)`.
    fn map(&self, run: Run, reserved: &mut Self::Reserved);

    /// Maps `run` as [`map`](Self::map) does, where nobody else maps: a backend may do without read-modify-writes.
    /// `O(leaves + tables)`.
    fn map_exclusive(&mut self, run: Run, reserved: &mut Self::Reserved) {
        self.map(run, reserved);
    }

    /// Empties all entries in `area`; absent ones are skipped. Leaves that reach past it are split. Reserved as
    /// [`Edit::Unmap`]; whole leaves need nothing, so an area whose borders no leaf crosses needs no reservation.
    /// `O(levels + tables at the borders)`, and the reaping `O(tables taken out)`.
    fn unmap(&mut self, area: MemoryArea, reserved: &mut Self::Reserved, out: &mut Retired);

    /// Gives all leaves in `area`, hidden ones too, these permissions; absent ones stay absent. Leaves that reach past
    /// it are split. Reserved as [`Edit::Protect`]. `O(leaves + tables)`.
    fn protect(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        reserved: &mut Self::Reserved,
        out: &mut Retired,
    );

    /// Maps the leaves of `from`, hidden ones too, at `to`, which is empty: cut at the borders, and as large as
    /// alignment and size allow. Reserved as [`Edit::Shift`]. `O(leaves + tables)`.
    ///
    /// Frames that the page table owns have moved then. Physical memory may be mapped at both until `from` is unmapped,
    /// which must follow in the same verb. A use of one page counts as one of all physical memory that continues it
    /// with the same attributes.
    ///
    /// Pages at `to` that the same verb has unmapped may wait for their flush there. Where [entries](Retired::entries)
    /// do, they must be retired first, or their pages stay empty.
    fn shift(
        &mut self,
        from: MemoryArea,
        to: MemoryArea,
        reserved: &mut Self::Reserved,
        out: &mut Retired,
    );

    /// Flushes all that no `retire` has settled yet, with one call if there is anything, and gives its memory back.
    /// `O(tables taken out)`, and after a panic `O(tables)`.
    ///
    /// `retired` need not tell of all of it. The flush is under `asid`, unless there is more than it tells: then under
    /// every ASID, as an earlier verb may have had another.
    fn retire(&mut self, retired: Retired, asid: Asid);

    /// Retires as [`retire`](Self::retire) does, while other CPUs look and map: flushes, waits, and only then gives
    /// memory back. O(tables in the areas that wait + frames given back). The default does nothing: see
    /// [`SETTLES`](Self::SETTLES).
    ///
    /// This is the one method that takes tables away under `&self`. It may: a table that waits was taken out under
    /// `&mut self`, and whoever has come since has found it busy. Entries that wait become empty, and no others change,
    /// not even those that a `&self` method of another CPU has busy. Any number of CPUs may be at it at once: each
    /// frame is given back once, when every flush that it waits for has returned.
    ///
    /// Until it returns, all that waits stays owed: should a hook panic, the next call, or the next `retire`, begins
    /// anew. It cannot take back what a verb left by a panic has half done; that is left to `retire`.
    fn settle(&self, retired: &Retired, asid: Asid) {
        let _ = (retired, asid);
    }

    /// Walks the whole page table and checks all that must hold between verbs. `O(entries)`.
    ///
    /// # Errors
    /// The first [`Violation`] found.
    fn check_invariants(&self) -> Result<(), Violation>;
}
