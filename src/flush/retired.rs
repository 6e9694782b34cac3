//! Notes of a verb on the memory that it took out of a page table.

use arrayvec::{ArrayVec, CapacityError};

use super::order::Flush;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::asid::Asid;

/// How many ranges a flush names before it says 'everything'.
const MAX_RANGES: usize = 4;

/// Notes of one verb on a page table: where translations have changed, and where memory waits for the flush.
///
/// A translation has changed where it was valid and no longer is, or is another. A backend takes notes while it edits,
/// and empties them in [`PageTableBackend::retire`](crate::backend::PageTableBackend::retire). It keeps them in mind
/// itself, too: a value that is dropped delays the flush until something else is retired, and whatever waits stays busy
/// until then. All methods are O(1), allocate nothing, and cannot fail.
///
/// ```
/// # use kernel_vm::{AreaError, MemoryArea, Retired, VirtAddr};
/// let page = |n: usize| MemoryArea::from_start_size(VirtAddr::new(n << 12), 0x1000);
/// let mut retired = Retired::new();
/// retired.note(page(1)?);
/// retired.note(page(2)?); // touches the first: the two become one
/// assert_eq!(retired.ranges().map(<[_]>::len), Some(1));
/// for n in 2..=5 {
///     retired.note(page(2 * n)?);
/// }
/// assert_eq!(retired.ranges(), None); // too many to name: everything
/// # Ok::<(), AreaError>(())
/// ```
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use = "memory that was taken out must be flushed: give this to `PageTableBackend::retire`"]
pub struct Retired {
    /// Where translations have changed: ranges that do not touch. Empty when `everything` is set.
    ranges: ArrayVec<MemoryArea, MAX_RANGES>,
    /// Whether there were too many ranges to name.
    everything: bool,
    /// Whether tables were taken out, and not only leaves.
    tables: bool,
    /// Where memory waits to be given back, and maybe more.
    waiting: ArrayVec<MemoryArea, MAX_RANGES>,
    /// Whether entries wait, so that nothing can be mapped there yet.
    entries: bool,
}

impl Retired {
    /// No notes: nothing was taken out yet.
    ///
    /// ```
    /// # use kernel_vm::Retired;
    /// assert!(Retired::new().is_empty());
    /// ```
    pub const fn new() -> Self {
        Self {
            ranges: ArrayVec::new_const(),
            everything: false,
            tables: false,
            waiting: ArrayVec::new_const(),
            entries: false,
        }
    }

    /// Notes that translations in `area` have changed.
    ///
    /// Ranges that touch become one; when there are more than a flush can name, everything counts as changed.
    pub fn note(&mut self, area: MemoryArea) {
        if !self.everything && add(&mut self.ranges, area).is_err() {
            self.everything = true;
            self.ranges.clear();
        }
    }

    /// Notes that page tables were taken out, and not only leaves.
    pub fn note_tables(&mut self) {
        self.tables = true;
    }

    /// Notes that entries wait, too: nothing can be mapped there before everything is retired.
    ///
    /// Entries of frames that the space owns do so. Where entries must be broken before others are made (Arm's
    /// break-before-make), all do.
    pub fn note_entries(&mut self) {
        self.entries = true;
    }

    /// Notes that memory in `area` is to be given back after the flush.
    ///
    /// When there are more such areas than fit, the gaps between the nearest count as well.
    pub fn note_waiting(&mut self, area: MemoryArea) {
        if add(&mut self.waiting, area).is_ok() {
            return;
        }
        let distance = |other: &MemoryArea| {
            let behind = other.start().get().saturating_sub(area.end().get());
            behind.max(area.start().get().saturating_sub(other.end().get()))
        };
        // Only one of them can make all of the space with it, which is no area.
        let others = self.waiting.iter_mut();
        let nearest = others
            .filter(|other| other.hull(area).is_ok())
            .min_by_key(|other| distance(other));
        if let Some(nearest) = nearest {
            *nearest = nearest.hull(area).unwrap_or(area);
        }
    }

    /// Whether there is nothing to flush and nothing to give back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.needs_flush() && self.waiting.is_empty()
    }

    /// Whether a CPU may have cached an entry that was taken out.
    #[must_use]
    pub fn needs_flush(&self) -> bool {
        !self.ranges.is_empty() || self.everything || self.tables
    }

    /// Whether page tables were taken out.
    #[must_use]
    pub const fn tables(&self) -> bool {
        self.tables
    }

    /// Whether entries wait (see [`note_entries`](Self::note_entries)).
    #[must_use]
    pub const fn entries(&self) -> bool {
        self.entries
    }

    /// The ranges in which translations have changed; `None` stands for everything.
    #[must_use]
    pub fn ranges(&self) -> Option<&[MemoryArea]> {
        (!self.everything).then_some(self.ranges.as_slice())
    }

    /// Where memory waits to be given back, and maybe more.
    #[must_use]
    pub fn waiting(&self) -> &[MemoryArea] {
        &self.waiting
    }

    /// The order for the platform: to flush these notes in the space with this root and ASID.
    ///
    /// ```
    /// # use kernel_vm::{AreaError, Asid, MemoryArea, PhysAddr, Retired, VirtAddr};
    /// let mut retired = Retired::new();
    /// retired.note(MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x2000)?);
    /// let flush = retired.flush(PhysAddr::new(0x8020_0000), Asid::new(7));
    /// assert_eq!((flush.size(), flush.asid()), (Some(0x2000), Some(Asid::new(7))));
    /// # Ok::<(), AreaError>(())
    /// ```
    #[must_use]
    pub fn flush(&self, root: PhysAddr, asid: Asid) -> Flush<'_> {
        self.flush_under(root, Some(asid))
    }

    /// The order for the platform; without an ASID, under every one that the space may have had.
    pub(crate) fn flush_under(&self, root: PhysAddr, asid: Option<Asid>) -> Flush<'_> {
        Flush {
            root,
            asid,
            ranges: self.ranges(),
            tables: self.tables,
            is_global: false,
        }
    }
}

/// Notes that outlive those of a verb: a page table's own, and a space's on its deferred verbs.
impl Retired {
    /// Notes that all translations have changed, and that tables may have been taken out. For page-table formats, which
    /// need 64-bit pointers.
    #[cfg(target_pointer_width = "64")]
    pub(crate) fn note_everything(&mut self) {
        self.everything = true;
        self.tables = true;
        self.ranges.clear();
    }

    /// Whether translations in `area` may have changed.
    pub(crate) fn concerns(&self, area: MemoryArea) -> bool {
        let ranges = self.ranges();
        ranges.is_none_or(|ranges| ranges.iter().any(|range| range.overlaps(&area)))
    }

    /// Forgets all notes.
    pub(crate) fn clear(&mut self) {
        self.ranges.clear();
        self.waiting.clear();
        (self.everything, self.tables, self.entries) = (false, false, false);
    }

    /// Adds the notes of `other`. Lists that come to an empty one are copied as they are: mostly they do.
    pub(crate) fn absorb(&mut self, other: &Self) {
        if other.everything {
            self.everything = true;
            self.ranges.clear();
        }
        if self.ranges.is_empty() && !self.everything {
            self.ranges.clone_from(&other.ranges);
        } else {
            other.ranges.iter().for_each(|&area| self.note(area));
        }
        if self.waiting.is_empty() {
            self.waiting.clone_from(&other.waiting);
        } else {
            other
                .waiting
                .iter()
                .for_each(|&area| self.note_waiting(area));
        }
        self.tables |= other.tables;
        self.entries |= other.entries;
    }
}

/// Adds `area` to areas that do not touch, or makes it one with those that it touches.
///
/// Two areas that touch and are all of the space together stay two, as all of it is no area.
///
/// # Errors
/// There is no room for one more; the areas are as before.
fn add<const N: usize>(
    areas: &mut ArrayVec<MemoryArea, N>,
    area: MemoryArea,
) -> Result<(), CapacityError<MemoryArea>> {
    let mut sum = area;
    let touches = |one: MemoryArea, other: MemoryArea| {
        one.overlaps(&other)
            || one.next() == Some(other.start())
            || other.next() == Some(one.start())
    };
    areas.retain(|other| {
        let hull = sum.hull(*other).ok().filter(|_| touches(sum, *other));
        sum = hull.unwrap_or(sum);
        hull.is_none()
    });
    areas.try_push(sum)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::vec::Vec;

    use super::{MAX_RANGES, MemoryArea, Retired};
    use crate::addr::VirtAddr;

    /// Few pages, so that areas touch.
    const PAGES: usize = 24;

    fn pages(first: usize, count: usize) -> MemoryArea {
        MemoryArea::from_start_size(VirtAddr::new(first << 12), count << 12).unwrap()
    }

    /// What notes must say, page by page.
    #[derive(Clone, Default)]
    struct Model {
        changed: BTreeSet<usize>,
        waiting: BTreeSet<usize>,
        tables: bool,
        entries: bool,
        /// Whether there were ever more stretches of changed pages than can be named.
        everything: bool,
    }

    /// The number of stretches of pages without a gap.
    fn stretches(pages: &BTreeSet<usize>) -> usize {
        let starts = |&&page: &&usize| page == 0 || !pages.contains(&(page - 1));
        pages.iter().filter(starts).count()
    }

    fn named(areas: &[MemoryArea]) -> BTreeSet<usize> {
        let holds = |page: &usize| {
            areas
                .iter()
                .any(|area| area.contains(VirtAddr::new(page << 12)))
        };
        (0..PAGES).filter(holds).collect()
    }

    fn check(retired: &Retired, model: &Model) {
        match retired.ranges() {
            None => assert!(model.everything && retired.ranges.is_empty()),
            Some(ranges) => {
                assert_eq!(named(ranges), model.changed);
                assert_eq!(ranges.len(), stretches(&model.changed));
            }
        }
        assert!(named(retired.waiting()).is_superset(&model.waiting));
        if stretches(&model.waiting) <= 1 {
            assert_eq!(named(retired.waiting()), model.waiting);
        }
        let told = (retired.tables(), retired.entries(), retired.needs_flush());
        let changes = !model.changed.is_empty() || model.tables;
        assert_eq!(told, (model.tables, model.entries, changes));
        assert_eq!(retired.is_empty(), !changes && model.waiting.is_empty());
        for page in 0..PAGES {
            let expected = retired.ranges().is_none() || model.changed.contains(&page);
            assert_eq!(retired.concerns(pages(page, 1)), expected, "{page}");
        }
    }

    /// Numbers that look random.
    fn below(seed: &mut u64, n: usize) -> usize {
        *seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        usize::try_from(*seed >> 33).unwrap() % n
    }

    fn note(seed: &mut u64, retired: &mut Retired, model: &mut Model) {
        let first = below(seed, PAGES);
        let count = 1 + below(seed, 2.min(PAGES - first));
        let area = pages(first, count);
        match below(seed, 16) {
            0 => {
                retired.note_tables();
                model.tables = true;
            }
            1 => {
                retired.note_entries();
                model.entries = true;
            }
            2..9 => {
                retired.note(area);
                model.changed.extend(first..first + count);
                model.everything |= stretches(&model.changed) > MAX_RANGES;
            }
            _ => {
                retired.note_waiting(area);
                model.waiting.extend(first..first + count);
            }
        }
    }

    #[test]
    fn notes_say_all_that_was_noted_and_so_do_those_of_two() {
        for seed in 0..2_000 {
            let mut seed = seed;
            let mut notes: Vec<(Retired, Model)> = Vec::new();
            // With many notes, either may come to more ranges than can be named.
            let most = if seed % 2 == 0 { [3, 7] } else { [40, 40] };
            for most in most {
                let (mut retired, mut model) = (Retired::new(), Model::default());
                for _ in 0..below(&mut seed, most) {
                    note(&mut seed, &mut retired, &mut model);
                    check(&retired, &model);
                }
                notes.push((retired, model));
            }
            let (other, theirs) = notes.pop().unwrap();
            let (mut retired, mut model) = notes.pop().unwrap();
            // On the way from one to the other, there may be more of them than at the end.
            let most = stretches(&model.changed) + stretches(&theirs.changed);
            model.everything |= theirs.everything || most > MAX_RANGES;
            retired.absorb(&other);
            model.changed.extend(theirs.changed);
            model.waiting.extend(theirs.waiting);
            model.tables |= theirs.tables;
            model.entries |= theirs.entries;
            check(&retired, &model);
            retired.clear();
            assert_eq!(retired, Retired::new());
        }
    }
}
