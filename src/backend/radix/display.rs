//! A page table in words, for whoever debugs a kernel.

use core::fmt;
use core::sync::atomic::Ordering::Acquire;

use super::entry::features::AccessedDirty;
use super::entry::format::Format;
use super::entry::word::Word;
use super::memory::Radix;
use super::walk::slot::slots;
use super::walk::table::{Table, span};
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::platform::Platform;

/// An entry, as it is printed.
#[derive(Clone, Copy)]
enum Item {
    /// A table with entries, which are printed below it.
    Table(PhysAddr),
    EmptyTable,
    /// A table that this page table shares, and never looks into.
    KernelTable,
    RetiredTable,
    Leaf(u64),
    RetiredLeaf(u64),
}

/// Entries side by side that are alike, and take one line.
#[derive(Clone, Copy)]
struct Row {
    area: MemoryArea,
    first: Item,
    count: usize,
}

impl Row {
    /// The row with one entry more, if that comes next and is alike.
    fn with<F: Format>(self, area: MemoryArea, item: Item, level: usize) -> Option<Self> {
        let is_alike = match (self.first, item) {
            (Item::Leaf(first), Item::Leaf(next))
            | (Item::RetiredLeaf(first), Item::RetiredLeaf(next)) => {
                let distance = F::step(level).wrapping_mul(self.count as u64);
                next == first.wrapping_add(distance)
            }
            (Item::EmptyTable, Item::EmptyTable)
            | (Item::KernelTable, Item::KernelTable)
            | (Item::RetiredTable, Item::RetiredTable) => true,
            _ => false,
        };
        let is_next = is_alike && self.area.next() == Some(area.start());
        Some(Self {
            area: self.area.hull(area).ok().filter(|_| is_next)?,
            count: self.count + 1,
            ..self
        })
    }

    /// Prints the number of tables of this kind.
    fn print_tables(self, f: &mut fmt::Formatter<'_>, kind: &str) -> fmt::Result {
        let tables = if self.count == 1 { "table" } else { "tables" };
        write!(f, "{} {kind} {tables}", self.count)
    }
}

/// The entries of the page table, level by level, in address order, indented by level.
///
/// An entry takes a line. Leaves side by side whose frames follow on one another, and which are alike otherwise, take
/// one line together; so do empty tables side by side. A leaf's line has:
/// - its addresses, the physical address of the first, permissions, memory type, number and size of the leaves;
/// - `owned`: the frame is the page table's own; `hidden`: without permissions, and so invalid to the MMU; `global`;
/// - `accessed` and `dirty`, unless the bits are [preset](AccessedDirty::Preset) and tell nothing.
///
/// `retired` entries were taken out, and wait for their flush. Of a kernel half that the page table shares, the number
/// of tables is printed: the kernel's own page table has the rest.
///
/// It needs no heap and no lock, and ends without a newline. Other CPUs may map meanwhile: each entry is printed as it
/// was when it was read. O(entries of all tables).
///
/// ```
/// # #[cfg(not(feature = "alloc"))]
/// # fn main() {}
/// # #[cfg(feature = "alloc")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use kernel_vm::backend::{Edit, PageTableBackend, Run, mock::HostFrames, sv39::Sv39};
/// use kernel_vm::{Asid, MemoryArea, Permissions, PhysAddr, VirtAddr};
///
/// let mut table = Sv39::new(HostFrames::new(64))?;
/// let run = Run {
///     area: MemoryArea::from_start_size(VirtAddr::new(0x1f_c000), 0x20_4000)?,
///     first: PhysAddr::new(0x801f_c000),
///     attributes: (Permissions::READ | Permissions::WRITE).into(),
/// };
/// table.edit(Edit::Map(run), Asid::new(0))?;
/// println!("{table}"); // in a kernel: `space.backend()`
/// # let text = table.to_string();
/// # assert!(text.contains("    0x200000..=0x3fffff -> 0x80200000 rw-- normal, 1 leaf of 2 MiB"), "{text}");
/// # assert!(text.contains("      0x1fc000..=0x1fffff -> 0x801fc000 rw-- normal, 4 leaves of 4 KiB"), "{text}");
/// # Ok(())
/// # }
/// ```
///
/// ```text
/// page table of 3 levels at 0x7f62a0c00000
///   0x0..=0x3fffffff table at 0x7f62a0c01000
///     0x0..=0x1fffff table at 0x7f62a0c02000
///       0x1fc000..=0x1fffff -> 0x801fc000 rw-- normal, 4 leaves of 4 KiB
///     0x200000..=0x3fffff -> 0x80200000 rw-- normal, 1 leaf of 2 MiB
/// ```
impl<F: Format, P: Platform> fmt::Display for Radix<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (levels, root) = (F::LEVELS, self.root_addr());
        write!(f, "page table of {levels} levels at {root}")?;
        // Below one root, the kernel half is there, too, which is not this page table's.
        let areas = if F::ONE_ROOT {
            F::RANGES.as_slice()
        } else {
            self.ranges.as_slice()
        };
        let mut areas = areas.iter();
        areas.try_for_each(|&area| self.print(f, self.root_table(), Self::TOP, area))
    }
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Prints the entries of `area` in a table.
    fn print(
        &self,
        f: &mut fmt::Formatter<'_>,
        table: &Table,
        level: usize,
        area: MemoryArea,
    ) -> fmt::Result {
        let mut row: Option<Row> = None;
        for slot in slots(area, level) {
            let area = slot.piece();
            let word = slot.of(table).load(Acquire);
            let Some(item) = self.item(word, level, area.start()) else {
                continue;
            };
            let longer = row.and_then(|row| row.with::<F>(area, item, level));
            let done = row.replace(longer.unwrap_or(Row {
                area,
                first: item,
                count: 1,
            }));
            if let (None, Some(done)) = (longer, done) {
                self.print_row(f, done, level)?;
            }
        }
        row.map_or(Ok(()), |row| self.print_row(f, row, level))
    }

    /// The entry of `addr`, whose word is `word`; `None` if it is empty.
    fn item(&self, word: u64, level: usize, addr: VirtAddr) -> Option<Item> {
        match Word::read::<F>(word, level) {
            Word::Empty => None,
            Word::Table(_) if !self.ranges.contains(addr) => Some(Item::KernelTable),
            Word::Table(child) if self.table(child).iter().all(|word| word.load(Acquire) == 0) => {
                Some(Item::EmptyTable)
            }
            Word::Table(child) => Some(Item::Table(child)),
            Word::RetiredTable(_) => Some(Item::RetiredTable),
            Word::Leaf(word) => Some(Item::Leaf(word)),
            Word::RetiredLeaf(word) => Some(Item::RetiredLeaf(word)),
        }
    }

    /// Prints one line, and the lines of the table below.
    fn print_row(&self, f: &mut fmt::Formatter<'_>, row: Row, level: usize) -> fmt::Result {
        let indent = 2 * (F::LEVELS - level);
        write!(f, "\n{:indent$}{} ", "", row.area)?;
        match row.first {
            Item::EmptyTable => row.print_tables(f, "empty"),
            Item::KernelTable => row.print_tables(f, "kernel"),
            Item::RetiredTable => row.print_tables(f, "retired"),
            Item::Leaf(word) | Item::RetiredLeaf(word) => self.print_leaves(f, row, word, level),
            Item::Table(at) => {
                write!(f, "table at {at}")?;
                level.checked_sub(1).map_or(Ok(()), |below| {
                    self.print(f, self.table(at), below, row.area)
                })
            }
        }
    }

    /// Prints leaves side by side, of which `word` is the first.
    fn print_leaves(
        &self,
        f: &mut fmt::Formatter<'_>,
        row: Row,
        word: u64,
        level: usize,
    ) -> fmt::Result {
        let attributes = F::attributes(word);
        write!(f, "-> {} ", F::addr(word))?;
        match row.first {
            // Its permissions are no more.
            Item::RetiredLeaf(_) => f.write_str("retired")?,
            _ => write!(f, "{} {}", attributes.permissions, attributes.memory_type)?,
        }
        let leaves = if row.count == 1 { "leaf" } else { "leaves" };
        let (size, unit) = in_units(span(level));
        write!(f, ", {} {leaves} of {size} {unit}", row.count)?;
        self.print_marks(f, word)
    }

    /// Prints the marks of a leaf's word.
    fn print_marks(&self, f: &mut fmt::Formatter<'_>, word: u64) -> fmt::Result {
        let is_hidden = word & F::VALID == 0 && word & F::HIDDEN != 0;
        let is_told = self.features().accessed_dirty != AccessedDirty::Preset;
        let used = F::marks(word);
        let marks = [
            (word & F::OWNED != 0, "owned"),
            (is_hidden, "hidden"),
            (word & (F::GLOBAL | F::LOCAL) == F::GLOBAL, "global"),
            (is_told && used & F::ACCESSED != 0, "accessed"),
            (is_told && used & F::DIRTY != 0, "dirty"),
        ];
        let mut marks = marks.iter().filter(|(is_set, _)| *is_set);
        marks.try_for_each(|(_, mark)| write!(f, ", {mark}"))
    }
}

/// A size in the largest unit that it has.
const fn in_units(size: usize) -> (usize, &'static str) {
    match size.trailing_zeros() {
        ..20 => (size >> 10, "KiB"),
        20..30 => (size >> 20, "MiB"),
        _ => (size >> 30, "GiB"),
    }
}
