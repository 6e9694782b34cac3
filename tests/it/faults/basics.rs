//! What a fault does, entry by entry, without an MMU.

use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::radix::{AccessedDirty, Features, Format, Radix};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::{Entry, Paging, Run};
use kernel_vm::{
    Access, Answer, Backing, Done, FaultError, Frame, FrameAllocator, MemoryArea, Permissions,
    PhysAddr, Privilege, Ticket, VirtAddr, VirtualMemoryManager, VirtualMemoryMap,
};

use super::kernel::Object;
use crate::subject::{PAGE, map, pages};

pub type Space<B = Sv39<HostFrames>> = VirtualMemoryManager<B, Object>;

/// A page table over the host's frames.
pub trait Pager: Paging<Platform = HostFrames> {
    fn over(frames: &HostFrames) -> Self;
}

impl<F: Format> Pager for Radix<F, HostFrames> {
    fn over(frames: &HostFrames) -> Self {
        Self::new(frames.clone()).unwrap()
    }
}

impl Pager for MockBackend<HostFrames> {
    fn over(frames: &HostFrames) -> Self {
        Self::with_platform(frames.clone())
    }
}

/// Runs tests on each page table that owns frames.
macro_rules! on_each {
    ($($name:ident)*) => {
        mod on_sv39 {
            use kernel_vm::backend::{mock::HostFrames, sv39::Sv39};
            $( #[test] fn $name() { super::$name::<Sv39<HostFrames>>(); } )*
        }
        mod on_x86_64 {
            use kernel_vm::backend::{mock::HostFrames, x86_64::X86_64};
            $( #[test] fn $name() { super::$name::<X86_64<HostFrames>>(); } )*
        }
        mod on_aarch64 {
            use kernel_vm::backend::{mock::HostFrames, aarch64::Aarch64};
            $( #[test] fn $name() { super::$name::<Aarch64<HostFrames>>(); } )*
        }
        mod on_mock {
            use kernel_vm::backend::mock::{HostFrames, MockBackend};
            $( #[test] fn $name() { super::$name::<MockBackend<HostFrames>>(); } )*
        }
    };
}

pub(crate) use on_each;

pub const R: Permissions = Permissions::READ.union(Permissions::USER);
pub const RW: Permissions = R.union(Permissions::WRITE);
pub const RX: Permissions = R.union(Permissions::EXECUTE);

pub fn space(frames: &HostFrames) -> Space {
    space_on(frames)
}

pub fn space_on<B: Pager>(frames: &HostFrames) -> Space<B> {
    Space::for_payload(B::over(frames))
}

pub fn at(page: usize) -> VirtAddr {
    VirtAddr::new(page * PAGE + 0x10)
}

pub fn anonymous(first: usize, count: usize, permissions: Permissions) -> VirtualMemoryMap<Object> {
    let map = VirtualMemoryMap::anonymous(pages(first, count), permissions);
    map.unwrap().with_payload(Object(0))
}

pub fn provided(
    first: usize,
    count: usize,
    permissions: Permissions,
    is_shared: bool,
) -> VirtualMemoryMap<Object> {
    let map = VirtualMemoryMap::provided(pages(first, count), 0x7000, permissions, is_shared);
    map.unwrap().with_payload(Object(3))
}

/// How a fault of a program was resolved.
pub fn fault<B: Paging>(space: &Space<B>, page: usize, access: Access) -> Result<Done, FaultError> {
    match space.handle_fault(at(page), access, Privilege::User)? {
        Answer::Resolved { page: area, done } => {
            assert_eq!(area, pages(page, 1));
            Ok(done)
        }
        other => panic!("{other:?}"),
    }
}

pub fn is_spurious<B: Paging>(space: &Space<B>, page: usize, access: Access) -> bool {
    let answer = space.handle_fault(at(page), access, Privilege::User);
    matches!(answer, Ok(Answer::Spurious { .. }))
}

/// The ticket of a fault that asks for a page.
pub fn ticket<B: Paging>(space: &Space<B>, page: usize, access: Access) -> Ticket {
    match space.handle_fault(at(page), access, Privilege::User) {
        Ok(Answer::NeedsFrame { ticket, .. }) => ticket,
        other => panic!("{other:?}"),
    }
}

pub fn leaf<B: Paging>(space: &Space<B>, page: usize) -> Run {
    match space.backend().entry(at(page)) {
        Entry::Leaf(run) => run,
        other => panic!("{other:?} at page {page}"),
    }
}

/// What the leaf at the page allows.
pub fn allowed<B: Paging>(space: &Space<B>, page: usize) -> Permissions {
    leaf(space, page).attributes.permissions
}

pub fn read<B: Paging>(space: &Space<B>, page: usize) -> u64 {
    let mut bytes = [0; 8];
    space.read(at(page), &mut bytes, Privilege::Kernel).unwrap();
    u64::from_ne_bytes(bytes)
}

pub fn write<B: Paging>(space: &Space<B>, page: usize, word: u64) {
    let bytes = word.to_ne_bytes();
    space.write(at(page), &bytes, Privilege::Kernel).unwrap();
}

/// A frame whose bytes are all this one, but for what the allocator counts.
pub fn frame_of(frames: &HostFrames, byte: u8) -> Frame {
    let mut space = space(frames);
    space.add_memory_map(anonymous(0, 1, RW)).unwrap();
    fault(&space, 0, Access::Write).unwrap();
    let start = VirtAddr::new(0);
    space
        .write(start, &[byte; PAGE], Privilege::Kernel)
        .unwrap();
    space.pin(start, Access::Write, Privilege::Kernel).unwrap()
}

on_each! {
    physical_memory_is_mapped_with_its_neighbours
    the_kernel_executes_no_memory_of_a_program
    a_private_page_is_supplied_copied_and_reused
    a_shared_page_is_written_where_it_is_and_says_when_it_becomes_dirty
    a_ticket_is_good_until_the_layout_changes
    permissions_that_go_and_come_back_keep_the_data
    offsets_follow_a_map_that_is_cut_joined_and_moved
    an_offset_is_no_physical_address
}

#[test]
fn anonymous_memory_is_zeroes_when_it_is_touched() {
    let frames = HostFrames::new(16);
    let mut space = space(&frames);
    space.add_memory_map(anonymous(4, 4, RW)).unwrap();
    assert_eq!(
        (frames.frames_in_use(), space.resident(pages(0, 16)).count()),
        (1, 0)
    );
    for access in [Access::Read, Access::Write] {
        let page = 4 + usize::from(access == Access::Write);
        assert_eq!(fault(&space, page, access), Ok(Done::Zeroed));
        assert_eq!((allowed(&space, page), read(&space, page)), (RW, 0));
        assert!(is_spurious(&space, page, access));
    }
    let resident: Vec<_> = space.resident(pages(0, 16)).collect();
    assert_eq!(resident, [pages(4, 1), pages(5, 1)]);
    assert_eq!(frames.flushes(), 2, "the fences of what was spurious");
    space.check_invariants().unwrap();
    drop(space);
    assert_eq!(frames.frames_in_use(), 0);
}

fn physical_memory_is_mapped_with_its_neighbours<B: Pager>() {
    let frames = HostFrames::new(16);
    let mut space = space_on::<B>(&frames);
    let phys = map(0x20_0000, 0x8020_0000, 64 * PAGE, RW).with_payload(Object(0));
    space.add_memory_map(phys).unwrap();
    assert_eq!(fault(&space, 0x203, Access::Write), Ok(Done::Mapped));
    let resident = |space: &Space<B>| space.resident(pages(0, 1 << 20)).count();
    assert_eq!(
        (resident(&space), leaf(&space, 0x203).first.get()),
        (1, 0x8020_3000)
    );
    space.set_fault_around(8 * PAGE);
    assert_eq!(fault(&space, 0x221, Access::Read), Ok(Done::Mapped));
    assert_eq!(resident(&space), 9);
    space.set_fault_around(1 << 30);
    assert_eq!(fault(&space, 0x230, Access::Read), Ok(Done::Mapped));
    assert_eq!(resident(&space), 64, "as far as the map goes");
    space.set_fault_around(12_345); // no power of two
    space.discard(pages(0x200, 64)).unwrap();
    assert_eq!(fault(&space, 0x210, Access::Read), Ok(Done::Mapped));
    assert_eq!(resident(&space), 1);
    space.check_invariants().unwrap();
}

/// Where marks are software's, a neighbour without one would fault once more.
#[test]
fn neighbours_are_mapped_as_used_where_software_marks() {
    let features = Features::new().with_accessed_dirty(AccessedDirty::Software);
    for (permissions, access) in [(R, Access::Read), (RX - Permissions::READ, Access::Execute)] {
        let table = Sv39::with_features(HostFrames::new(16), features).unwrap();
        let mut space = Space::for_payload(table);
        let phys = map(0x20_0000, 0x8020_0000, 64 * PAGE, permissions).with_payload(Object(0));
        space.add_memory_map(phys).unwrap();
        // The first fault makes the table, and another goes without.
        space.set_fault_around(8 * PAGE);
        for page in [0x203, 0x221] {
            assert_eq!(fault(&space, page, access), Ok(Done::Mapped));
            let mut used = Vec::new();
            space
                .harvest(pages(page & !7, 8), |_, page| used.push(page))
                .unwrap();
            assert_eq!(used.len(), 8, "{permissions}, {page:#x}");
        }
    }
}

#[test]
fn a_superpage_is_mapped_where_the_kernel_says_so() {
    let frames = HostFrames::new(16);
    let mut space = space(&frames);
    let phys = map(0x20_0000, 0x8020_0000, 4 << 20, RW).with_payload(Object(0));
    space.add_memory_map(phys).unwrap();
    space.set_fault_around(2 << 20);
    assert_eq!(fault(&space, 0x203, Access::Write), Ok(Done::Mapped));
    assert_eq!(leaf(&space, 0x203).area.size(), 2 << 20);
}

#[test]
fn what_is_not_allowed_is_refused_with_the_evidence() {
    let frames = HostFrames::new(16);
    let mut space = space(&frames);
    space.add_memory_map(anonymous(4, 4, R)).unwrap();
    space
        .add_memory_map(anonymous(16, 1, Permissions::USER))
        .unwrap();
    space
        .add_memory_map(anonymous(20, 1, RX - Permissions::USER))
        .unwrap();
    let hole = |first, count| {
        Err(FaultError::NotMapped {
            hole: pages(first, count),
        })
    };
    assert_eq!(fault(&space, 2, Access::Read), hole(0, 4));
    assert_eq!(fault(&space, 9, Access::Read), hole(8, 8));
    let upper = VirtAddr::new(usize::MAX);
    let refused = space.handle_fault(upper, Access::Read, Privilege::Kernel);
    let all = MemoryArea::new(VirtAddr::new(0xffff_ffc0_0000_0000), upper).unwrap();
    assert_eq!(refused.unwrap_err(), FaultError::NotMapped { hole: all });
    let denied = |page, access, privilege| {
        let refused = space.handle_fault(at(page), access, privilege);
        let permissions = space.search_memory_map(at(page)).unwrap().permissions();
        let evidence = FaultError::Denied {
            access,
            permissions,
            privilege,
        };
        refused.is_err_and(|error| error == evidence)
    };
    assert!(denied(4, Access::Write, Privilege::User));
    assert!(denied(4, Access::Write, Privilege::Kernel));
    assert!(denied(4, Access::Execute, Privilege::User));
    assert!(denied(16, Access::Read, Privilege::Kernel), "a guard");
    assert!(denied(20, Access::Read, Privilege::User), "a kernel's page");
    assert!(!denied(20, Access::Execute, Privilege::Kernel));
    assert_eq!(space.resident(pages(0, 64)).count(), 1);
}

fn the_kernel_executes_no_memory_of_a_program<B: Pager>() {
    let frames = HostFrames::new(16);
    let mut space = space_on::<B>(&frames);
    space.add_memory_map(anonymous(4, 1, RX)).unwrap();
    let refused = space.handle_fault(at(4), Access::Execute, Privilege::Kernel);
    assert!(matches!(refused, Err(FaultError::Denied { .. })));
    assert_eq!(fault(&space, 4, Access::Execute), Ok(Done::Zeroed));
}

fn a_private_page_is_supplied_copied_and_reused<B: Pager>() {
    let frames = HostFrames::new(16);
    let mut space = space_on::<B>(&frames);
    space.add_memory_map(provided(4, 4, RW, false)).unwrap();
    let cache = frame_of(&frames, 7);
    let share = || frames.share_frame(&cache).unwrap();
    let before = frames.flushes();
    let flushes = || frames.flushes() - before;

    match space.handle_fault(at(5), Access::Read, Privilege::User) {
        Ok(Answer::NeedsFrame {
            ticket,
            map,
            offset,
        }) => {
            assert_eq!(
                (map.backing(), *map.payload(), offset),
                (Backing::Provided, Object(3), 0x8000)
            );
            assert_eq!(
                (ticket.page(), ticket.access()),
                (pages(5, 1), Access::Read)
            );
            assert_eq!(space.supply(ticket, share()), Ok(Done::Mapped));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        (allowed(&space, 5), frames.references(cache.addr())),
        (R, 2)
    );
    assert_eq!(read(&space, 5), u64::from_ne_bytes([7; 8]));

    // The first write copies: the cache has the frame, too.
    assert_eq!(fault(&space, 5, Access::Write), Ok(Done::Copied));
    assert_eq!(
        (allowed(&space, 5), frames.references(cache.addr())),
        (RW, 1)
    );
    write(&space, 5, 99);
    assert_eq!(read(&space, 5), 99);
    assert_eq!(flushes(), 1, "one, for the leaf that was replaced");

    // A write at once is copied before it is there: nothing is flushed.
    let wanted = ticket(&space, 6, Access::Write);
    assert_eq!(space.supply(wanted, share()), Ok(Done::Copied));
    assert_eq!(
        (allowed(&space, 6), frames.references(cache.addr())),
        (RW, 1)
    );
    assert_eq!(
        (read(&space, 6), flushes()),
        (u64::from_ne_bytes([7; 8]), 1)
    );

    // Nobody else has this one: it is reused where it is.
    let wanted = ticket(&space, 7, Access::Read);
    let own = frame_of(&frames, 8);
    let addr = own.addr();
    assert_eq!(space.supply(wanted, own), Ok(Done::Mapped));
    assert_eq!(fault(&space, 7, Access::Write), Ok(Done::Reused));
    assert_eq!((leaf(&space, 7).first, allowed(&space, 7)), (addr, RW));
    space.check_invariants().unwrap();
    drop(space);
    assert_eq!(frames.references(cache.addr()), 1);
    frames.release(cache, false);
    assert_eq!(frames.frames_in_use(), 0);
}

fn a_shared_page_is_written_where_it_is_and_says_when_it_becomes_dirty<B: Pager>() {
    let frames = HostFrames::new(16);
    let mut space = space_on::<B>(&frames);
    space.add_memory_map(provided(4, 4, RW, true)).unwrap();
    let cache = frame_of(&frames, 7);
    let share = || frames.share_frame(&cache).unwrap();
    let wanted = ticket(&space, 4, Access::Read);
    assert_eq!(space.supply(wanted, share()), Ok(Done::Mapped));
    assert_eq!(allowed(&space, 4), R);
    assert_eq!(fault(&space, 4, Access::Write), Ok(Done::Dirtied));
    assert_eq!(
        (allowed(&space, 4), leaf(&space, 4).first),
        (RW, cache.addr())
    );
    let wanted = ticket(&space, 5, Access::Write);
    assert_eq!(space.supply(wanted, share()), Ok(Done::Dirtied));
    write(&space, 5, 42);
    assert_eq!(read(&space, 4), 42, "one frame");
    space.check_invariants().unwrap();
    drop(space);
    frames.release(cache, false);
    assert_eq!(frames.frames_in_use(), 0);
}

fn a_ticket_is_good_until_the_layout_changes<B: Pager>() {
    let frames = HostFrames::new(32);
    let mut space = space_on::<B>(&frames);
    space.add_memory_map(provided(4, 4, RW, true)).unwrap();
    let wanted = ticket(&space, 4, Access::Read);
    space.discard(pages(0, 1)).unwrap();
    let lost = space.supply(wanted, frame_of(&frames, 1)).unwrap_err();
    assert!(lost.is_stale() && lost.found().is_none() && lost.error().is_none());
    let frame = lost.into_frame();
    let wanted = ticket(&space, 4, Access::Read);
    let other = space_on::<B>(&frames);
    let lost = other.supply(wanted, frame).unwrap_err();
    assert!(lost.is_stale(), "another space's");
    let frame = frames.share_frame(&lost.into_frame()).unwrap();
    assert_eq!(space.supply(wanted, frame), Ok(Done::Mapped));
    let late = space.supply(wanted, frame_of(&frames, 2)).unwrap_err();
    assert!(
        matches!(late.found(), Some(Entry::Leaf(_))),
        "somebody was first"
    );
    frames.release(late.into_frame(), false);
}

fn permissions_that_go_and_come_back_keep_the_data<B: Pager>() {
    let frames = HostFrames::new(16);
    let mut space = space_on::<B>(&frames);
    space.add_memory_map(anonymous(4, 2, RW)).unwrap();
    fault(&space, 4, Access::Write).unwrap();
    write(&space, 4, 77);
    space.protect(pages(4, 2), Permissions::USER).unwrap();
    assert!(matches!(space.backend().entry(at(4)), Entry::Hidden(_)));
    assert_eq!(space.resident(pages(4, 2)).count(), 1);
    assert!(space.translate_vaddr(at(4)).is_some());
    space.protect(pages(4, 2), RW).unwrap();
    assert_eq!((allowed(&space, 4), read(&space, 4)), (R, 77));
    assert_eq!(fault(&space, 4, Access::Write), Ok(Done::Reused));
    assert_eq!((allowed(&space, 4), read(&space, 4)), (RW, 77));
    space.check_invariants().unwrap();
}

#[test]
fn discarded_pages_are_zeroes_again_and_are_asked_for_again() {
    let frames = HostFrames::new(16);
    let mut space = space(&frames);
    space.add_memory_map(anonymous(4, 2, RW)).unwrap();
    space.add_memory_map(provided(6, 1, R, false)).unwrap();
    fault(&space, 4, Access::Write).unwrap();
    write(&space, 4, 77);
    let wanted = ticket(&space, 6, Access::Read);
    space.supply(wanted, frame_of(&frames, 3)).unwrap();
    let before = frames.flushes();
    space.discard(pages(2, 10)).unwrap();
    assert_eq!((frames.flushes() - before, frames.frames_in_use()), (1, 1));
    assert_eq!(
        (space.memory_maps().count(), space.translate_vaddr(at(4))),
        (2, None)
    );
    assert_eq!(fault(&space, 4, Access::Read), Ok(Done::Zeroed));
    assert_eq!(read(&space, 4), 0);
    ticket(&space, 6, Access::Read);
}

fn offsets_follow_a_map_that_is_cut_joined_and_moved<B: Pager>() {
    let frames = HostFrames::new(16);
    let mut space = space_on::<B>(&frames);
    space.add_memory_map(provided(4, 4, R, false)).unwrap();
    space.unmap(pages(5, 1)).unwrap();
    space.remap(pages(6, 2), pages(20, 2)).unwrap();
    let offset = |page: usize| {
        space
            .search_memory_map(at(page))
            .unwrap()
            .offset_of(at(page))
    };
    assert_eq!([4, 20, 21].map(offset), [0x7010, 0x9010, 0xa010].map(Some));
    space.remap(pages(20, 2), pages(6, 2)).unwrap();
    let again = VirtualMemoryMap::provided(pages(5, 1), 0x8000, R, false).unwrap();
    space.add_memory_map(again.with_payload(Object(3))).unwrap();
    assert_eq!(space.memory_maps().count(), 1);
    let apart = VirtualMemoryMap::provided(pages(8, 1), 0x8000, R, false).unwrap();
    space.add_memory_map(apart.with_payload(Object(3))).unwrap();
    let other = VirtualMemoryMap::provided(pages(9, 1), 0x9000, R, true).unwrap();
    space.add_memory_map(other.with_payload(Object(3))).unwrap();
    space.add_memory_map(anonymous(10, 1, R)).unwrap();
    space.add_memory_map(anonymous(11, 1, R)).unwrap();
    assert_eq!(space.memory_maps().count(), 4);
    assert_eq!(
        space.to_string().lines().next(),
        Some("00004000-00008000 r--p 00007000 00:00 0")
    );
    space.check_invariants().unwrap();
}

fn an_offset_is_no_physical_address<B: Pager>() {
    let frames = HostFrames::new(16);
    let mut space = space_on::<B>(&frames);
    for offset in [1, 0xfff, 1 << 60, u64::MAX - 0xfff] {
        let map = VirtualMemoryMap::provided(pages(4, 1), offset, R, false).unwrap();
        assert_eq!((map.pmarea(), map.translate(at(4))), (None, None));
        space
            .replace_memory_map(map.with_payload(Object(0)))
            .unwrap();
        assert_eq!(space.translate_vaddr(at(4)), None);
        space.populate(pages(4, 1)).unwrap();
        space.check_invariants().unwrap();
    }
    assert!(VirtualMemoryMap::provided(pages(4, 1), u64::MAX - 0xffe, R, false).is_err());
    let identity = VirtualMemoryMap::identity(pages(4, 2), R).unwrap();
    let same = MemoryArea::from_start_size(PhysAddr::new(4 * PAGE as u64), 2 * PAGE).unwrap();
    assert_eq!(identity.pmarea(), Some(same));
}
