//! Each verb, done to the space and to the model.

use kernel_vm::{MapError, MapRef};
use kernel_vm_fuzz::{PAGE, Rights};

use crate::input::{Field, Kind};
use crate::page::{Map, Page, page_by_page};
use crate::span::{PAGES, Span};
use crate::subject::Subject;

impl Subject {
    pub fn add(&mut self, span: Span, kind: Kind) {
        let page = Page::new(span.first, kind);
        let expected = kind.rights.check().and_then(|()| self.model.overlap(span));
        let answer = self.space.add_memory_map(page.map(span));
        let answer = answer.map_err(|refused| {
            let error = refused.error();
            assert_eq!(refused.into_map(), page.map(span));
            error
        });
        if self.did(answer, expected) {
            self.model.fill(span, page);
        }
    }

    pub fn replace(&mut self, span: Span, kind: Kind) {
        let page = Page::new(span.first, kind);
        let mut pieces = Vec::new();
        let answer = self
            .space
            .replace_memory_map_into(page.map(span), &mut pieces);
        let answer = answer.map_err(MapError::from);
        if self.did(answer, kind.rights.check()) {
            assert_eq!(page_by_page(&pieces), self.model.pages_in(span));
            self.model.fill(span, page);
        } else {
            assert_eq!(pieces, []);
        }
        self.look(span);
    }

    fn restore(&mut self, spans: &[Span], kind: Kind) {
        let page = |span: &Span| Page::new(span.first, kind);
        let maps = || spans.iter().map(|span| page(span).map(*span));
        let fits = spans.iter().all(|span| self.model.overlap(*span).is_ok());
        let refused = self.space.restore_memory_maps(maps()).err();
        let answer = refused.map(|refused| {
            let error = refused.error();
            let mut back: Vec<Map> = refused.into_maps().collect();
            back.sort_by_key(|map| map.vmarea().start());
            assert!(back.into_iter().eq(maps()), "not what was given");
            error
        });
        match answer {
            Some(error) if self.ran_out(Err(error)) => {}
            Some(MapError::WriteWithoutRead { .. }) => assert!(kind.rights.check().is_err()),
            Some(MapError::Overlap { existing }) => {
                assert!(!fits);
                let map = self.space.search_memory_map(existing.start());
                assert_eq!(map.map(MapRef::vmarea), Some(existing));
            }
            Some(error) => panic!("{error}"),
            None => {
                assert!(fits && (spans.is_empty() || kind.rights.check().is_ok()));
                spans
                    .iter()
                    .for_each(|span| self.model.fill(*span, page(span)));
            }
        }
        if let (Some(first), Some(last)) = (spans.first(), spans.last()) {
            self.look(Span::at(first.first, last.first + 1 - first.first));
        }
    }

    pub fn scatter(&mut self, field: Field) {
        let pages = (0..PAGES).step_by(field.stride).take(field.count);
        // Round the end, so that a late start is no small field.
        let pages = pages.map(|page| (field.first + page) % PAGES);
        let mut spans: Vec<Span> = pages.map(|first| Span { first, count: 1 }).collect();
        spans.sort_by_key(|span| span.first);
        if field.at_once {
            self.restore(&spans, field.kind);
        } else {
            spans.iter().for_each(|span| self.add(*span, field.kind));
            spans.first().into_iter().for_each(|span| self.look(*span));
        }
    }

    pub fn unmap(&mut self, span: Span) {
        let mut pieces = Vec::new();
        let answer = self.space.unmap_into(span.area(), &mut pieces);
        if self.did(answer, Ok(())) {
            assert_eq!(page_by_page(&pieces), self.model.pages_in(span));
            self.model.clear(span);
        } else {
            assert_eq!(pieces, []);
        }
        self.look(span);
    }

    pub fn protect(&mut self, span: Span, rights: Rights) {
        let expected = rights.check().and_then(|()| self.model.hole(span));
        let answer = self.space.protect(span.area(), rights.permissions());
        if self.did(answer, expected) {
            let pages = self.model.0[span.pages()].iter_mut().flatten();
            pages.for_each(|page| page.permissions = rights.permissions());
        }
        self.look(span);
    }

    pub fn remap(&mut self, old: Span, new: Span) {
        let stays = new.first == old.first;
        let (from, to) = (old.area(), new.area());
        let head = Span {
            first: old.first,
            count: new.count.min(old.count),
        };
        let expected = if new.count > old.count {
            Err(MapError::CannotGrow { old: from, new: to })
        } else if stays {
            Ok(())
        } else if to.overlaps(&from) {
            Err(MapError::MovesOntoItself { old: from, new: to })
        } else {
            self.model.hole(head)
        };
        let mut pieces = Vec::new();
        let answer = self.space.remap_into(from, to, &mut pieces);
        if self.did(answer, expected) {
            let tail = Span {
                first: old.first + head.count,
                count: old.count - head.count,
            };
            let mut cut = self.model.pages_in(tail);
            if !stays {
                let mut moved = self.model.pages_in(new);
                moved.append(&mut cut);
                cut = moved;
                self.model.0.copy_within(head.pages(), new.first);
                self.model.clear(head);
            }
            self.model.clear(tail);
            assert_eq!(page_by_page(&pieces), cut);
        } else {
            assert_eq!(pieces, []);
        }
        self.look(old);
        self.look(new);
    }

    pub fn remove(&mut self, index: usize) {
        let count = self.space.memory_maps().len();
        // Past the end once in a while.
        let index = index % (count + 1);
        let seen = self.space.get_memory_map(index).map(MapRef::to_map);
        let removed = self.space.remove_memory_map(index);
        assert_eq!(removed, seen);
        assert_eq!(removed.is_some(), index < count);
        if let Some(map) = removed {
            let first = map.vmarea().start().get() / PAGE;
            let span = Span::at(first, map.vmarea().size() / PAGE);
            assert_eq!(page_by_page([&map]), self.model.pages_in(span));
            self.model.clear(span);
            self.look(span);
        }
    }

    pub fn remove_all(&mut self) -> Vec<Map> {
        let maps: Vec<Map> = self.space.remove_all_memory_maps().collect();
        assert_eq!(maps, self.model.maps());
        self.model.clear(Span::at(0, PAGES));
        assert_eq!(self.space.memory_maps().len(), 0);
        self.space.check_invariants().unwrap();
        maps
    }
}
