//! Edits of the maps, beside an array with an entry for each page.
#![no_main]

use arbitrary::{Arbitrary, Result as Bytes, Unstructured};
use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::{
    FreeSearch, MapError, MapRef, MemoryArea, Node, Payload, Permissions, PhysAddr, VirtAddr,
    VirtualMemoryManager, VirtualMemoryMap,
};
use kernel_vm_fuzz::{Ops, PAGE, Rights, area, log_scaled};
use libfuzzer_sys::fuzz_target;

/// Enough for two levels of inner nodes.
const PAGES: usize = 4096;

#[derive(Arbitrary, Debug)]
struct Input {
    /// How many nodes the space has of its own; without, it grows on the heap.
    nodes: Option<Few>,
    /// What is there at first. Edits alone seldom make a tree of more than one node.
    field: Field,
    ops: Ops<Op>,
}

#[derive(Clone, Copy, Debug)]
struct Few(usize);

impl<'a> Arbitrary<'a> for Few {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Bytes<Self> {
        log_scaled(bytes, 5).map(|count| Self(count - 1))
    }
}

#[derive(Clone, Copy, Debug)]
struct Span {
    first: usize,
    count: usize,
}

impl Span {
    fn area(self) -> MemoryArea {
        area(self.first * PAGE, self.count * PAGE)
    }

    fn pages(self) -> core::ops::Range<usize> {
        self.first..self.first + self.count
    }

    /// As many pages, or as many as there are, from `first` on.
    fn at(first: usize, count: usize) -> Self {
        let count = count.min(PAGES - first);
        Self { first, count }
    }
}

impl<'a> Arbitrary<'a> for Span {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Bytes<Self> {
        Ok(Self::at(page(bytes)?, log_scaled(bytes, 10)?))
    }
}

fn page(bytes: &mut Unstructured<'_>) -> Bytes<usize> {
    bytes.int_in_range(0..=PAGES - 1)
}

/// What a map is beside its place.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Kind {
    rights: Rights,
    #[arbitrary(with = seldom)]
    is_shared: bool,
    /// Frames beside those of neighbours, or others, so that maps stay many.
    joins: bool,
    #[arbitrary(with = seldom)]
    is_elsewhere: bool,
}

/// Maps of a page each, one by one or all at once.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Field {
    #[arbitrary(with = page)]
    first: usize,
    #[arbitrary(with = |bytes: &mut Unstructured<'_>| log_scaled(bytes, 12))]
    count: usize,
    #[arbitrary(with = |bytes: &mut Unstructured<'_>| bytes.choose(&[1, 1, 2, 3]).copied())]
    stride: usize,
    kind: Kind,
    at_once: bool,
}

fn seldom(bytes: &mut Unstructured<'_>) -> Bytes<bool> {
    bytes.ratio(1, 8)
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Op {
    Add(Span, Kind),
    Replace(Span, Kind),
    Scatter(Field),
    Unmap(Span),
    Protect(Span, Rights),
    Remap {
        old: Span,
        #[arbitrary(with = page)]
        new: usize,
        /// Instead of the old number of pages.
        other_count: Option<u8>,
    },
    RemoveIndex(u16),
    RemoveAndRestore {
        backwards: bool,
    },
    Find {
        within: Span,
        #[arbitrary(with = |bytes: &mut Unstructured<'_>| log_scaled(bytes, 6))]
        count: usize,
        #[arbitrary(with = |bytes: &mut Unstructured<'_>| bytes.int_in_range(0..=6))]
        align: u32,
        offset: u8,
        #[arbitrary(with = page)]
        hint: usize,
    },
    Look(Span),
    AllowHeap,
}

/// Says which frame the map begins with, so that payloads which don't follow their maps are seen. On the heap, so that
/// the sanitizer sees those that are lost or dropped twice.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tag(Box<u64>);

impl Payload for Tag {
    fn split_at(&mut self, offset: usize) -> Self {
        Self(Box::new(*self.0 + (offset / PAGE) as u64))
    }

    fn can_join(&self, len: usize, right: &Self) -> bool {
        *self.0 + (len / PAGE) as u64 == *right.0
    }
}

type Map = VirtualMemoryMap<Tag>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Page {
    frame: u64,
    permissions: Permissions,
    is_shared: bool,
}

impl Page {
    fn new(first: usize, kind: Kind) -> Self {
        let first = first as u64;
        let place = if kind.joins { first } else { 2 * first };
        Self {
            frame: place + (u64::from(kind.is_elsewhere) << 20),
            permissions: kind.rights.permissions(),
            is_shared: kind.is_shared,
        }
    }

    /// The page `offset` behind this one in the same map.
    fn behind(self, offset: usize) -> Self {
        let frame = self.frame + offset as u64;
        Self { frame, ..self }
    }

    fn map(self, span: Span) -> Map {
        let first = PhysAddr::new(self.frame * PAGE as u64);
        let pmarea = MemoryArea::from_start_size(first, span.count * PAGE).unwrap();
        VirtualMemoryMap::new(span.area(), pmarea, self.permissions, self.is_shared)
            .unwrap()
            .with_payload(Tag(Box::new(self.frame)))
    }

    /// What `map` says of `page`.
    fn of(map: MapRef<'_, Tag>, page: usize) -> Self {
        let offset = page - map.vmarea().start().get() / PAGE;
        let addr = VirtAddr::new(page * PAGE);
        let frame = map.translate(addr).unwrap().get() / PAGE as u64;
        assert_eq!(
            *map.payload().0 + offset as u64,
            frame,
            "payload of {map:?}"
        );
        Self {
            frame,
            permissions: map.permissions(),
            is_shared: map.is_shared(),
        }
    }
}

/// The pages of maps, as pieces are handed out.
fn page_by_page<'a>(maps: impl IntoIterator<Item = &'a Map>) -> Vec<(usize, Page)> {
    let pages = |map: &'a Map| {
        let first = map.vmarea().start().get() / PAGE;
        let count = map.vmarea().size() / PAGE;
        (first..first + count).map(|page| (page, Page::of(map.view(), page)))
    };
    maps.into_iter().flat_map(pages).collect()
}

#[derive(Clone)]
struct Model(Vec<Option<Page>>);

impl Model {
    fn hole(&self, span: Span) -> Result<(), MapError> {
        let Some(first) = span.pages().find(|&page| self.0[page].is_none()) else {
            return Ok(());
        };
        let end = (first..span.pages().end).find(|&page| self.0[page].is_some());
        let count = end.unwrap_or(span.pages().end) - first;
        let hole = Span { first, count }.area();
        Err(MapError::NotMapped { hole })
    }

    /// The first map that has a page in `span`.
    fn overlap(&self, span: Span) -> Result<(), MapError> {
        let Some(page) = span.pages().find(|&page| self.0[page].is_some()) else {
            return Ok(());
        };
        let mut pages = page..page + 1;
        while pages.start > 0 && self.joins(pages.start - 1) {
            pages.start -= 1;
        }
        while self.joins(pages.end - 1) {
            pages.end += 1;
        }
        let existing = Span::at(pages.start, pages.len()).area();
        Err(MapError::Overlap { existing })
    }

    /// Whether the map at `page` has the next page as well.
    fn joins(&self, page: usize) -> bool {
        match (self.0[page], self.0.get(page + 1)) {
            (Some(page), Some(Some(next))) => page.behind(1) == *next,
            _ => false,
        }
    }

    /// Everything joined that can be.
    fn maps(&self) -> Vec<Map> {
        let mut runs: Vec<(Span, Page)> = Vec::new();
        for (first, page) in self.pages_in(Span::at(0, PAGES)) {
            match runs.last_mut() {
                Some((span, start))
                    if span.pages().end == first && start.behind(span.count) == page =>
                {
                    span.count += 1;
                }
                _ => runs.push((Span { first, count: 1 }, page)),
            }
        }
        runs.into_iter()
            .map(|(span, page)| page.map(span))
            .collect()
    }

    fn pages_in(&self, span: Span) -> Vec<(usize, Page)> {
        span.pages()
            .filter_map(|page| Some((page, self.0[page]?)))
            .collect()
    }

    fn fill(&mut self, span: Span, first: Page) {
        for (offset, page) in self.0[span.pages()].iter_mut().enumerate() {
            *page = Some(first.behind(offset));
        }
    }

    fn clear(&mut self, span: Span) {
        self.0[span.pages()].fill(None);
    }

    /// How many pages are free from each page of `within` on, as far as that goes.
    fn free(&self, within: Span) -> Vec<usize> {
        let mut free = vec![0; within.count];
        let mut run = 0;
        for (free, page) in free.iter_mut().zip(&self.0[within.pages()]).rev() {
            run = if page.is_none() { run + 1 } else { 0 };
            *free = run;
        }
        free
    }
}

struct Subject {
    space: VirtualMemoryManager<NoPageTable, Tag>,
    model: Model,
    /// Whether it may run out of nodes.
    is_fixed: bool,
}

impl Subject {
    fn new(nodes: Option<&'static mut [Node<Tag>]>) -> Self {
        let backend = NoPageTable::over([area(0, 1 << 38)]);
        let is_fixed = nodes.is_some();
        let space = match nodes {
            Some(nodes) => VirtualMemoryManager::with_nodes(backend, nodes),
            None => VirtualMemoryManager::for_payload(backend),
        };
        Self {
            space,
            model: Model(vec![None; PAGES]),
            is_fixed,
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Add(span, kind) => {
                self.add(span, kind);
                self.look(span);
            }
            Op::Replace(span, kind) => self.replace(span, kind),
            Op::Scatter(field) => self.scatter(field),
            Op::Unmap(span) => self.unmap(span),
            Op::Protect(span, rights) => self.protect(span, rights),
            Op::Remap {
                old,
                new,
                other_count,
            } => {
                let count = other_count.map_or(old.count, |count| 1 + usize::from(count));
                self.remap(old, Span::at(new, count));
            }
            Op::RemoveIndex(index) => self.remove(index.into()),
            Op::RemoveAndRestore { backwards } => {
                let before = self.model.clone();
                let mut maps = self.remove_all();
                if backwards {
                    maps.reverse();
                }
                let restored = self.space.restore_memory_maps(maps).map_err(MapError::from);
                // The maps had these nodes before, but may be laid out otherwise now.
                if !self.ran_out(restored) {
                    restored.unwrap();
                    self.model = before;
                }
                self.look(Span::at(0, PAGES));
            }
            Op::Find {
                within,
                count,
                align,
                offset,
                hint,
            } => {
                self.find(within, count, 1 << align, offset.into(), hint);
                self.find(Span::at(0, PAGES), count, 1 << align, offset.into(), hint);
            }
            Op::Look(span) => self.look(span),
            Op::AllowHeap => {
                self.space.allow_heap();
                self.is_fixed = false;
            }
        }
        self.space.check_invariants().unwrap();
    }

    fn ran_out(&self, answer: Result<(), MapError>) -> bool {
        let ran_out = matches!(answer, Err(MapError::OutOfNodes { .. }));
        assert!(!ran_out || self.is_fixed, "{answer:?}");
        ran_out
    }

    /// Whether the verb did what the model wants.
    fn did(&self, answer: Result<(), MapError>, expected: Result<(), MapError>) -> bool {
        if self.ran_out(answer) {
            return false;
        }
        assert_eq!(answer, expected);
        answer.is_ok()
    }

    fn add(&mut self, span: Span, kind: Kind) {
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

    fn replace(&mut self, span: Span, kind: Kind) {
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

    fn scatter(&mut self, field: Field) {
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

    fn unmap(&mut self, span: Span) {
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

    fn protect(&mut self, span: Span, rights: Rights) {
        let expected = rights.check().and_then(|()| self.model.hole(span));
        let answer = self.space.protect(span.area(), rights.permissions());
        if self.did(answer, expected) {
            let pages = self.model.0[span.pages()].iter_mut().flatten();
            pages.for_each(|page| page.permissions = rights.permissions());
        }
        self.look(span);
    }

    fn remap(&mut self, old: Span, new: Span) {
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

    fn remove(&mut self, index: usize) {
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

    fn remove_all(&mut self) -> Vec<Map> {
        let maps: Vec<Map> = self.space.remove_all_memory_maps().collect();
        assert_eq!(maps, self.model.maps());
        self.model.clear(Span::at(0, PAGES));
        assert_eq!(self.space.memory_maps().len(), 0);
        self.space.check_invariants().unwrap();
        maps
    }

    fn find(&self, within: Span, count: usize, align: usize, offset: usize, hint: usize) {
        let free = self.model.free(within);
        let fits =
            |page: &usize| free[*page - within.first] >= count && page % align == offset % align;
        let expected = |page: Option<usize>| page.map(|first| Span { first, count }.area());
        let lowest = within.pages().find(fits);
        let search =
            FreeSearch::new(count * PAGE, within.area()).aligned(align * PAGE, offset * PAGE);
        assert_eq!(self.space.find_free(search), expected(lowest));
        assert_eq!(
            self.space.find_free(search.highest()),
            expected(within.pages().rev().find(fits))
        );
        let behind = (hint.max(within.first)..within.pages().end).find(fits);
        assert_eq!(
            self.space
                .find_free_from(VirtAddr::new(hint * PAGE), search),
            expected(behind.or(lowest))
        );
        let mut holes = Vec::new();
        let mut page = within.first;
        while page < within.pages().end {
            let count = free[page - within.first];
            if count > 0 {
                holes.push(Span::at(page, count).area());
            }
            page += count + 1;
        }
        let largest = holes.iter().rev().max_by_key(|hole| hole.size());
        assert_eq!(self.space.largest_hole(within.area()).as_ref(), largest);
        assert!(self.space.holes(within.area()).eq(holes));
    }

    /// Compares pages of `span`, its borders and their neighbours.
    fn look(&self, span: Span) {
        let (start, end) = (span.first, span.pages().end);
        let borders = (start.saturating_sub(1)..start + 1).chain(end - 1..end + 1);
        let inside = span.pages().step_by(1 + span.count / 16);
        let mut pages: Vec<usize> = borders.chain(inside).filter(|&page| page < PAGES).collect();
        pages.sort_unstable();
        for page in pages {
            let addr = VirtAddr::new(page * PAGE + page % PAGE);
            let map = self.space.search_memory_map(addr);
            let expected = self.model.0[page];
            assert_eq!(map.map(|map| Page::of(map, page)), expected, "{page}");
            assert_eq!(
                self.space.translate_vaddr(addr),
                expected.map(|seen| PhysAddr::new(seen.frame * PAGE as u64 + (page % PAGE) as u64))
            );
            let index = self.space.search_memory_map_idx(addr);
            assert_eq!(
                index.and_then(|index| self.space.get_memory_map(index)),
                map
            );
        }
        let is_free = self.model.0[span.pages()].iter().all(Option::is_none);
        assert_eq!(self.space.is_free(span.area()), is_free);
        // Far enough around to see other leaves.
        let around = start.saturating_sub(150);
        let around = Span::at(around, end - around + 150);
        self.find(around, 1 + start % 4, 1 << (start % 3), end, start);
    }

    /// How many maps an empty space has room for.
    fn room(&mut self) -> Option<usize> {
        if !self.is_fixed {
            return None;
        }
        let apart = (0..2 * PAGES)
            .step_by(2)
            .map(|first| Span { first, count: 1 });
        let kind = Kind {
            rights: Rights::Read,
            is_shared: false,
            joins: false,
            is_elsewhere: false,
        };
        let mut maps = apart.map(|span| Page::new(span.first, kind).map(span));
        let room = maps.position(|map| self.space.add_memory_map(map).is_err());
        self.space.remove_all_memory_maps().for_each(drop);
        Some(room.unwrap())
    }

    fn compare(&self) {
        let expected = self.model.maps();
        assert_eq!(self.space.memory_maps().len(), expected.len());
        assert!(self.space.memory_maps().eq(expected.iter().map(Map::view)));
        for (index, map) in self.space.memory_maps().enumerate() {
            let found = self.space.search_memory_map_idx(map.vmarea().end());
            assert_eq!(found, Some(index));
        }
    }
}

fn run(nodes: Option<&'static mut [Node<Tag>]>, field: Field, ops: Ops<Op>) {
    let mut subject = Subject::new(nodes);
    let room = subject.room();
    subject.scatter(field);
    for op in ops.0 {
        subject.apply(op);
    }
    subject.compare();
    subject.remove_all();
    assert_eq!(
        subject.room(),
        room.filter(|_| subject.is_fixed),
        "nodes lost"
    );
}

fuzz_target!(|input: Input| {
    let Some(Few(count)) = input.nodes else {
        run(None, input.field, input.ops);
        return;
    };
    // Leaked for as long as the space lives: a minute of runs would not fit in memory otherwise.
    let nodes: Box<[Node<Tag>]> = (0..count).map(|_| Node::new()).collect();
    let nodes = Box::into_raw(nodes);
    // SAFETY: the box was given up above, and this is the only reference until it is made again.
    run(Some(unsafe { &mut *nodes }), input.field, input.ops);
    // SAFETY: the space had the only reference, and `run` has dropped it.
    drop(unsafe { Box::from_raw(nodes) });
});
