//! AArch64 page tables under random edits, read by `aarch64-paging`.

use std::mem::forget;
use std::ptr::NonNull;

use aarch64_paging::descriptor::{Descriptor, El1Attributes, PhysicalAddress};
use aarch64_paging::paging::{El1And0, MemoryRegion, PageTable, RootTable, Translation, VaRange};
use kernel_vm::backend::aarch64::Aarch64;
use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::{Entry, PageTableBackend};
use kernel_vm::{Attributes, FrameAllocator, MemoryType, Permissions, PhysAddr, VirtAddr};

use super::random_edits::{FIRST, Found, PAGES, edit_at_random};
use super::subject::PAGE;

/// Our tables for a peer who thinks that he makes his own: the first that he asks for is our root.
struct Reader {
    frames: HostFrames,
    root: PhysAddr,
}

impl Reader {
    fn table(&self, at: PhysAddr) -> NonNull<PageTable<El1Attributes>> {
        self.frames.reach(at).cast()
    }
}

impl Translation<El1Attributes> for Reader {
    fn allocate_table(&mut self) -> (NonNull<PageTable<El1Attributes>>, PhysicalAddress) {
        let at = PhysicalAddress(usize::try_from(self.root.get()).unwrap());
        (self.table(self.root), at)
    }

    #[expect(unsafe_code, reason = "the trait's")]
    unsafe fn deallocate_table(&mut self, _: NonNull<PageTable<El1Attributes>>) {
        unreachable!("it only reads")
    }

    fn physical_to_virtual(&self, at: PhysicalAddress) -> NonNull<PageTable<El1Attributes>> {
        self.table(PhysAddr::new(at.0 as u64))
    }
}

/// What the peer says of a leaf.
fn attributes(flags: El1Attributes) -> Attributes {
    let is_user = flags.contains(El1Attributes::USER);
    // Each can be executed by one of the two at most.
    let [user, kernel] =
        [El1Attributes::UXN, El1Attributes::PXN].map(|never| !flags.contains(never));
    assert!(if is_user { !kernel } else { !user }, "{flags:?}");
    let mut permissions = Permissions::READ;
    let is_writable = !flags.contains(El1Attributes::READ_ONLY);
    permissions.set(Permissions::WRITE, is_writable);
    permissions.set(Permissions::EXECUTE, user || kernel);
    permissions.set(Permissions::USER, is_user);
    let number = flags & El1Attributes::ATTRIBUTE_INDEX_7;
    let memory_type = match number {
        number if number == El1Attributes::ATTRIBUTE_INDEX_0 => MemoryType::Normal,
        number if number == El1Attributes::ATTRIBUTE_INDEX_1 => MemoryType::NonCacheable,
        number if number == El1Attributes::ATTRIBUTE_INDEX_2 => MemoryType::Device,
        number => panic!("{number:?}"),
    };
    let always =
        El1Attributes::INNER_SHAREABLE | El1Attributes::ACCESSED | El1Attributes::NON_GLOBAL;
    assert!(flags.contains(always), "{flags:?}");
    Attributes::new(permissions, memory_type)
}

fn ours(table: &Aarch64<HostFrames>, page: usize) -> Option<Found> {
    let addr = VirtAddr::new(page * PAGE);
    match table.entry(addr) {
        Entry::Leaf(run) => Some((run.translate(addr)?.get(), run.attributes)),
        _ => None,
    }
}

fn compare(table: &Aarch64<HostFrames>) -> usize {
    let reader = Reader {
        frames: table.platform().clone(),
        root: table.root(),
    };
    let view = RootTable::with_va_range(reader, 0, El1And0, VaRange::Lower);
    let mut seen = vec![None; PAGES];
    let mut visit = |region: &MemoryRegion, leaf: &Descriptor<El1Attributes>, level: usize| {
        if leaf.is_valid() {
            let span = PAGE << (9 * (3 - level));
            for addr in (region.start().0..region.end().0).step_by(PAGE) {
                let first = (leaf.output_address().0 | addr & (span - 1)) as u64;
                seen[addr / PAGE - FIRST] = Some((first, attributes(leaf.flags())));
            }
        }
        Ok(())
    };
    let all = MemoryRegion::new(FIRST * PAGE, (FIRST + PAGES) * PAGE);
    view.walk_range(&all, &mut visit).unwrap();
    // Else it would give our tables back.
    forget(view);
    for (page, seen) in (FIRST..).zip(&seen) {
        assert_eq!(*seen, ours(table, page), "page {page}");
    }
    seen.iter().flatten().count()
}

#[test]
fn aarch64_paging_reads_what_was_mapped() {
    let make = || Aarch64::new(HostFrames::new(64)).unwrap();
    let mapped = edit_at_random(make, compare);
    assert!(mapped > 100_000, "{mapped} pages were read");
}
