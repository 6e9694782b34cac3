//! Shared pages of an object: written back, taken back, and supplied many at once.

use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::radix::{AccessedDirty, Features, Radix};
use kernel_vm::backend::sv39::Sv39Format;
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::{
    Access, Answer, Done, FrameAllocator, Inherit, Permissions, Privilege, SharedPages,
    VirtualMemoryMap,
};

use super::platform::{Forks, Platform, R, RW, Space, at, on_each, space_on, word, write};
use crate::radix::shape::{Shape, told};
use crate::subject::{PAGE, pages};

on_each! {
    clean_and_evict_pass_over_other_memory
    evicted_pages_come_out_after_one_flush_and_are_asked_for_again
    neighbours_come_along_as_far_as_map_and_block_go
    each_space_cleans_its_own_pages_of_a_shared_object
    an_eviction_that_panics_loses_no_private_page
}

type Cache = SharedPages<Platform>;

/// Shows the object's pages from `first` on at pages from 4 on.
fn show<B: Forks>(space: &mut Space<B>, first: usize, count: usize, is_shared: bool) {
    let offset = (first * PAGE) as u64;
    let map = VirtualMemoryMap::provided(pages(4, count), offset, RW, is_shared);
    space.add_memory_map(map.unwrap()).unwrap();
}

fn touch<B: Forks>(space: &Space<B>, cache: &Cache, page: usize, access: Access) -> Done {
    match space
        .handle_fault(at(page), access, Privilege::User)
        .unwrap()
    {
        Answer::NeedsFrame { ticket, offset, .. } => {
            space.supply(ticket, cache.page(offset).unwrap()).unwrap()
        }
        Answer::Resolved { done, .. } => done,
        Answer::Spurious { .. } => panic!("{page}"),
    }
}

fn cleaned<B: Forks>(space: &mut Space<B>, first: usize, count: usize) -> Vec<u64> {
    let mut offsets = Vec::new();
    let cleaned = space.clean(pages(first, count), |page| {
        assert_eq!(page.map.offset_of(page.page.start()), Some(page.offset));
        offsets.push(page.offset / PAGE as u64);
    });
    cleaned.unwrap();
    space.check_invariants().unwrap();
    offsets
}

#[test]
fn clean_names_what_was_written_and_the_next_write_faults() {
    cleans::<Sv39Format>();
    cleans::<X86_64Format<4>>();
    cleans::<Aarch64Format<4>>();
}

fn cleans<F: Shape>() {
    for &policy in F::POLICIES {
        let platform = Platform::new();
        let cache = Cache::new(platform.clone());
        let features = Features::new().with_accessed_dirty(policy);
        let table = Radix::<F, _>::with_features(platform.clone(), features).unwrap();
        let mut space = Space::new(table);
        show(&mut space, 10, 4, true);
        touch(&space, &cache, 4, Access::Read);
        touch(&space, &cache, 5, Access::Write);
        write(&space, 5, 7);
        touch(&space, &cache, 7, Access::Write);
        write(&space, 7, 8);
        let flushes = platform.flushes.get();
        assert_eq!(cleaned(&mut space, 4, 2), [11], "{policy:?}");
        assert_eq!(platform.flushes.get(), flushes + 1);
        assert_eq!(cleaned(&mut space, 0, 64), [13], "{policy:?}");
        assert_eq!(cleaned(&mut space, 0, 64), [0; 0]);
        assert_eq!(platform.flushes.get(), flushes + 2);
        assert_eq!(write(&space, 5, 9), Some(Done::Dirtied));
        assert_eq!(cleaned(&mut space, 0, 64), [11], "{policy:?}");
        // Hidden pages are resident, too.
        assert_eq!(write(&space, 7, 9), Some(Done::Dirtied));
        space.protect(pages(4, 4), Permissions::empty()).unwrap();
        assert_eq!(cleaned(&mut space, 0, 64), [13], "{policy:?}");
    }
}

/// The page of a private map is nobody else's, and physical memory has no object.
fn clean_and_evict_pass_over_other_memory<B: Forks>() {
    let platform = Platform::new();
    let cache = Cache::new(platform.clone());
    let mut space = space_on::<B>(&platform);
    show(&mut space, 0, 2, false);
    touch(&space, &cache, 4, Access::Write);
    let device = VirtualMemoryMap::identity(pages(8, 2), RW).unwrap();
    space.map(device).unwrap();
    let map = VirtualMemoryMap::anonymous(pages(12, 1), RW).unwrap();
    space.add_memory_map(map).unwrap();
    write(&space, 12, 7);
    let flushes = platform.flushes.get();
    assert_eq!(cleaned(&mut space, 0, 64), [0; 0]);
    space.evict(pages(0, 64), |_| panic!()).unwrap();
    assert_eq!(platform.flushes.get(), flushes);
    assert_eq!(write(&space, 4, 7), None);
    assert_eq!(write(&space, 12, 8), None);
}

fn evicted_pages_come_out_after_one_flush_and_are_asked_for_again<B: Forks>() {
    let platform = Platform::new();
    let cache = Cache::new(platform.clone());
    let mut space = space_on::<B>(&platform);
    // Two tables of pages, one of which goes as a whole.
    show(&mut space, 0, 1020, true);
    for page in [4, 6, 511, 512, 1000] {
        let access = if page % 2 == 0 {
            Access::Write
        } else {
            Access::Read
        };
        touch(&space, &cache, page, access);
    }
    write(&space, 6, 7);
    let stale = match space.handle_fault(at(7), Access::Read, Privilege::User) {
        Ok(Answer::NeedsFrame { ticket, .. }) => ticket,
        answer => panic!("{answer:?}"),
    };
    let flushes = platform.flushes.get();
    let mut out = Vec::new();
    let evicted = space.evict(pages(6, 1018), |page| {
        assert_eq!(platform.flushes.get(), flushes + 1);
        assert_eq!(page.map.vmarea(), pages(4, 1020));
        assert_eq!(
            page.page.start(),
            at(4 + usize::try_from(page.offset).unwrap() / PAGE)
        );
        out.push((page.offset / PAGE as u64, page.dirty, page.frame));
    });
    evicted.unwrap();
    space.check_invariants().unwrap();
    assert_eq!(platform.flushes.get(), flushes + 1);
    let seen: Vec<_> = out.iter().map(|&(page, dirty, _)| (page, dirty)).collect();
    let expected = [(2, true), (507, false), (508, true), (996, true)];
    assert_eq!(seen, expected);
    for (.., frame) in out {
        assert_eq!(platform.references(frame.addr()), 2, "the cache's, too");
        platform.release(frame, false);
    }
    assert!(space.resident(pages(0, 2048)).eq([pages(4, 1)]));
    let unwanted = cache.page(0).unwrap();
    let refused = space.supply(stale, unwanted).unwrap_err();
    assert!(refused.is_stale());
    platform.release(refused.into_frame(), false);
    touch(&space, &cache, 6, Access::Read);
    assert_eq!(word(&space, 6), 7);
    drop((space, cache));
    assert_eq!(platform.frames.frames_in_use(), 0);
}

fn neighbours_come_along_as_far_as_map_and_block_go<B: Forks>() {
    let platform = Platform::new();
    let cache = Cache::new(platform.clone());
    let mut space = space_on::<B>(&platform);
    space.set_fault_around(8 * PAGE);
    show(&mut space, 0, 10, true);
    touch(&space, &cache, 6, Access::Read);
    let ticket = match space.handle_fault(at(5), Access::Write, Privilege::User) {
        Ok(Answer::NeedsFrame { ticket, .. }) => ticket,
        answer => panic!("{answer:?}"),
    };
    let mut asked = Vec::new();
    let frame = cache.page(PAGE as u64).unwrap();
    let done = space.supply_around(ticket, frame, |offset| {
        asked.push(offset / PAGE as u64);
        // The cache has not read this page yet.
        (offset != 3 * PAGE as u64).then(|| cache.page(offset).unwrap())
    });
    assert_eq!(done, Ok(Done::Dirtied));
    assert_eq!(
        asked,
        [0, 3],
        "pages 4 and 7: page 6 was there, page 8 is in another block"
    );
    space.check_invariants().unwrap();
    assert!(
        space
            .resident(pages(0, 64))
            .eq([4, 5, 6].map(|page| pages(page, 1)))
    );
    assert_eq!(write(&space, 5, 7), None);
    assert_eq!(
        write(&space, 4, 7),
        Some(Done::Dirtied),
        "mapped as for a read"
    );
    assert_eq!(cleaned(&mut space, 0, 64), [0, 1]);
    // A refused ticket asks no neighbour.
    space.discard(pages(4, 10)).unwrap();
    let frame = cache.page(PAGE as u64).unwrap();
    let refused = space
        .supply_around(ticket, frame, |_| panic!())
        .unwrap_err();
    platform.release(refused.into_frame(), false);
    drop((space, cache));
    assert_eq!(platform.frames.frames_in_use(), 0);
}

/// The child's write is the child's to report.
fn each_space_cleans_its_own_pages_of_a_shared_object<B: Forks>() {
    let platform = Platform::new();
    let cache = Cache::new(platform.clone());
    let mut parent = space_on::<B>(&platform);
    show(&mut parent, 0, 2, true);
    touch(&parent, &cache, 4, Access::Write);
    let mut child = space_on::<B>(&platform);
    parent.fork_into(&mut child, Inherit::posix).unwrap();
    touch(&child, &cache, 4, Access::Read);
    touch(&child, &cache, 5, Access::Write);
    assert_eq!(cleaned(&mut child, 0, 64), [1]);
    assert_eq!(cleaned(&mut parent, 0, 64), [0]);
    child.restrict(pages(4, 2), R).unwrap();
    assert_eq!(write(&parent, 4, 9), Some(Done::Dirtied));
    assert_eq!(word(&child, 4), 9);
}

#[test]
fn a_harvest_names_what_was_used_since_the_last_and_forgets_no_write() {
    harvests::<Sv39Format>();
    harvests::<X86_64Format<4>>();
    harvests::<Aarch64Format<4>>();
}

/// The hand of a clock: what was not used since it came by last is not named, and what was written stays known.
fn harvests<F: Shape>() {
    for policy in told::<F>() {
        let platform = Platform::new();
        let cache = Cache::new(platform.clone());
        let features = Features::new().with_accessed_dirty(policy);
        let table = Radix::<F, _>::with_features(platform.clone(), features).unwrap();
        let mut space = Space::new(table);
        show(&mut space, 0, 4, true);
        for page in [4, 5, 7] {
            touch(&space, &cache, page, Access::Write);
        }
        let harvest = |space: &mut Space<Radix<F, Platform>>| {
            let mut used = Vec::new();
            let harvested = space.harvest(pages(0, 64), |map, area| {
                assert_eq!(map.vmarea(), pages(4, 4));
                used.push(area.start().get() / PAGE);
            });
            harvested.unwrap();
            used
        };
        let flushes = platform.flushes.get();
        assert_eq!(harvest(&mut space), [4, 5, 7], "{policy:?}");
        assert_eq!(harvest(&mut space), [0; 0], "{policy:?}");
        assert_eq!(platform.flushes.get(), flushes + 1);
        word(&space, 5);
        assert_eq!(harvest(&mut space), [5], "{policy:?}");
        // An MMU that leaves the bit to software faults until it is set.
        if policy == AccessedDirty::Software {
            let answer = space.handle_fault(at(7), Access::Read, Privilege::User);
            assert!(matches!(answer, Ok(Answer::Spurious { .. })), "{answer:?}");
            assert_eq!(harvest(&mut space), [7]);
        }
        assert_eq!(cleaned(&mut space, 0, 64), [0, 1, 3], "{policy:?}");
    }
}

/// Where no CPU tells of use, all counts as used.
#[test]
fn a_harvest_of_preset_bits_names_all_and_flushes_nothing() {
    let platform = Platform::new();
    let cache = Cache::new(platform.clone());
    let mut space: Space = space_on(&platform);
    show(&mut space, 0, 2, true);
    touch(&space, &cache, 4, Access::Read);
    let flushes = platform.flushes.get();
    for _ in 0..2 {
        let mut used = 0;
        space.harvest(pages(0, 64), |_, _| used += 1).unwrap();
        assert_eq!(used, 1);
    }
    assert_eq!(platform.flushes.get(), flushes);
}

/// A sink that panics costs its own frames at most: memory that nobody asked for keeps its bytes.
fn an_eviction_that_panics_loses_no_private_page<B: Forks>() {
    let platform = Platform::new();
    let cache = Cache::new(platform.clone());
    let mut space = space_on::<B>(&platform);
    show(&mut space, 0, 2, true);
    let map = VirtualMemoryMap::anonymous(pages(6, 1), RW).unwrap();
    space.add_memory_map(map).unwrap();
    write(&space, 6, 7);
    for page in [4, 5] {
        touch(&space, &cache, page, Access::Read);
    }
    let evicted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        space.evict(pages(0, 64), |page| {
            platform.release(page.frame, false);
            panic!("the kernel's");
        })
    }));
    assert!(evicted.is_err());
    space.evict(pages(0, 2), |_| panic!()).unwrap();
    space.check_invariants().unwrap();
    assert_eq!(word(&space, 6), 7);
    assert!(space.resident(pages(0, 64)).eq([pages(6, 1)]));
    drop((space, cache));
    assert_eq!(platform.frames.frames_in_use(), 0);
}
