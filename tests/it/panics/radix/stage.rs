//! A page table with all sorts of pages, on a platform of which a call can panic.

use std::collections::BTreeSet;
use std::mem::take;

use kernel_vm::backend::Paging;
use kernel_vm::backend::radix::{AccessedDirty, Features, Radix, Reserved};
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{
    Asid, Attributes, Frame, FrameAllocator, MemoryArea, MemoryType, Permissions, PhysAddr,
    Retired, VirtAddr,
};

use crate::panics::platform::Panicky;
use crate::radix::shape::Shape;
use crate::subject::{PAGE, area};

pub const MIB: usize = 1 << 20;
pub const GIB: usize = 1 << 30;
/// Where nothing is mapped, until a test tries whether the page table still works.
pub const ELSEWHERE: usize = 40 * GIB;
pub const ASID: Asid = Asid::new(7);

pub const NONE: Permissions = Permissions::empty();
pub const READ: Permissions = Permissions::READ;
pub const RW: Permissions = READ.union(Permissions::WRITE);
pub const RX: Permissions = READ.union(Permissions::EXECUTE);

pub const fn allowing(permissions: Permissions) -> Attributes {
    Attributes::new(permissions, MemoryType::Normal)
}

pub fn run(start: usize, first: usize, size: usize, permissions: Permissions) -> Run {
    Run {
        area: area(start, size),
        first: PhysAddr::new(first as u64),
        attributes: allowing(permissions),
    }
}

/// A page table, and what a verb is given.
pub struct Stage<F: Shape> {
    pub table: Radix<F, Panicky>,
    pub platform: Panicky,
    pub with: Reserved,
    pub out: Retired,
    pub frame: Option<Frame>,
}

impl<F: Shape> Stage<F> {
    /// A gigapage, a megapage, physical pages, hidden ones, and pages that the table owns: in a table of their own, and
    /// beside others.
    pub fn new(accessed_dirty: AccessedDirty) -> Self {
        let platform = Panicky::new(128);
        let features = Features::new()
            .with_accessed_dirty(accessed_dirty)
            .with_gib_leaves(true);
        let mut stage = Self {
            table: Radix::with_features(platform.clone(), features).unwrap(),
            platform,
            with: Reserved::default(),
            out: Retired::new(),
            frame: None,
        };
        for run in [
            run(GIB, GIB, GIB, RW),
            run(2 * MIB, 2 * MIB, 2 * MIB, RW),
            run(PAGE, PAGE, 4 * PAGE, RW),
            run(7 * PAGE, 7 * PAGE, PAGE, NONE),
        ] {
            stage.table.edit(Edit::Map(run), ASID).unwrap();
        }
        for page in [8, 9, 10, 1024, 1025] {
            stage.install(page * PAGE, RW);
        }
        stage.install(1026 * PAGE, NONE);
        stage
    }

    pub fn install(&mut self, page: usize, permissions: Permissions) {
        let frame = self.platform.alloc().unwrap();
        let wanted = run(page, 0, PAGE, permissions);
        let mut with = self.table.reserve([Edit::Map(wanted)].into_iter()).unwrap();
        let page = VirtAddr::new(page);
        self.table
            .install(page, frame, allowing(permissions), &mut with)
            .unwrap();
        self.table.unreserve(with);
    }

    pub fn reserve(&mut self, edits: &[Edit]) {
        self.with = self.table.reserve(edits.iter().copied()).unwrap();
    }

    pub fn unmap(&mut self, area: MemoryArea) {
        self.table.unmap(area, &mut self.with, &mut self.out);
    }

    pub fn leaf(&self, page: usize) -> Run {
        match self.table.entry(VirtAddr::new(page)) {
            Entry::Leaf(run) | Entry::Hidden(run) => run,
            found => panic!("{found:?}"),
        }
    }

    pub fn retire(&mut self) {
        self.table.retire(take(&mut self.out), ASID);
    }

    /// All frames that words lead to from the root: those of tables, and those that leaves own.
    ///
    /// # Panics
    /// When two words lead to one, or one is not in use.
    pub fn owned(&self) -> BTreeSet<PhysAddr> {
        let mut owned = BTreeSet::new();
        let mut tables = vec![(self.table.root(), F::DEPTH - 1)];
        let mut own = |at| assert!(owned.insert(at), "two words own the frame at {at}");
        own(self.table.root());
        while let Some((at, level)) = tables.pop() {
            for word in self.platform.words(at) {
                let waits = F::waits(word).then(|| F::leads(word));
                if let Some(table) = F::pointed(word, level).or(waits) {
                    own(table);
                    tables.push((table, level - 1));
                } else if word & F::OWN != 0 {
                    own(F::leads(word));
                }
            }
        }
        let in_use = self.platform.in_use();
        assert!(owned.is_subset(&in_use), "a frame was given back");
        owned
    }

    /// What is in use and nobody's, when what the verb was given is put aside.
    pub fn leaked(&mut self) -> BTreeSet<PhysAddr> {
        self.table.unreserve(take(&mut self.with));
        let frame = self.frame.take();
        frame
            .into_iter()
            .for_each(|frame| self.platform.release(frame, false));
        &self.platform.in_use() - &self.owned()
    }

    /// A page can be mapped and unmapped.
    pub fn works(&mut self) {
        for size in [PAGE, 2 * MIB] {
            let wanted = run(ELSEWHERE, 64 * MIB, size, RW);
            self.table.edit(Edit::Map(wanted), ASID).unwrap();
            let leads = self.table.translate(VirtAddr::new(ELSEWHERE));
            assert_eq!(leads, Some(wanted.first));
            let part = area(ELSEWHERE, PAGE);
            self.table.edit(Edit::Unmap(part), ASID).unwrap();
            assert_eq!(self.table.translate(VirtAddr::new(ELSEWHERE)), None);
            self.table.edit(Edit::Unmap(wanted.area), ASID).unwrap();
        }
    }
}
