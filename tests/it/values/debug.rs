//! What values say of themselves in a panic's message: their type, and what tells two of them apart.

use std::sync::atomic::AtomicU64;

use kernel_vm::backend::mock::machine::Machine;
use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::lock::PerCpuRwLock;
use kernel_vm::testing::{Broken, Faulty};
use kernel_vm::{
    Asid, AsidAllocator, Counted, MemoryArea, Node, Permissions, PhysAddr, Privilege, SharedPages,
    VirtAddr, VirtualMemoryManager, VirtualMemoryMap,
};

use crate::subject::{area, map};

const R: Permissions = Permissions::READ;

#[test]
fn platforms_tell_what_is_in_use() {
    let frames = HostFrames::new(2);
    let text = "HostFrames { frames_in_use: 0, flushes: 0, .. }";
    assert_eq!(format!("{frames:?}"), text);
    let faulty = Faulty::new(frames.clone());
    assert_eq!(
        format!("{faulty:?}"),
        format!("Faulty {{ inner: {text}, frames_in_use: 0, .. }}")
    );
    let counts = Box::leak(Box::new([AtomicU64::new(0)]));
    let counted = Counted::new(frames.clone(), PhysAddr::new(0x1000), counts);
    assert_eq!(
        format!("{counted:?}"),
        format!("Counted {{ inner: {text}, base: PhysAddr(0x1000), frames: 1 }}")
    );
    let pages = SharedPages::new(frames);
    assert_eq!(format!("{pages:?}"), "SharedPages { pages: 0, .. }");
}

#[test]
fn machines_and_allocators_tell_which_they_are() {
    #[expect(unsafe_code, reason = "a machine writes any of its frames")]
    // SAFETY: nobody reaches the bytes of this frame.
    let machine = unsafe { Machine::new(HostFrames::new(1), 42) };
    let text = format!("{machine:?}");
    assert!(
        text.starts_with("Machine { seed: 42, architecture: RiscV"),
        "{text}"
    );
    assert_eq!(format!("{:?}", machine.cpu(3)), "Cpu { number: 3, .. }");

    let asids = AsidAllocator::<2>::new(4);
    let text = format!("{asids:?}");
    assert_eq!(text, "AsidAllocator { highest: 15, rollovers: 0, .. }");
    let cpu = asids.cpu(1).unwrap();
    assert_eq!(format!("{cpu:?}"), "AsidCpu { number: 1, .. }");
}

#[test]
fn a_lock_shows_its_value_unless_a_writer_has_it() {
    let lock = PerCpuRwLock::<_, 2>::new(7);
    assert_eq!(format!("{lock:?}"), "PerCpuRwLock { cpus: 2, value: 7 }");
    assert_eq!(format!("{:?}", lock.read(0)), "7");
    let guard = lock.write();
    assert_eq!(
        format!("{lock:?}, {guard:?}"),
        "PerCpuRwLock { cpus: 2, .. }, 7"
    );
}

#[test]
fn spaces_and_maps_tell_where_they_are() {
    let mut space = VirtualMemoryManager::new(Sv39::new(HostFrames::new(8)).unwrap());
    space.set_asid(Asid::new(5));
    let root = space.root_page_table();
    assert_eq!(
        format!("{space:?}"),
        format!("VirtualMemoryManager {{ root: {root:?}, asid: Asid(5), .. }}")
    );
    let shown = "MapRef { vmarea: MemoryArea(0x1000..=0x1fff), backing: Physical, first: 0x2000, \
                 attributes: Attributes { permissions: Permissions(READ), memory_type: Normal }, \
                 is_shared: false, .. }";
    let one = map(0x1000, 0x2000, 0x1000, R);
    assert_eq!(format!("{one:?}"), format!("VirtualMemoryMap({shown})"));
    space.add_memory_map(one).unwrap();
    let found = space.search_memory_map(VirtAddr::new(0x1000)).unwrap();
    assert_eq!(format!("{found:?}"), shown);
    let refused = space.add_memory_map(one).unwrap_err();
    let error = refused.error();
    assert_eq!(
        format!("{refused:?}"),
        format!("Refused {{ error: {error:?}, map: {one:?} }}")
    );
    let unrestored = space.restore_memory_maps([one]).unwrap_err();
    assert_eq!(
        format!("{unrestored:?}"),
        format!("Unrestored {{ error: {error:?}, .. }}")
    );
    drop(unrestored);
    assert_eq!(
        format!("{:?}", space.remove_all_memory_maps()),
        format!("[{shown}]")
    );
    assert_eq!(format!("{:?}", Node::<()>::new()), "Node { maps: 0, .. }");
}

#[test]
fn a_part_of_user_memory_tells_where_it_is() {
    let mut space = VirtualMemoryManager::<_>::new(Sv39::new(HostFrames::new(8)).unwrap());
    let rw = R | Permissions::WRITE | Permissions::USER;
    let page = area(0x1000, 0x1000);
    space
        .add_memory_map(VirtualMemoryMap::anonymous(page, rw).unwrap())
        .unwrap();
    space.prefault(page).unwrap();
    let half = MemoryArea::from_start_size(page.start(), 0x800).unwrap();
    let read = space.chunks(half, Privilege::User).next();
    let chunk = "Chunk(MemoryArea(0x1000..=0x17ff))";
    assert_eq!(format!("{:?}", read.unwrap().unwrap()), chunk);
    let written = space.chunks_mut(half, Privilege::User).next();
    assert_eq!(
        format!("{:?}", written.unwrap().unwrap()),
        format!("ChunkMut({chunk})")
    );
}

#[test]
fn a_mock_shows_its_entries_and_a_broken_law_prints_its_report() {
    let mock = MockBackend::new();
    assert!(format!("{mock:?}").starts_with("MockBackend { root: PhysAddr("));
    let broken = Broken::new("a law", "evidence");
    assert_eq!(format!("{broken:?}"), broken.to_string());
}
