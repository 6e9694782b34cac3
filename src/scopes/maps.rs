//! Maps alone: a space over no page table, in a tree with neighbours.

use alloc::format;
use alloc::vec::Vec;

use super::explore::{Outcome, Scope, Wrong, same};
use super::layout::{Kind, Layout, Page, READ, Shows, WRITE};
use super::span::{PAGES, Span};
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::backend::mock::NoPageTable;
use crate::error::MapError;
use crate::frame::FRAME_SIZE;
use crate::free_search::FreeSearch;
use crate::manager::VirtualMemoryManager;
use crate::map::{Backing, MapRef, VirtualMemoryMap};
use crate::permissions::Permissions;
use crate::tree::digest::FULL;

const KINDS: [Kind; 3] = [
    kind(Backing::Physical, WRITE),
    kind(Backing::Physical, READ),
    kind(Backing::Anonymous, WRITE),
];

const fn kind(backing: Backing, permissions: Permissions) -> Kind {
    Kind {
        backing,
        permissions,
    }
}

/// Where the scope's pages are: there is room for neighbours before and behind.
const BASE: usize = 1 << 30;

#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    Add(Span, Kind),
    Replace(Span, Kind),
    Unmap(Span),
    Protect(Span, Permissions),
    Restrict(Span, Permissions),
    Remap(Span, Span),
    /// The map in this position, from the first of the scope on.
    Remove(usize),
}

/// The maps around the scope, which no verb touches. Each is a page, far from the next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Neighbours {
    None,
    /// As many as let the scope's maps split a leaf.
    Full,
    /// Two leaves, which become one when the scope's maps go that are there at first.
    Sparse,
}

/// An error on purpose, which must be found: the space is told something else than the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    LostUnmap,
    ShortProtect,
    MovedAside,
    OtherKind,
}

impl Lie {
    pub(super) const ALL: [Self; 4] = [
        Self::LostUnmap,
        Self::ShortProtect,
        Self::MovedAside,
        Self::OtherKind,
    ];

    /// What the space is told instead.
    fn bend(self, verb: Verb) -> Option<Verb> {
        match (self, verb) {
            (Self::LostUnmap, Verb::Unmap(_)) => None,
            (Self::ShortProtect, Verb::Protect(span, permissions)) => {
                Some(Verb::Protect(span.shorter(), permissions))
            }
            (Self::MovedAside, Verb::Remap(old, new)) if new.end() < PAGES => {
                let first = new.first + 1;
                Some(Verb::Remap(old, Span { first, ..new }))
            }
            (Self::OtherKind, Verb::Replace(span, _)) => Some(Verb::Replace(span, KINDS[0])),
            _ => Some(verb),
        }
    }
}

pub(super) struct Maps {
    space: VirtualMemoryManager<NoPageTable, Shows>,
    layout: Layout,
    /// How many neighbours come before the scope, and in all.
    before: usize,
    around: usize,
    lie: Option<Lie>,
}

impl Maps {
    pub(super) fn new(neighbours: Neighbours, lie: Option<Lie>) -> Self {
        let mut maps = Self {
            space: VirtualMemoryManager::for_payload(NoPageTable::new()),
            layout: Layout::new(BASE),
            before: 0,
            around: 0,
            lie,
        };
        match neighbours {
            Neighbours::None => {}
            Neighbours::Full => {
                maps.settle_in(FULL / 2 - 2, FULL / 2);
            }
            Neighbours::Sparse => {
                maps.settle_in(FULL + FULL / 5, 0);
                for page in 0..PAGES {
                    let kind = KINDS[page % KINDS.len()];
                    maps.act(Verb::Add(Span::page(page), kind)).unwrap();
                }
                maps.leave(2 * FULL / 3);
            }
        }
        maps
    }

    /// Adds neighbours, in address order.
    fn settle_in(&mut self, before: usize, behind: usize) {
        let page =
            |number: usize| MemoryArea::block(VirtAddr::new(number * FRAME_SIZE), FRAME_SIZE);
        let first = BASE / FRAME_SIZE;
        let low = (1..=before).rev().map(|number| first - 2 * number);
        let high = (1..=behind).map(|number| first + PAGES + 2 * number);
        for number in low.chain(high) {
            let map = VirtualMemoryMap::anonymous(page(number), READ).unwrap();
            let added = self.space.add_memory_map(map.with_payload(Shows(0)));
            added.unwrap();
        }
        (self.before, self.around) = (before, before + behind);
    }

    /// Takes the first neighbours away.
    fn leave(&mut self, count: usize) {
        for _ in 0..count {
            self.space.remove_memory_map(0).unwrap();
        }
        self.before -= count;
        self.around -= count;
    }

    /// What the space answers.
    fn tell(&mut self, verb: Verb) -> Answer {
        let (layout, space) = (&self.layout, &mut self.space);
        let at = |span: Span| layout.area(span);
        let done = match verb {
            Verb::Add(span, kind) => {
                let map = layout.map(span, kind);
                space.add_memory_map(map).map_err(MapError::from)
            }
            Verb::Replace(span, kind) => {
                let map = layout.map(span, kind);
                space.replace_memory_map(map).map_err(MapError::from)
            }
            Verb::Unmap(span) => space.unmap(at(span)),
            Verb::Protect(span, permissions) => space.protect(at(span), permissions),
            Verb::Restrict(span, keep) => space.restrict(at(span), keep),
            Verb::Remap(old, new) => space.remap(at(old), at(new)),
            Verb::Remove(index) => {
                let is_ours = index < space.memory_maps().len() - self.around;
                let index = if is_ours {
                    self.before + index
                } else {
                    usize::MAX
                };
                let removed = space.remove_memory_map(index);
                return Ok(removed.map(|map| map.vmarea()));
            }
        };
        done.map(|()| None)
    }

    /// What it should answer.
    fn expect(&mut self, verb: Verb) -> Answer {
        let layout = &mut self.layout;
        match verb {
            Verb::Add(span, kind) => {
                layout.free(span)?;
                layout.fill(span, kind);
            }
            Verb::Replace(span, kind) => layout.fill(span, kind),
            Verb::Unmap(span) => layout.clear(span.pages()),
            Verb::Protect(span, permissions) => {
                layout.whole(span)?;
                layout.allow(span, |_| permissions);
            }
            Verb::Restrict(span, keep) => layout.allow(span, |permissions| permissions & keep),
            Verb::Remap(old, new) => {
                let plan = layout.plan(old, new)?;
                layout.remap(old, &plan);
            }
            Verb::Remove(index) => {
                let map = layout.maps().get(index).copied();
                map.into_iter().for_each(|map| layout.clear(map.pages()));
                return Ok(map.map(|map| layout.area(map)));
            }
        }
        Ok(None)
    }

    /// Looks the page up.
    fn look(&self, page: usize, maps: &[Span]) -> Result<(), Wrong> {
        let (layout, at) = (&self.layout, self.layout.at(page));
        let found = self.space.search_memory_map(at);
        let map = layout.map_around(page);
        same(
            ("map at", page),
            found.map(MapRef::vmarea),
            map.map(|map| layout.area(map)),
        )?;
        let is_right = found
            .zip(map)
            .is_none_or(|(found, map)| layout.is(map, found));
        same(("the map is right at", page), is_right, true)?;
        let leads = layout.pages[page].and_then(|page| page.physical(BASE));
        same(("address of", page), self.space.translate_vaddr(at), leads)?;
        let index = map.and_then(|map| maps.iter().position(|other| *other == map));
        let index = index.map(|index| self.before + index);
        same(
            ("position of", page),
            self.space.search_memory_map_idx(at),
            index,
        )
    }

    /// Asks for free pages in every part of the scope.
    fn look_for_room(&self, window: Span) -> Result<(), Wrong> {
        let (layout, space) = (&self.layout, &self.space);
        let within = layout.area(window);
        let fits = |span: &Span| layout.is_free(*span);
        same(("is free", window), space.is_free(within), fits(&window))?;
        for count in 1..=window.count {
            let places = window.first..=window.end() - count;
            let mut places = places.map(|first| Span { first, count }).filter(fits);
            let lowest = places.clone().next();
            let even = places.clone().find(|span| span.first % 2 == 0);
            let highest = places.next_back();
            let size = count * FRAME_SIZE;
            let search = FreeSearch::new(size, within);
            let asked = [
                (space.find_free(search), lowest),
                (space.find_free_area(size, 2 * FRAME_SIZE, within), even),
                (space.find_free(search.highest()), highest),
            ];
            for (found, expected) in asked {
                let expected = expected.map(|span| layout.area(span));
                same(("room for", count, "in", window), found, expected)?;
            }
        }
        Ok(())
    }
}

type Answer = Result<Option<MemoryArea>, MapError>;

impl Scope for Maps {
    type Verb = Verb;

    fn verbs() -> Vec<Verb> {
        let mut verbs = Vec::new();
        for span in Span::each() {
            verbs.extend(KINDS.map(|kind| Verb::Add(span, kind)));
            verbs.extend(KINDS.map(|kind| Verb::Replace(span, kind)));
            verbs.extend([READ, WRITE].map(|permissions| Verb::Protect(span, permissions)));
            verbs.extend([Verb::Unmap(span), Verb::Restrict(span, READ)]);
            verbs.extend(Span::each().into_iter().map(|new| Verb::Remap(span, new)));
        }
        verbs.extend((0..=PAGES).map(Verb::Remove));
        verbs
    }

    fn act(&mut self, verb: Verb) -> Result<Outcome, Wrong> {
        let told = self.lie.map_or(Some(verb), |lie| lie.bend(verb));
        let answer = told.map(|verb| self.tell(verb));
        let expected = self.expect(verb);
        // Of a lie, the answer would say too much.
        if self.lie.is_none() {
            same("the answer", answer, Some(expected))?;
        }
        Ok((name(verb), outcome(expected.map(|area| area.is_some()))))
    }

    fn check(&mut self) -> Result<(), Wrong> {
        let expected = self.layout.maps();
        (0..PAGES).try_for_each(|page| self.look(page, &expected))?;
        Span::each()
            .into_iter()
            .try_for_each(|window| self.look_for_room(window))?;
        let maps = self.space.memory_maps_in(self.layout.area(Span::ALL));
        same(
            "how many maps",
            self.space.memory_maps().len(),
            self.around + expected.len(),
        )?;
        let maps: Vec<MapRef<'_, Shows>> = maps.collect();
        let is_right = |(map, span): (&MapRef<'_, Shows>, &Span)| self.layout.is(*span, *map);
        let all = maps.len() == expected.len() && maps.iter().zip(&expected).all(is_right);
        same("all maps are right", all, true)?;
        let violation = self.space.check_invariants().err();
        violation.map_or(Ok(()), |violation| Err(format!("{violation}")))
    }

    fn shape(&self) -> Outcome {
        match self.space.nodes() {
            0 | 1 => ("tree", "one leaf"),
            _ => ("tree", "several leaves"),
        }
    }

    fn digest(&self, words: &mut Vec<u64>) {
        words.extend(self.layout.words());
        self.space.digest(words, |map| {
            let kind = kind(map.backing(), map.permissions());
            let Shows(shows) = *map.payload();
            Page { kind, shows }.word()
        });
    }

    fn finish(mut self) -> Result<(), Wrong> {
        let maps = self.around + self.layout.maps().len();
        same(
            "maps that go",
            self.space.remove_all_memory_maps().count(),
            maps,
        )
    }
}

const fn name(verb: Verb) -> &'static str {
    match verb {
        Verb::Add(..) => "add",
        Verb::Replace(..) => "replace",
        Verb::Unmap(_) => "unmap",
        Verb::Protect(..) => "protect",
        Verb::Restrict(..) => "restrict",
        Verb::Remap(..) => "remap",
        Verb::Remove(_) => "remove",
    }
}

/// An answer, without what it is about.
pub(super) const fn outcome(answer: Result<bool, MapError>) -> &'static str {
    match answer {
        Ok(false) => "done",
        Ok(true) => "found",
        Err(MapError::Overlap { .. }) => "overlap",
        Err(MapError::NotMapped { .. }) => "not mapped",
        Err(MapError::CannotGrow { .. }) => "cannot grow",
        Err(MapError::MovesOntoItself { .. }) => "moves onto itself",
        Err(_) => "another error",
    }
}
