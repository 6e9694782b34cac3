//! A process on the machine: verbs that change its layout.

use kernel_vm::{Access, FrameAllocator, MemoryArea, Permissions, Settled, VirtualMemoryMap};

use super::kernel::{CPUS, Object};
use super::mmu::Mmu;
use super::objects::Key;
use super::page::{Model, Page};
use super::process::{ProcessOn, Space};
use crate::subject::{PAGE, pages};

impl<B: Mmu> ProcessOn<B> {
    /// Does a verb; the model changes at its flush, from which on no CPU may see anything of before. Whether it was
    /// done. Other CPUs use the memory meanwhile, where the verb only takes something away.
    pub fn change(
        &self,
        only_takes: bool,
        verb: impl FnOnce(&mut Space<B>) -> bool,
        change: impl FnOnce(&mut Model) + 'static,
    ) -> bool {
        if self.model.borrow().waits() {
            return self.change_alone(verb, change);
        }
        let model = self.model.clone();
        self.kernel
            .at_flush(self.root, move || change(&mut model.borrow_mut()));
        self.is_open.set(only_takes);
        let is_done = verb(&mut self.space.borrow_mut());
        self.is_open.set(false);
        match (self.kernel.take_change(self.root), is_done) {
            (Some(change), true) => change(),
            (None, true) | (Some(_), false) => {}
            (None, false) => panic!("refused, after its flush"),
        }
        is_done
    }

    /// Does a verb that settles first, while no CPU comes in between: it would not know at which of two flushes it is.
    fn change_alone(
        &self,
        verb: impl FnOnce(&mut Space<B>) -> bool,
        change: impl FnOnce(&mut Model),
    ) -> bool {
        let is_done = verb(&mut self.space.borrow_mut());
        let mut model = self.model.borrow_mut();
        model.flushed(|_| true);
        if is_done {
            change(&mut model);
        }
        is_done
    }

    /// Maps anonymous memory, or an object's pages.
    pub fn map(
        &self,
        first: usize,
        count: usize,
        permissions: Permissions,
        shows: Option<Key>,
        is_shared: bool,
    ) {
        let area = pages(first, count);
        let map = match shows {
            None => VirtualMemoryMap::anonymous(area, permissions)
                .unwrap()
                .with_payload(Object(0)),
            Some((object, at)) => {
                let offset = (at * PAGE) as u64;
                let map = VirtualMemoryMap::provided(area, offset, permissions, is_shared);
                map.unwrap().with_payload(Object(object))
            }
        };
        let map = |space: &mut Space<B>| space.replace_memory_map(map).is_ok();
        self.change(true, map, move |model| {
            for n in 0..count {
                let page = Page {
                    permissions,
                    shows: shows.map(|(object, at)| (object, at + n)),
                    is_shared,
                    own: None,
                };
                model.pages.insert(first + n, page);
            }
        });
    }

    pub fn unmap(&self, area: MemoryArea) {
        let unmap = |space: &mut Space<B>| space.unmap(area).is_ok();
        self.change(true, unmap, move |model| {
            let pages = numbers(area);
            model.pages.retain(|page, _| !pages.contains(page));
        });
    }

    pub fn protect(&self, area: MemoryArea, permissions: Permissions) {
        let protect = |space: &mut Space<B>| space.protect(area, permissions).is_ok();
        self.change(false, protect, move |model| {
            for page in numbers(area) {
                model.pages.get_mut(&page).unwrap().permissions = permissions;
            }
        });
    }

    /// Unmaps, and leaves the flush for later.
    pub fn unmap_deferred(&self, area: MemoryArea) {
        let mut space = self.space.borrow_mut();
        if space.unmap_deferred(area).is_ok() {
            self.model.borrow_mut().defer(numbers(area), None);
        }
    }

    /// Gives other permissions, and leaves the flush for later.
    pub fn protect_deferred(&self, area: MemoryArea, permissions: Permissions) {
        let mut space = self.space.borrow_mut();
        if space.protect_deferred(area, permissions).is_ok() {
            let mut model = self.model.borrow_mut();
            model.defer(numbers(area), Some(permissions));
        }
    }

    /// Settles, while other CPUs fault and settle; whether another was at it.
    pub fn settle(&self) -> bool {
        let settled = self.space.borrow().settle();
        if settled == Settled::Done {
            self.model.borrow_mut().flushed(|_| true);
        }
        settled == Settled::Busy
    }

    pub fn restrict(&self, area: MemoryArea, keep: Permissions) {
        let restrict = |space: &mut Space<B>| space.restrict(area, keep).is_ok();
        self.change(true, restrict, move |model| {
            for (_, page) in model.pages.range_mut(numbers(area)) {
                page.permissions &= keep;
            }
        });
    }

    pub fn discard(&self, area: MemoryArea) {
        let discard = |space: &mut Space<B>| space.discard(area).is_ok();
        let is_done = self.change(true, discard, move |model| {
            for (_, page) in model.pages.range_mut(numbers(area)) {
                page.own = None;
            }
        });
        assert!(is_done);
    }

    pub fn remap(&self, from: usize, to: usize, count: usize) {
        if from == to {
            return; // nothing moves, whether anything is there or not
        }
        let (old, new) = (pages(from, count), pages(to, count));
        let remap = |space: &mut Space<B>| space.remap(old, new).is_ok();
        self.change(false, remap, move |model| {
            let page = |n| model.pages.remove(&(from + n)).unwrap();
            let moved: Vec<_> = (0..count).map(page).collect();
            model.pages.extend((to..).zip(moved));
        });
    }

    /// Writes shared pages back that are dirty.
    pub fn clean(&self, area: MemoryArea) {
        let clean = |space: &mut Space<B>| {
            let cleaned = space.clean(area, |page| {
                self.nobody_can(Access::Write, page.page);
                let at = usize::try_from(page.offset).unwrap() / PAGE;
                self.objects.write_back((page.map.payload().0, at));
            });
            cleaned.is_ok()
        };
        assert!(self.change(true, clean, |_| ()));
    }

    /// Takes shared pages out.
    pub fn evict(&self, area: MemoryArea) {
        let evict = |space: &mut Space<B>| {
            let evicted = space.evict(area, |page| {
                self.nobody_can(Access::Read, page.page);
                self.kernel.release(page.frame, page.dirty);
            });
            evicted.is_ok()
        };
        assert!(self.change(true, evict, |_| ()));
    }

    /// Asks which pages were used. Whether they are dirty stays known.
    pub fn harvest(&self, area: MemoryArea) {
        let harvest = |space: &mut Space<B>| space.harvest(area, |_, _| ()).is_ok();
        assert!(self.change(true, harvest, |_| ()));
    }

    /// No CPU has cached anything that would let it.
    fn nobody_can(&self, access: Access, page: MemoryArea) {
        let mut running = (0..CPUS).filter(|&cpu| self.kernel.runs(cpu) == self.satp);
        let (kernel, start) = (&self.kernel, page.start());
        assert!(!running.any(|cpu| B::could(kernel, cpu, start, access)));
    }
}

pub fn numbers(area: MemoryArea) -> std::ops::RangeInclusive<usize> {
    area.start().get() / PAGE..=area.end().get() / PAGE
}
