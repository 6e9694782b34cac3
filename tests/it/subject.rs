//! The backends under test, with what a test wants to know and to break.

use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::radix::{Features, Format, Radix};
use kernel_vm::backend::{Entry, PageTableBackend, Run};
use kernel_vm::{
    Access, Attributes, MemoryArea, Payload, Permissions, PhysAddr, VirtAddr, VirtualMemoryManager,
    VirtualMemoryMap,
};

pub const PAGE: usize = 4096;

/// A backend that tests can make, look into and make fail.
pub trait Subject: PageTableBackend + Sized {
    /// How many flushes a verb may cost beside its one, where leaves are broken before they are split.
    const BREAKS: usize = 0;
    /// The last address that can be mapped.
    const LAST: usize = usize::MAX;

    /// An empty one.
    fn fresh() -> Self;
    /// The permissions, with READ where its entries can say no less.
    fn sayable(permissions: Permissions) -> Permissions {
        permissions
    }
    /// What `cpu` sees at `addr`: through its TLB, where there is one.
    fn look(&self, cpu: usize, addr: VirtAddr, access: Access) -> Option<PhysAddr>;
    /// Where `cpu` may get to at `addr` while a flush is due: by what it has cached, or by what is there.
    fn looks(&self, cpu: usize, addr: VirtAddr, access: Access) -> Vec<PhysAddr> {
        self.look(cpu, addr, access).into_iter().collect()
    }
    /// The `n`-th allocation or reservation from now on fails; 0 means none.
    fn fail(&self, n: usize);
    /// Frames in use, or reservations that were not given back.
    fn in_use(&self) -> usize;
    /// Flushes so far.
    fn flushes(&self) -> usize;
}

impl Subject for MockBackend {
    fn fresh() -> Self {
        Self::new()
    }

    fn look(&self, cpu: usize, addr: VirtAddr, access: Access) -> Option<PhysAddr> {
        self.access(cpu, addr, access).ok()
    }

    fn fail(&self, n: usize) {
        self.fail_reservation(if n == 0 { usize::MAX } else { n });
    }

    fn in_use(&self) -> usize {
        self.reservations()
    }

    fn flushes(&self) -> usize {
        Self::flushes(self)
    }
}

impl<F: Format> Subject for Radix<F, HostFrames> {
    /// A leaf at each border of two areas; and what waits where a move goes to.
    const BREAKS: usize = if F::BREAK_BEFORE_MAKE { 5 } else { 0 };
    const LAST: usize = {
        let [lower, upper] = F::RANGES;
        let half = if F::ONE_ROOT { upper } else { lower };
        half.end().get()
    };

    fn fresh() -> Self {
        Self::new(HostFrames::new(512)).unwrap()
    }

    fn sayable(permissions: Permissions) -> Permissions {
        let attributes = Attributes::from(permissions);
        match F::supports(attributes, Features::new()) {
            Ok(()) => permissions,
            Err(_) => permissions | Permissions::READ,
        }
    }

    fn look(&self, _cpu: usize, addr: VirtAddr, access: Access) -> Option<PhysAddr> {
        match self.entry(addr) {
            Entry::Leaf(run) if run.attributes.permissions.allow(access) => run.translate(addr),
            _ => None,
        }
    }

    fn fail(&self, n: usize) {
        self.platform()
            .fail_alloc(if n == 0 { usize::MAX } else { n });
    }

    fn in_use(&self) -> usize {
        self.platform().frames_in_use()
    }

    fn flushes(&self) -> usize {
        self.platform().flushes()
    }
}

/// An empty space.
pub fn space<B: Subject>() -> VirtualMemoryManager<B> {
    VirtualMemoryManager::new(B::fresh())
}

/// Steps from an empty space to one with maps, each of which must be done.
pub trait Builder<P: Payload = ()>: Sized {
    /// The space with this map added.
    fn with(self, map: VirtualMemoryMap<P>) -> Self;

    /// The space with what is mapped in `area` populated.
    fn populated(self, area: MemoryArea) -> Self;

    /// The space with these maps added, in this order.
    fn with_all(self, maps: impl IntoIterator<Item = VirtualMemoryMap<P>>) -> Self {
        maps.into_iter().fold(self, Self::with)
    }
}

impl<B: PageTableBackend, P: Payload> Builder<P> for VirtualMemoryManager<B, P> {
    #[track_caller]
    fn with(mut self, map: VirtualMemoryMap<P>) -> Self {
        self.add_memory_map(map).unwrap();
        self
    }

    #[track_caller]
    fn populated(self, area: MemoryArea) -> Self {
        self.populate(area).unwrap();
        self
    }
}

pub fn area(start: usize, size: usize) -> MemoryArea {
    MemoryArea::from_start_size(VirtAddr::new(start), size).unwrap()
}

pub fn pages(first: usize, count: usize) -> MemoryArea {
    area(first * PAGE, count * PAGE)
}

pub fn map(start: usize, first: u64, size: usize, permissions: Permissions) -> VirtualMemoryMap {
    let pmarea = MemoryArea::from_start_size(PhysAddr::new(first), size).unwrap();
    VirtualMemoryMap::new(area(start, size), pmarea, permissions, false).unwrap()
}

/// The leaves of a page table, all of it.
pub fn leaves<B: PageTableBackend>(backend: &B) -> Vec<Run> {
    backend
        .ranges()
        .iter()
        .flat_map(|&range| backend.populated(range))
        .collect()
}
