//! One verb: what the space answers, and what the model does.

use super::model::{frame, physical};
use super::op::{Memory, Op, PAGE, Rights, Span};
use super::reply::Reply;
use super::subject::Subject;
use super::world::{ACCESSES, World};
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::manager::Settled;
use crate::map::VirtualMemoryMap;

impl<const W: usize, S: Subject> World<W, S> {
    /// What the space answers.
    pub(super) fn tell(&mut self, op: Op) -> Reply {
        let base = self.model.base;
        let at = |span: Span| span.area(base);
        let done = match op {
            Op::Add(span, memory, rights) => {
                let map = self.map(span, memory, rights);
                let add = |map| self.subject.change(|space| Ok(space.add_memory_map(map)?));
                map.and_then(add)
            }
            Op::Replace(span, memory, rights) => {
                let map = self.map(span, memory, rights);
                let replace = |map| {
                    self.subject
                        .change(|space| Ok(space.replace_memory_map(map)?))
                };
                map.and_then(replace)
            }
            Op::Remove(index) => {
                let removed = self
                    .subject
                    .change(|space| space.remove_memory_map(index).map(|map| map.vmarea()));
                return Reply::Area(removed);
            }
            Op::Find(window, size, align) => {
                let (size, align) = (size * PAGE, align * PAGE);
                return Reply::Area(
                    self.subject
                        .look(|space| space.find_free_area(size, align, at(window))),
                );
            }
            Op::Settle => match self.subject.change(|space| space.settle()) {
                Settled::Done => Ok(()),
                _ => return Reply::Strange("somebody else settles".into()),
            },
            Op::Populate(span) => self.subject.look(|space| space.populate(at(span))),
            Op::Prefault(span) => {
                let stopped = self.subject.prefault(at(span));
                return stopped.map_or_else(|done| Reply::Stopped(done / PAGE), |()| Reply::Done);
            }
            Op::Fault(page, access) => {
                let at = VirtAddr::new(base + page * PAGE + 8);
                return self.subject.fault(at, ACCESSES[usize::from(access)]).into();
            }
            _ => self.edit(op),
        };
        done.into()
    }

    /// What the space answers to a verb on the layout of some pages.
    fn edit(&mut self, op: Op) -> Result<(), MapError> {
        let base = self.model.base;
        let at = |span: Span| span.area(base);
        self.subject.change(|space| match op {
            Op::Unmap(span) => space.unmap(at(span)),
            Op::UnmapDeferred(span) => space.unmap_deferred(at(span)),
            Op::Protect(span, rights) => space.protect(at(span), rights.permissions()),
            Op::ProtectDeferred(span, rights) => {
                space.protect_deferred(at(span), rights.permissions())
            }
            Op::Restrict(span, keep) => space.restrict(at(span), keep.permissions()),
            Op::Remap(old, new) => space.remap(at(old), at(new)),
            Op::Discard(span) => space.discard(at(span)),
            _ => Ok(()),
        })
    }

    /// A map of `span`, with the subject's payload.
    fn map(
        &self,
        span: Span,
        memory: Memory,
        rights: Rights,
    ) -> Result<VirtualMemoryMap<S::Payload>, MapError> {
        let (area, permissions) = (span.area(self.model.base), rights.permissions());
        let map = match memory {
            Memory::Anonymous => VirtualMemoryMap::anonymous(area, permissions),
            Memory::Near | Memory::Far => {
                let first = physical(frame(memory, span.first));
                let behind = MemoryArea::from_start_size(first, area.size())?;
                VirtualMemoryMap::new(area, behind, permissions, false)
            }
        };
        Ok(map?.with_payload(self.subject.payload(area)))
    }

    /// What it should answer.
    pub(super) fn expect(&mut self, op: Op) -> Reply {
        let model = &mut self.model;
        let done = match op {
            Op::Add(span, memory, rights) => model.add(span, memory, rights),
            Op::Replace(span, memory, rights) => model.replace(span, memory, rights),
            Op::Unmap(span) | Op::UnmapDeferred(span) => model.unmap(span),
            Op::Protect(span, rights) | Op::ProtectDeferred(span, rights) => {
                model.protect(span, rights)
            }
            Op::Restrict(span, keep) => model.restrict(span, keep),
            Op::Remap(old, new) => model.remap(old, new),
            Op::Remove(index) => {
                let map = model.remove(index);
                return Reply::Area(map.map(|map| model.area(map)));
            }
            Op::Find(window, size, align) => {
                let found = model.find(window, size, align);
                return Reply::Area(found.map(|found| model.area(found)));
            }
            Op::Settle => Ok(()),
            Op::Populate(span) => {
                model.populate(span.range());
                Ok(())
            }
            Op::Discard(span) => {
                model.discard(span.range());
                Ok(())
            }
            Op::Prefault(span) => return model.prefault(span.range()),
            Op::Fault(page, access) => return model.fault(page, access),
        };
        done.into()
    }
}
