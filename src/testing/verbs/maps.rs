//! The model's verbs, with the answers that the space must give.

use crate::error::MapError;

use super::model::{ANONYMOUS, Model};
use super::op::{Memory, Rights, Span};

impl<const W: usize> Model<W> {
    /// Whether entries can say `rights`.
    fn sayable(&self, rights: Rights) -> Result<(), MapError> {
        let permissions = rights.permissions();
        match rights.0 & !Rights::EXECUTE {
            Rights::WRITE => Err(MapError::WriteWithoutRead { permissions }),
            0 if rights.0 == Rights::EXECUTE && self.kind.execute_reads => {
                Err(MapError::WidensPermissions { permissions })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn add(
        &mut self,
        span: Span,
        memory: Memory,
        rights: Rights,
    ) -> Result<(), MapError> {
        self.in_range(span)?;
        self.sayable(rights)?;
        if let Some(page) = self.mapped.first(span.range(), true) {
            let existing = self.area(self.map_around(page));
            return Err(MapError::Overlap { existing });
        }
        self.fill(span, memory, rights);
        Ok(())
    }

    pub(super) fn replace(
        &mut self,
        span: Span,
        memory: Memory,
        rights: Rights,
    ) -> Result<(), MapError> {
        self.in_range(span)?;
        self.sayable(rights)?;
        self.fill(span, memory, rights);
        Ok(())
    }

    pub(super) fn unmap(&mut self, span: Span) -> Result<(), MapError> {
        self.in_range(span)?;
        self.clear(span.range());
        Ok(())
    }

    pub(super) fn protect(&mut self, span: Span, rights: Rights) -> Result<(), MapError> {
        self.in_range(span)?;
        self.sayable(rights)?;
        self.all_mapped(span)?;
        self.allow(span.range(), rights);
        Ok(())
    }

    pub(super) fn restrict(&mut self, span: Span, keep: Rights) -> Result<(), MapError> {
        self.in_range(span)?;
        if keep.0 & Rights::READ == 0 {
            let kept = |page| Rights(self.rights(page).0 & keep.0);
            span.range().try_for_each(|page| self.sayable(kept(page)))?;
        }
        if keep.0 & Rights::WRITE == 0 {
            self.writable.set(span.range(), false);
        }
        for (kind, bits) in self.rights.iter_mut().enumerate() {
            if keep.0 >> kind & 1 == 0 {
                bits.set(span.range(), false);
            }
        }
        Ok(())
    }

    pub(super) fn remap(&mut self, old: Span, new: Span) -> Result<(), MapError> {
        self.in_range(old)?;
        self.in_range(new)?;
        if new.count > old.count {
            return self.grow(old, new);
        }
        if new.first == old.first {
            self.clear(new.end()..old.end());
            return Ok(());
        }
        self.moves(old, new)?;
        let head = Span {
            count: new.count,
            ..old
        };
        self.all_mapped(head)?;
        let sets = self.rights.iter_mut();
        for bits in sets.chain([
            &mut self.mapped,
            &mut self.apart,
            &mut self.present,
            &mut self.writable,
        ]) {
            bits.copy(head.first, new.first, head.count);
        }
        self.frames.copy_within(head.range(), new.first);
        self.owned.copy_within(head.range(), new.first);
        self.clear(old.range());
        self.seam(new.first);
        self.seam(new.end());
        Ok(())
    }

    fn grow(&mut self, old: Span, new: Span) -> Result<(), MapError> {
        let last = old.end() - 1;
        let can_grow = self.mapped.has(last)
            && self.frames[last] == ANONYMOUS
            && self.map_around(last).end() == old.end();
        if !can_grow {
            let (old, new) = (self.area(old), self.area(new));
            return Err(MapError::CannotGrow { old, new });
        }
        let more = new.first + old.count..new.end();
        if let Some(page) = self.mapped.first(more.clone(), true) {
            let map = self.map_around(page);
            // A map that moves away is in nobody's way.
            if map.first < old.first || map.end() > old.end() {
                let existing = self.area(map);
                return Err(MapError::Overlap { existing });
            }
        }
        let rights = self.rights(last);
        if new.first != old.first {
            self.moves(old, new)?;
            let place = Span {
                first: new.first,
                ..old
            };
            self.remap(old, place)?;
        }
        self.fill(Span::of(more), Memory::Anonymous, rights);
        Ok(())
    }

    /// Answers the map that goes.
    pub(super) fn remove(&mut self, index: usize) -> Option<Span> {
        let map = self.map(index)?;
        self.clear(map.range());
        Some(map)
    }

    /// The lowest `size` free pages in a window, the first of which is a multiple of `align` pages from address 0.
    pub(super) fn find(&self, window: Span, size: usize, align: usize) -> Option<Span> {
        let skip = self.base / super::op::PAGE;
        let end = window.end().min(Self::PAGES);
        let mut from = window.first;
        while let Some(gap) = self.mapped.first(from..end, false) {
            let stop = self.mapped.first(gap..end, true).unwrap_or(end);
            let first = (gap + skip).next_multiple_of(align) - skip;
            if first + size <= stop {
                return Some(Span { first, count: size });
            }
            from = stop;
        }
        None
    }

    fn moves(&self, old: Span, new: Span) -> Result<(), MapError> {
        if old.overlaps(new) {
            let (old, new) = (self.area(old), self.area(new));
            return Err(MapError::MovesOntoItself { old, new });
        }
        Ok(())
    }

    fn all_mapped(&self, span: Span) -> Result<(), MapError> {
        let hole = self.hole(span.range()).map(|hole| self.area(hole));
        hole.map_or(Ok(()), |hole| Err(MapError::NotMapped { hole }))
    }
}
