//! A space that does what Linux has done, and says so page by page.

use kernel_vm::backend::{Entry, PageTableBackend};
use kernel_vm::{
    MapError, MemoryArea, Permissions, PhysAddr, VirtAddr, VirtualMemoryManager, VirtualMemoryMap,
};

use super::ops::{BASE, Op, PAGE, PAGES, Span, View, Views};

/// A space that follows Linux, in made-up physical memory that it takes a run at a time.
pub struct Follower<B: PageTableBackend> {
    space: VirtualMemoryManager<B>,
    free: u64,
}

impl<B: PageTableBackend> Follower<B> {
    pub fn new(backend: B) -> Self {
        Self {
            space: VirtualMemoryManager::new(backend),
            free: 1 << 40,
        }
    }

    /// A map of physical memory of its own; the page between it and the last keeps them apart.
    pub fn map(&mut self, span: Span, (permissions, is_shared): View) -> VirtualMemoryMap {
        let pmarea = MemoryArea::from_start_size(PhysAddr::new(self.free), span.bytes()).unwrap();
        self.free += (span.bytes() + PAGE) as u64;
        let permissions = widened(permissions) | Permissions::USER;
        VirtualMemoryMap::new(span.area(), pmarea, permissions, is_shared).unwrap()
    }

    pub fn view(&self, page: usize) -> Option<View> {
        let addr = VirtAddr::new(BASE + page * PAGE);
        let map = self.space.search_memory_map(addr)?;
        Some((map.permissions() - Permissions::USER, map.is_shared()))
    }

    pub fn apply(&mut self, op: Op) -> Result<(), MapError> {
        match op {
            Op::Map(span, view) => {
                let map = self.map(span, view);
                Ok(self.space.replace_memory_map(map)?)
            }
            Op::Unmap(span) => self.space.unmap(span.area()),
            Op::Protect(span, permissions) => {
                let permissions = widened(permissions) | Permissions::USER;
                self.space.protect(span.area(), permissions)
            }
            Op::Move { old, new } => self.relocate(old, new),
            Op::Resize { old, count } => self.resize(old, count),
        }
    }

    /// What a map cannot do, to grow, is done with a second one.
    pub fn relocate(&mut self, old: Span, new: Span) -> Result<(), MapError> {
        let view = self.view(old.first).unwrap();
        let count = new.count.min(old.count);
        self.space.remap(old.area(), Span { count, ..new }.area())?;
        if new.count > count {
            let (first, count) = (new.first + count, new.count - count);
            let tail = self.map(Span { first, count }, view);
            self.space.replace_memory_map(tail)?;
        }
        Ok(())
    }

    pub fn resize(&mut self, old: Span, count: usize) -> Result<(), MapError> {
        if count <= old.count {
            return self.space.remap(old.area(), Span { count, ..old }.area());
        }
        let view = self.view(old.first).unwrap();
        let (first, count) = (old.end(), count - old.count);
        let tail = self.map(Span { first, count }, view);
        Ok(self.space.add_memory_map(tail)?)
    }

    pub fn views(&self) -> Views {
        std::array::from_fn(|page| self.view(page))
    }

    /// Populates the window, and reads from the page table what user mode may do with each page.
    pub fn table(&self) -> [Permissions; PAGES] {
        self.space.populate(Span::WINDOW.area()).unwrap();
        self.space.check_invariants().unwrap();
        std::array::from_fn(|page| {
            let addr = VirtAddr::new(BASE + page * PAGE);
            match self.space.backend().entry(addr) {
                Entry::Leaf(run) => {
                    assert_eq!(run.translate(addr), self.space.translate_vaddr(addr));
                    run.attributes.permissions
                }
                Entry::Hidden(_) | Entry::Empty | Entry::Busy => Permissions::empty(),
            }
        })
    }

    /// Follows Linux, which did `op` or found no room, and then has `linux`.
    pub fn follow(&mut self, op: Op, linux_did: bool, linux: &Views) {
        match self.apply(op) {
            Ok(()) => assert!(linux_did),
            Err(error) => assert!(
                !linux_did && matches!(error, MapError::Overlap { .. }),
                "{error}"
            ),
        }
        assert_eq!(&self.views(), linux);
    }

    /// Looks at what the verbs since the last look have made of the page table.
    pub fn look(&self, linux: &Views) {
        let user = |(permissions, _): View| permissions | Permissions::USER;
        let allowed = |view: &Option<View>| view.map(user).filter(|user| user.allow_any());
        let expected = linux
            .each_ref()
            .map(|view| allowed(view).unwrap_or_default());
        assert_eq!(self.table(), expected);
    }

    /// Linux protects what comes before a hole and then fails; a verb of ours changes nothing and names the hole.
    pub fn refuse(&mut self, op: Op, span: Span, linux: &Views) {
        let is_hole = |page: &usize| linux[*page].is_none();
        let first = (span.first..span.end()).find(is_hole).unwrap();
        let count = (first..span.end()).take_while(is_hole).count();
        let hole = Span { first, count }.area();
        assert_eq!(self.apply(op), Err(MapError::NotMapped { hole }));
        assert_eq!(&self.views(), linux);
    }
}

/// RISC-V cannot say `-w-`, and Linux there maps `rw-` instead.
pub fn widened(permissions: Permissions) -> Permissions {
    if permissions.contains(Permissions::WRITE) {
        permissions | Permissions::READ
    } else {
        permissions
    }
}

/// Regions page by page, as RISC-V can say it.
pub fn views(regions: &[(Span, View)]) -> Views {
    let mut views = [None; PAGES];
    for &(span, (permissions, is_shared)) in regions {
        views[span.first..span.end()].fill(Some((widened(permissions), is_shared)));
    }
    views
}
