//! Which CPU a lookup runs on, as the platform says.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::{PageTableBackend, Paging};
use kernel_vm::{
    Counted, Flush, MemoryArea, Permissions, PhysAddr, Tlb, VirtAddr, VirtualMemoryManager,
    VirtualMemoryMap,
};

/// CPUs with far higher numbers than a space has hints. Counts how often it is asked.
#[derive(Default)]
struct Numbered {
    asked: AtomicUsize,
}

impl Tlb for Numbered {
    fn flush(&self, _flush: &Flush<'_>) {}

    fn cpu(&self) -> usize {
        usize::MAX - self.asked.fetch_add(1, Relaxed)
    }
}

type Platform = (HostFrames, Numbered);

fn space<B>(backend: B, maps: usize) -> VirtualMemoryManager<B>
where
    B: PageTableBackend,
{
    let mut space = VirtualMemoryManager::new(backend);
    for number in 1..=maps {
        let area = MemoryArea::from_start_size(VirtAddr::new(number << 13), 0x1000).unwrap();
        let memory = MemoryArea::from_start_size(PhysAddr::new(0x8000_0000), 0x1000).unwrap();
        let map = VirtualMemoryMap::new(area, memory, Permissions::READ, false).unwrap();
        space.add_memory_map(map).unwrap();
    }
    space
}

/// How often the platform is asked by a lookup of every map, by each of two lookups.
fn asked<B>(space: &VirtualMemoryManager<B>, maps: usize) -> usize
where
    B: Paging<Platform = Platform>,
{
    let count = || space.backend().platform().1.asked.load(Relaxed);
    let before = count();
    for number in 1..=maps {
        let addr = VirtAddr::new((number << 13) + 7);
        assert!(space.search_memory_map(addr).is_some());
        let leads = space.translate_vaddr(addr);
        assert_eq!(leads, Some(PhysAddr::new(0x8000_0007)));
        assert!(
            space
                .search_memory_map(VirtAddr::new((number << 13) + 0x1007))
                .is_none()
        );
    }
    count() - before
}

#[test]
fn lookups_ask_the_platform_which_cpu_they_run_on() {
    let platform = || (HostFrames::new(8), Numbered::default());
    for maps in [200, 1000] {
        let radix = space(Sv39::new(platform()).unwrap(), maps);
        assert_eq!(asked(&radix, maps), 3 * maps);
        let mock = space(MockBackend::with_platform(platform()), maps);
        assert_eq!(asked(&mock, maps), 3 * maps);
    }
}

/// A platform by reference, one that counts frames for another, and a pair say what is said below them.
#[test]
fn platforms_around_a_platform_pass_its_number_on() {
    let pair = (HostFrames::new(1), Numbered::default());
    assert_eq!(Tlb::cpu(&pair), usize::MAX);
    assert_eq!(Tlb::cpu(&&pair), usize::MAX - 1);
    let counted = Counted::new(pair, PhysAddr::new(0), &mut []);
    assert_eq!(counted.cpu(), usize::MAX - 2);
    let table = Sv39::new((HostFrames::new(1), Numbered::default())).unwrap();
    assert_eq!(table.cpu(), usize::MAX);
}

/// They fit one node, and no lookup remembers anything of it.
#[test]
fn lookups_among_few_maps_ask_nobody() {
    let few = space(
        Sv39::new((HostFrames::new(8), Numbered::default())).unwrap(),
        8,
    );
    assert_eq!(asked(&few, 8), 0);
}
