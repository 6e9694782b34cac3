//! An array with an entry for each page: obviously right.

use kernel_vm::MapError;

use crate::page::{Map, Page};
use crate::span::{PAGES, Span};

#[derive(Clone)]
pub struct Model(pub Vec<Option<Page>>);

impl Model {
    pub fn hole(&self, span: Span) -> Result<(), MapError> {
        let Some(first) = span.pages().find(|&page| self.0[page].is_none()) else {
            return Ok(());
        };
        let end = (first..span.pages().end).find(|&page| self.0[page].is_some());
        let count = end.unwrap_or(span.pages().end) - first;
        let hole = Span { first, count }.area();
        Err(MapError::NotMapped { hole })
    }

    /// The first map that has a page in `span`.
    pub fn overlap(&self, span: Span) -> Result<(), MapError> {
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
    pub fn maps(&self) -> Vec<Map> {
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

    pub fn pages_in(&self, span: Span) -> Vec<(usize, Page)> {
        span.pages()
            .filter_map(|page| Some((page, self.0[page]?)))
            .collect()
    }

    pub fn fill(&mut self, span: Span, first: Page) {
        for (offset, page) in self.0[span.pages()].iter_mut().enumerate() {
            *page = Some(first.behind(offset));
        }
    }

    pub fn clear(&mut self, span: Span) {
        self.0[span.pages()].fill(None);
    }

    /// How many pages are free from each page of `within` on, as far as that goes.
    pub fn free(&self, within: Span) -> Vec<usize> {
        let mut free = vec![0; within.count];
        let mut run = 0;
        for (free, page) in free.iter_mut().zip(&self.0[within.pages()]).rev() {
            run = if page.is_none() { run + 1 } else { 0 };
            *free = run;
        }
        free
    }
}
