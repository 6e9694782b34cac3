//! One entry a page: too dumb to be wrong.

use kernel_vm::backend::{PageTableBackend, Run};
use kernel_vm::{
    Access, Attributes, MapError, MemoryArea, MemoryType, Permissions, PhysAddr, VirtAddr,
};
use kernel_vm::{VirtualMemoryManager, VirtualMemoryMap};

use crate::subject::{PAGE, Subject, area, leaves};

/// The pages of the model's space: a whole 2 MiB block on either side of a 1 GiB border, and a few pages around them.
pub const PAGES: usize = 8 + 512 + 512 + 8;

/// Where the space starts.
pub const BASE: usize = (1 << 30) - (8 + 512) * PAGE;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    pub frame: u64,
    pub permissions: Permissions,
    pub is_shared: bool,
    pub is_present: bool,
}

pub struct Model {
    pub pages: Vec<Option<Page>>,
    /// What each page has been since the last flush: deferred verbs leave that in TLBs.
    stale: Vec<Vec<Page>>,
    /// Whether deferred verbs wait to be settled.
    pub waits: bool,
}

/// Pages `first..first + count` of the space.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub first: usize,
    pub count: usize,
}

impl Span {
    pub fn area(self) -> MemoryArea {
        area(BASE + self.first * PAGE, self.count * PAGE)
    }

    fn indices(self) -> std::ops::Range<usize> {
        self.first..self.first + self.count
    }
}

fn frame_addr(frame: u64) -> PhysAddr {
    PhysAddr::new(frame * PAGE as u64)
}

pub fn addr(page: usize) -> VirtAddr {
    VirtAddr::new(BASE + page * PAGE)
}

impl Model {
    pub fn new() -> Self {
        Self {
            pages: vec![None; PAGES],
            stale: vec![Vec::new(); PAGES],
            waits: false,
        }
    }

    /// A verb over `span` leaves its flush for later.
    pub fn defer(&mut self, span: Span) {
        self.waits = true;
        for index in span.indices() {
            let present = self.pages[index].filter(|page| page.is_present);
            self.stale[index].extend(present);
        }
    }

    /// Every CPU has forgotten.
    pub fn settle(&mut self) {
        self.waits = false;
        self.stale.iter_mut().for_each(Vec::clear);
    }

    /// Runs of pages that belong together, by what `same` says of neighbours.
    fn runs(&self, same: impl Fn(Page, Page) -> bool) -> Vec<(Span, Page)> {
        let mut runs: Vec<(Span, Page)> = Vec::new();
        let mut last = None;
        for (first, page) in self.pages.iter().enumerate() {
            match (last, page, runs.last_mut()) {
                (Some(left), &Some(right), Some((span, _))) if same(left, right) => span.count += 1,
                (_, &Some(page), _) => runs.push((Span { first, count: 1 }, page)),
                _ => {}
            }
            last = *page;
        }
        runs
    }

    /// The maps as they must be: everything joined that can be.
    pub fn maps(&self) -> Vec<VirtualMemoryMap> {
        let joins = |left: Page, right: Page| {
            left.frame + 1 == right.frame
                && left.permissions == right.permissions
                && left.is_shared == right.is_shared
        };
        self.runs(joins)
            .into_iter()
            .map(|(span, page)| self.map(span, page))
            .collect()
    }

    pub fn map(&self, span: Span, page: Page) -> VirtualMemoryMap {
        let pmarea =
            MemoryArea::from_start_size(frame_addr(page.frame), span.count * PAGE).unwrap();
        VirtualMemoryMap::new(span.area(), pmarea, page.permissions, page.is_shared).unwrap()
    }

    fn first_map_in(&self, span: Span) -> Option<MemoryArea> {
        let in_the_way = |map: &VirtualMemoryMap| map.vmarea().overlaps(&span.area());
        self.maps()
            .iter()
            .find(|map| in_the_way(map))
            .map(VirtualMemoryMap::vmarea)
    }

    fn first_hole_in(&self, span: Span) -> Option<MemoryArea> {
        let first = span.indices().find(|&page| self.pages[page].is_none())?;
        let count = span
            .indices()
            .skip_while(|&page| page < first)
            .take_while(|&page| self.pages[page].is_none());
        Some(
            Span {
                first,
                count: count.count(),
            }
            .area(),
        )
    }

    pub fn add(&mut self, span: Span, page: Page) -> Result<(), MapError> {
        match self.first_map_in(span) {
            Some(existing) => Err(MapError::Overlap { existing }),
            None => {
                self.replace(span, page);
                Ok(())
            }
        }
    }

    pub fn replace(&mut self, span: Span, page: Page) {
        for (frame, index) in (page.frame..).zip(span.indices()) {
            self.pages[index] = Some(Page { frame, ..page });
        }
    }

    pub fn unmap(&mut self, span: Span) {
        self.pages[span.indices()].fill(None);
    }

    pub fn protect(&mut self, span: Span, permissions: Permissions) -> Result<(), MapError> {
        if let Some(hole) = self.first_hole_in(span) {
            return Err(MapError::NotMapped { hole });
        }
        self.pages[span.indices()]
            .iter_mut()
            .flatten()
            .for_each(|page| page.permissions = permissions);
        Ok(())
    }

    pub fn restrict(&mut self, span: Span, keep: Permissions) {
        self.pages[span.indices()]
            .iter_mut()
            .flatten()
            .for_each(|page| page.permissions &= keep);
    }

    pub fn populate(&mut self, span: Span) {
        let reachable = self.pages[span.indices()]
            .iter_mut()
            .flatten()
            .filter(|page| page.permissions.allow_any());
        reachable.for_each(|page| page.is_present = true);
    }

    pub fn remap(&mut self, old: Span, new: Span) -> Result<(), MapError> {
        if new.count > old.count {
            return Err(MapError::CannotGrow {
                old: old.area(),
                new: new.area(),
            });
        }
        let head = Span {
            count: new.count,
            ..old
        };
        if old.first == new.first {
            self.unmap(Span {
                first: old.first + new.count,
                count: old.count - new.count,
            });
            return Ok(());
        }
        if old.area().overlaps(&new.area()) {
            return Err(MapError::MovesOntoItself {
                old: old.area(),
                new: new.area(),
            });
        }
        if let Some(hole) = self.first_hole_in(head) {
            return Err(MapError::NotMapped { hole });
        }
        let moved = self.pages[head.indices()].to_vec();
        self.unmap(old);
        self.pages[new.indices()].copy_from_slice(&moved);
        Ok(())
    }

    /// The lowest `count` free pages in `within`.
    pub fn find_free(&self, count: usize, within: Span) -> Option<MemoryArea> {
        let fits = |&first: &usize| (first..first + count).all(|page| self.pages[page].is_none());
        let last = (within.first + within.count).checked_sub(count)?;
        (within.first..=last)
            .find(fits)
            .map(|first| Span { first, count }.area())
    }

    /// The manager's maps, page table and lookups say what the model says; on `cpus`, stale translations included.
    pub fn compare<B: Subject>(
        &self,
        space: &VirtualMemoryManager<B>,
        cpus: usize,
        sample: &[usize],
    ) {
        space.check_invariants().unwrap();
        let expected = self.maps();
        assert_eq!(space.memory_maps().count(), expected.len());
        for (index, (map, expected)) in space.memory_maps().zip(&expected).enumerate() {
            let seen = (
                map.vmarea(),
                map.pmarea(),
                map.permissions(),
                map.is_shared(),
            );
            let wanted = (
                expected.vmarea(),
                expected.pmarea(),
                expected.permissions(),
                expected.is_shared(),
            );
            assert_eq!(seen, wanted, "map {index}");
        }
        let (seen, wanted) = (page_by_page(&leaves(space.backend())), self.leaves());
        let differ = seen
            .iter()
            .zip(&wanted)
            .find(|(seen, wanted)| seen != wanted);
        assert_eq!(
            (differ, seen.len()),
            (None, wanted.len()),
            "pages in the page table"
        );
        for &page in sample {
            self.compare_page(space, cpus, page, &expected);
        }
    }

    fn compare_page<B: Subject>(
        &self,
        space: &VirtualMemoryManager<B>,
        cpus: usize,
        page: usize,
        maps: &[VirtualMemoryMap],
    ) {
        let (addr, model) = (addr(page), self.pages[page]);
        assert_eq!(
            space.translate_vaddr(addr),
            model.map(|page| frame_addr(page.frame)),
            "{addr}"
        );
        let index = maps.iter().position(|map| map.vmarea().contains(addr));
        assert_eq!(space.search_memory_map_idx(addr), index);
        assert_eq!(
            space.search_memory_map(addr),
            index.and_then(|index| space.get_memory_map(index))
        );
        assert_eq!(
            space.is_free(
                Span {
                    first: page,
                    count: 1
                }
                .area()
            ),
            model.is_none()
        );
        for access in [Access::Read, Access::Write, Access::Execute] {
            let leads = |page: Option<Page>| {
                page.filter(|page| page.is_present && page.permissions.allow(access))
                    .map(|page| frame_addr(page.frame))
            };
            let stale = self.stale[page].iter().map(|&page| leads(Some(page)));
            let may: Vec<_> = stale.chain([leads(model)]).collect();
            for cpu in 0..cpus {
                if self.waits {
                    let seen = space.backend().looks(cpu, addr, access);
                    let is_right = seen.iter().all(|&seen| may.contains(&Some(seen)));
                    assert!(is_right, "{addr}: {seen:?} of {may:?}");
                } else {
                    assert_eq!(
                        space.backend().look(cpu, addr, access),
                        leads(model),
                        "{addr}"
                    );
                }
            }
        }
    }

    /// What must be in the page table, page by page.
    fn leaves(&self) -> Vec<Run> {
        let present = self
            .pages
            .iter()
            .enumerate()
            .filter_map(|(index, page)| Some((index, (*page)?)));
        let leaf = |(first, page): (usize, Page)| Run {
            area: Span { first, count: 1 }.area(),
            first: frame_addr(page.frame),
            attributes: Attributes::new(page.permissions, MemoryType::Normal),
        };
        present
            .filter(|(_, page)| page.is_present)
            .map(leaf)
            .collect()
    }
}

/// Leaves of any size as leaves of one page.
fn page_by_page(leaves: &[Run]) -> Vec<Run> {
    let single = |run: &Run, offset| {
        run.intersection(area(run.area.start().get() + offset, PAGE))
            .unwrap()
    };
    leaves
        .iter()
        .flat_map(|run| {
            (0..run.area.size())
                .step_by(PAGE)
                .map(move |offset| single(run, offset))
        })
        .collect()
}

/// Every translation that is there gets into every TLB.
pub fn touch<B: PageTableBackend + Subject>(
    backend: &B,
    cpus: usize,
    sample: &[usize],
    waits: bool,
) {
    for (&page, cpu) in sample
        .iter()
        .flat_map(|page| (0..cpus).map(move |cpu| (page, cpu)))
    {
        if waits {
            backend.looks(cpu, addr(page), Access::Read);
        } else {
            backend.look(cpu, addr(page), Access::Read);
        }
    }
}
