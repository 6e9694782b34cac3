//! A space, and the model beside it.

use alloc::format;

use super::lie::Lie;
use super::model::{Kind, Model};
use super::op::{Op, PAGE, Span, Step};
use super::reply::Reply;
use super::subject::Subject;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::attributes::Attributes;
use crate::backend::PageTableBackend as _;
use crate::manager::VirtualMemoryManager;
use crate::map::MapRef;
use crate::permissions::{Access, Permissions};
use crate::testing::broken::{Broken, ensure};

const ANSWERS: &str = "a verb answers what a model with a few bits a page answers";
const MAPS: &str = "a space has the maps that a model with a few bits a page has";

/// The border of two tables of the middle level in each format, and so of two leaves of any size.
const BORDER: usize = 1 << 30;

/// A space of `64 * W` pages.
pub(super) struct World<const W: usize, S: Subject> {
    pub(super) subject: S,
    pub(super) model: Model<W>,
    lie: Option<Lie>,
    unmaps: usize,
    /// The frames in use when the space was new.
    pub(super) at_first: usize,
}

impl<const W: usize, S: Subject> World<W, S> {
    /// Half of the pages lie on either side of the border.
    pub(super) fn new(make: impl FnOnce(MemoryArea) -> S, lie: Option<Lie>) -> Self {
        let pages = Span::of(0..Model::<W>::PAGES);
        let base = BORDER - pages.count / 2 * PAGE;
        let subject = make(pages.area(base));
        let code = Attributes::from(Permissions::EXECUTE | Permissions::USER);
        let kind = subject.look(|space| Kind {
            is_all: space.backend().ranges() == [pages.area(base)],
            has_entries: S::HAS_ENTRIES,
            has_pages: S::HAS_PAGES,
            execute_reads: space.backend().supports(code).is_err(),
        });
        Self {
            at_first: subject.frames_in_use(),
            subject,
            model: Model::new(base, kind),
            lie,
            unmaps: 0,
        }
    }

    /// Does a step, and answers whether its verb was accepted.
    pub(super) fn step(&mut self, Step(op, page): Step) -> Result<bool, Broken> {
        self.subject.warm(page, self.addr(page));
        let about = self.addr(op.page().min(Model::<W>::PAGES - 1));
        self.subject.warm(page / 4, about);
        let told = self.bend(op);
        let answer = told.map(|op| self.tell(op));
        let expected = self.expect(op);
        // Of a lie, the answer would say too much.
        let answer = answer
            .filter(|_| told == Some(op))
            .unwrap_or_else(|| expected.clone());
        ensure(answer == expected, ANSWERS, || {
            format!("found {answer:?}, expected {expected:?}")
        })?;
        self.waits(op, &answer);
        if S::HAS_ENTRIES {
            self.learn(op)?;
            self.access(page)?;
            self.look_at_entry(page)?;
            self.look_at_entry(op.page().min(Model::<W>::PAGES - 1))?;
        }
        self.look(page)?;
        Ok(answer.is_accepted())
    }

    fn bend(&mut self, op: Op) -> Option<Op> {
        let Some(lie) = self.lie else {
            return Some(op);
        };
        if lie == Lie::LostFlush {
            self.subject.lose_flush();
        }
        self.unmaps += usize::from(matches!(op, Op::Unmap(_)));
        lie.bend(op, self.unmaps)
    }

    /// Notes whether deferred verbs wait: all others that change the space settle first.
    fn waits(&mut self, op: Op, answer: &Reply) {
        self.model.waits = match op {
            Op::UnmapDeferred(_) | Op::ProtectDeferred(..) => {
                self.model.waits || *answer == Reply::Done
            }
            Op::Find(..) | Op::Fault(..) => self.model.waits,
            _ => false,
        };
    }

    pub(super) fn addr(&self, page: usize) -> VirtAddr {
        VirtAddr::new(self.model.base + page * PAGE)
    }

    /// Looks a page up.
    fn look(&self, page: usize) -> Result<(), Broken> {
        let (model, at) = (&self.model, self.addr(page));
        let (found, leads) = self.subject.look(|space| {
            let map = space.search_memory_map(at);
            let found = map.map(|map| (map.vmarea(), map.permissions()));
            let leads = map.and_then(|_| model.physical(page).map(|_| space.translate_vaddr(at)));
            (found, leads)
        });
        let expected = model.mapped.has(page).then(|| {
            let area = model.area(model.map_around(page));
            (area, model.rights(page).permissions())
        });
        ensure(found == expected, MAPS, || {
            format!("page {page} is {found:?}, should be {expected:?}")
        })?;
        leads.map_or(Ok(()), |leads| {
            ensure(leads == model.physical(page), MAPS, || {
                format!("page {page} leads to {leads:?}")
            })
        })
    }

    /// Compares all there is.
    pub(super) fn check(&self) -> Result<(), Broken> {
        self.subject.look(|space| {
            let maps = space.memory_maps();
            let (count, expected) = (maps.len(), self.model.maps());
            ensure(count == expected, MAPS, || {
                format!("{count} maps, should be {expected}")
            })?;
            let mut pages = 0;
            for map in maps {
                pages += map.vmarea().size() / PAGE;
                self.check_map(map)?;
            }
            let expected = self.model.mapped.count(0..Model::<W>::PAGES);
            ensure(pages == expected, MAPS, || {
                format!("{pages} pages, should be {expected}")
            })
        })?;
        if S::HAS_ENTRIES {
            self.check_entries()?;
        }
        Ok(self.subject.look(|space| space.check_invariants())?)
    }

    fn check_map(&self, map: MapRef<'_, S::Payload>) -> Result<(), Broken> {
        let area = map.vmarea();
        let first = (area.start().get() - self.model.base) / PAGE;
        (first..first + area.size() / PAGE).try_for_each(|page| {
            let has = self.model.mapped.has(page)
                && self.model.rights(page).permissions() == map.permissions()
                && self.model.physical(page) == map.translate(self.addr(page));
            ensure(has, MAPS, || format!("page {page} of the map at {area}"))
        })
    }

    /// Ends a run: everything goes.
    pub(super) fn finish(mut self) -> Result<(), Broken> {
        self.check()?;
        let all = |space: &mut VirtualMemoryManager<_, _>| space.remove_all_memory_maps().count();
        let (maps, expected) = (self.subject.change(all), self.model.maps());
        ensure(maps == expected, MAPS, || {
            format!("{maps} maps go of {expected}")
        })?;
        let (left, first) = (self.subject.frames_in_use(), self.at_first);
        let law = "a space that has lost all of its maps has the frames of a new one";
        ensure(left == first, law, || {
            format!("{left} frames are in use, {first} were at first")
        })
    }
}

/// By their numbers in [`Op::Fault`].
pub(super) const ACCESSES: [Access; 3] = [Access::Read, Access::Write, Access::Execute];
