//! What the space says, beside what the model says.

use kernel_vm::{FreeSearch, PhysAddr, VirtAddr};
use kernel_vm_fuzz::PAGE;

use crate::page::Page;
use crate::span::{PAGES, Span};
use crate::subject::Subject;

impl Subject {
    pub fn find(&self, within: Span, count: usize, align: usize, offset: usize, hint: usize) {
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
    pub fn look(&self, span: Span) {
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
}
