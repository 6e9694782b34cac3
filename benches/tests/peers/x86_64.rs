//! x86-64 page tables under random edits, read by the `x86_64` crate.

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::x86_64::X86_64;
use kernel_vm::backend::{Entry, PageTableBackend};
use kernel_vm::{Attributes, FrameAllocator, MemoryType, Permissions, PhysAddr, VirtAddr};
use x86_64::structures::paging::mapper::{MappedPageTable, PageTableFrameMapping, TranslateResult};
use x86_64::structures::paging::{PageTable, PageTableFlags, PhysFrame, Translate};

use super::random_edits::{FIRST, Found, PAGES, edit_at_random};
use super::subject::PAGE;

struct Reader(HostFrames);

#[expect(unsafe_code, reason = "the promises of the trait")]
// SAFETY: `reach` answers a pointer to the bytes of a frame that is in use, and tables are.
unsafe impl PageTableFrameMapping for Reader {
    fn frame_to_pointer(&self, frame: PhysFrame) -> *mut PageTable {
        let at = PhysAddr::new(frame.start_address().as_u64());
        self.0.reach(at).cast().as_ptr()
    }
}

/// What the peer says of a page: where it leads, what it allows and how it is cached. `None` unless it is mapped.
fn read(reader: &MappedPageTable<'_, Reader>, page: usize) -> Option<Found> {
    let addr = x86_64::VirtAddr::new((page * PAGE) as u64);
    let TranslateResult::Mapped {
        frame,
        offset,
        flags,
    } = reader.translate(addr)
    else {
        return None;
    };
    // The peer takes any word that is not 0 for a leaf. An MMU does not.
    if !flags.contains(PageTableFlags::PRESENT) {
        return None;
    }
    let mut permissions = Permissions::READ;
    for (permission, is_allowed) in [
        (Permissions::WRITE, flags.contains(PageTableFlags::WRITABLE)),
        (
            Permissions::EXECUTE,
            !flags.contains(PageTableFlags::NO_EXECUTE),
        ),
        (
            Permissions::USER,
            flags.contains(PageTableFlags::USER_ACCESSIBLE),
        ),
    ] {
        permissions.set(permission, is_allowed);
    }
    let is_uncached = flags.contains(PageTableFlags::NO_CACHE);
    let memory_type = match (is_uncached, flags.contains(PageTableFlags::WRITE_THROUGH)) {
        (false, false) => MemoryType::Normal,
        (true, false) => MemoryType::NonCacheable,
        (true, true) => MemoryType::Device,
        (false, true) => panic!("write-through"),
    };
    let first = frame.start_address().as_u64() + offset;
    Some((first, Attributes::new(permissions, memory_type)))
}

fn ours(table: &X86_64<HostFrames>, page: usize) -> Option<Found> {
    let addr = VirtAddr::new(page * PAGE);
    match table.entry(addr) {
        Entry::Leaf(run) => Some((run.translate(addr)?.get(), run.attributes)),
        _ => None,
    }
}

#[expect(unsafe_code, reason = "the peer looks at tables that it does not own")]
fn compare(table: &X86_64<HostFrames>) -> usize {
    let root = table.platform().reach(table.root()).cast::<PageTable>();
    // SAFETY: the root is in a frame that is in use, and nobody else looks at it while this borrow is there.
    let root = unsafe { &mut *root.as_ptr() };
    // SAFETY: all tables below are in frames that `Reader` reaches; this is used to look only.
    let reader = unsafe { MappedPageTable::new(root, Reader(table.platform().clone())) };
    let seen: Vec<_> = (FIRST..FIRST + PAGES)
        .map(|page| read(&reader, page))
        .collect();
    for (page, seen) in (FIRST..).zip(&seen) {
        assert_eq!(*seen, ours(table, page), "page {page}");
    }
    seen.iter().flatten().count()
}

#[test]
fn the_x86_64_crate_reads_what_was_mapped() {
    let make = || X86_64::new(HostFrames::new(64)).unwrap();
    let mapped = edit_at_random(make, compare);
    assert!(mapped > 100_000, "{mapped} pages were read");
}
