//! What `remap` must do to the pages of a scope.

use super::layout::{Layout, Page};
use super::span::Span;
use crate::error::MapError;
use crate::map::Backing;

/// Where pages go: each of these from the one page to the other, and pages that grow behind them.
pub(super) struct Move {
    pub(super) from: Span,
    pub(super) to: Span,
    pub(super) more: Option<(Span, Page)>,
}

impl Layout {
    /// What is to move, if `old` is to be at `new`.
    ///
    /// # Errors
    /// Those of the verb.
    pub(super) fn plan(&self, old: Span, new: Span) -> Result<Move, MapError> {
        if new.count > old.count {
            return self.plan_growth(old, new);
        }
        let from = Span {
            count: new.count,
            ..old
        };
        if new.first != old.first {
            self.apart(old, new)?;
            self.whole(from)?;
        }
        Ok(Move {
            from,
            to: new,
            more: None,
        })
    }

    fn plan_growth(&self, old: Span, new: Span) -> Result<Move, MapError> {
        let last = self.pages[old.end() - 1];
        let last = last.filter(|last| last.kind.backing == Backing::Anonymous);
        let ends = self.map_around(old.end() - 1).map(Span::end) == Some(old.end());
        let Some(last) = last.filter(|_| ends) else {
            let (old, new) = (self.area(old), self.area(new));
            return Err(MapError::CannotGrow { old, new });
        };
        let more = Span::of(new.first + old.count..new.end());
        let in_the_way = more.pages().find_map(|page| self.map_around(page));
        if let Some(map) = in_the_way {
            // A map that moves away is in nobody's way.
            if map.first < old.first || map.end() > old.end() {
                let existing = self.area(map);
                return Err(MapError::Overlap { existing });
            }
        }
        if new.first != old.first {
            self.apart(old, new)?;
            self.whole(old)?;
        }
        let to = Span {
            count: old.count,
            ..new
        };
        Ok(Move {
            from: old,
            to,
            more: Some((more, last)),
        })
    }

    fn apart(&self, old: Span, new: Span) -> Result<(), MapError> {
        if old.overlaps(new) {
            let (old, new) = (self.area(old), self.area(new));
            return Err(MapError::MovesOntoItself { old, new });
        }
        Ok(())
    }

    pub(super) fn remap(&mut self, old: Span, plan: &Move) {
        let moved = self.pages[plan.from.pages()].to_vec();
        if plan.to.first != plan.from.first {
            self.clear(old.pages());
            self.pages[plan.to.pages()].copy_from_slice(&moved);
        } else {
            self.clear(plan.from.end()..old.end());
        }
        if let Some((more, last)) = plan.more {
            for (page, behind) in more.pages().zip(1..) {
                let shows = last.shows + behind;
                self.pages[page] = Some(Page { shows, ..last });
            }
        }
    }
}
