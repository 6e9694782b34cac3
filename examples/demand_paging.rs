//! Pages that appear when they are touched: a heap, and a file that is copied on write.
//!
//! `cargo run --example demand_paging`

use std::error::Error;

use kernel_vm::backend::{mock::HostFrames, sv39::Sv39};
use kernel_vm::{Access, Answer, Frame, FrameAllocator, MemoryArea, Permissions};
use kernel_vm::{Privilege, VirtAddr, VirtualMemoryManager, VirtualMemoryMap};

type Result<T> = std::result::Result<T, Box<dyn Error>>;
type Space = VirtualMemoryManager<Sv39<HostFrames>>;

/// What a kernel's page-fault handler does, with a page cache of one page.
fn fault(space: &Space, cache: &Frame, at: usize, access: Access) -> Result<()> {
    let answer = space.handle_fault(VirtAddr::new(at), access, Privilege::User);
    let done = match answer? {
        Answer::Resolved { done, .. } => done,
        Answer::Spurious { .. } => return Ok(()),
        Answer::NeedsFrame { ticket, offset, .. } => {
            println!("  the page at {offset:#x} of the file is wanted");
            let frames = space.backend().platform();
            let frame = frames
                .share_frame(cache)
                .map_err(|error| error.to_string())?;
            space
                .supply(ticket, frame)
                .map_err(|lost| lost.to_string())?
        }
    };
    println!("{access:?} at {at:#x}: {done:?}");
    Ok(())
}

fn main() -> Result<()> {
    let frames = HostFrames::new(64);
    let cache = frames.alloc().ok_or("out of frames")?;
    let mut space = Space::new(Sv39::new(frames.clone())?);
    let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    let heap = MemoryArea::from_start_size(VirtAddr::new(0x1000_0000), 1 << 30)?;
    let file = MemoryArea::from_start_size(VirtAddr::new(0x8000_0000), 0x4000)?;
    space.add_memory_map(VirtualMemoryMap::anonymous(heap, rw)?)?;
    space.add_memory_map(VirtualMemoryMap::provided(file, 0x2000, rw, false)?)?;
    assert_eq!(
        frames.frames_in_use(),
        2,
        "a gigabyte costs nothing: the root, the cache"
    );

    fault(&space, &cache, 0x1234_5678, Access::Write)?;
    fault(&space, &cache, 0x8000_1000, Access::Read)?;
    assert_eq!(frames.references(cache.addr()), 2, "one frame, two owners");
    fault(&space, &cache, 0x8000_1000, Access::Write)?;
    assert_eq!(
        frames.references(cache.addr()),
        1,
        "the copy is the space's own"
    );
    assert!(
        fault(&space, &cache, 0x9000_0000, Access::Read).is_err(),
        "nothing is there"
    );

    let at = VirtAddr::new(0x1234_5678);
    space.write(at, b"hello", Privilege::User)?;
    let mut bytes = [0; 5];
    space.read(at, &mut bytes, Privilege::User)?;
    assert_eq!((&bytes, space.resident(heap).count()), (b"hello", 1));
    space.discard(heap)?;
    assert_eq!(space.resident(heap).count(), 0);
    drop(space);
    frames.release(cache, false);
    assert_eq!(frames.frames_in_use(), 0);
    Ok(())
}
