//! Laws of the edits that a page table makes at once, where one walk and no new table will do.

use alloc::format;
use alloc::vec::Vec;

use super::owning::{frame, gives_back, installed_at};
use super::place::{RW, RXU, part, small_block, sorted};
use super::space::Space;
use crate::attributes::Attributes;
use crate::backend::{Edit, Entry, NotAtOnce, Paging, Run};

/// A page is installed at once, with one frame, or no frame is asked for and nothing has changed.
///
/// The page has no table yet, or one, or it is there already.
pub(super) fn a_page_is_installed_at_once_or_not_at_all<B: Paging>(space: &mut Space<'_, B>) {
    let block = small_block(&space.backend);
    let area = part::<B>(block.area, 3, 1);
    let attributes = Attributes::from(RW);
    for has_table in [false, true] {
        let beside = has_table.then(|| installed_at(space, 5, RW));
        let (start, mut asked) = (area.start(), 0);
        let none = space.backend.install_at_once(start, attributes, || {
            asked += 1;
            None
        });
        let is_right = match none {
            Err(NotAtOnce::OutOfFrames) => asked == 1,
            Err(NotAtOnce::Elsewise) => asked == 0,
            _ => false,
        };
        space.ensure(is_right, || {
            format!("without a frame, {none:?} is answered")
        });
        space.holds(beside.as_slice());

        let mut given = None;
        let once = space.backend.install_at_once(start, attributes, || {
            let frame = frame(space);
            given = Some(frame.addr());
            Some(frame)
        });
        let page = given.map(|first| Run {
            area,
            first,
            attributes,
        });
        let is_right = match &once {
            Ok(()) => page.is_some(),
            Err(NotAtOnce::Elsewise) => page.is_none(),
            Err(_) => false,
        };
        space.ensure(is_right, || format!("with a frame, {once:?} is answered"));
        if let Err(NotAtOnce::Lost(lost)) = once {
            gives_back(space, lost.into_frame());
        }
        let there: Vec<_> = [page, beside].into_iter().flatten().collect();
        space.holds(&there);
        if let Some(page) = page {
            is_found(space, page);
            space.holds(&there);
        }
        space.clear(block.area);
    }
}

/// Where this page is, none is installed at once, and no frame is asked for.
fn is_found<B: Paging>(space: &Space<'_, B>, page: Run) {
    let mut asked = 0;
    let (start, attributes) = (page.area.start(), page.attributes);
    let again = space.backend.install_at_once(start, attributes, || {
        asked += 1;
        None
    });
    let is_right = match again {
        Err(NotAtOnce::Found(found)) => found == Entry::Leaf(page),
        Err(NotAtOnce::Elsewise) => true,
        _ => false,
    };
    space.ensure(is_right && asked == 0, || {
        format!("over a page, {again:?} is answered, and {asked} frames were asked for")
    });
}

/// A run is mapped at once as `map` does it, or nothing has changed, and the answer says which.
pub(super) fn a_run_is_mapped_at_once_or_not_at_all<B: Paging>(space: &mut Space<'_, B>) {
    let block = small_block(&space.backend);
    let other = block.leading_further(B::PAGE_SIZE).allowing(RXU);
    let [one, some] =
        [(3, 1), (2, 6)].map(|(skipped, pages)| part::<B>(block.area, skipped, pages));
    let beside = other.inside(part::<B>(block.area, 5, 1));
    // Frames that no entry can hold are not mapped, whatever is answered.
    let frames = space.backend.physical_range().next();
    let beyond = frames.map(|first| Run {
        first,
        ..block.inside(one)
    });
    for there in [None, Some(beside)] {
        for run in [one, some].map(|area| block.inside(area)) {
            space.verb(there.map(Edit::Map).as_slice());
            if let Some(beyond) = beyond {
                space.backend.map_at_once(beyond);
                space.holds(there.as_slice());
            }
            let is_done = space.backend.map_at_once(run);
            space.is_sound();
            let rest = there.map_or(Vec::from([run]), |there| run.outside(there.area).collect());
            let new = rest.into_iter().filter(|_| is_done);
            space.holds(&sorted(there.into_iter().chain(new)));
            space.clear(block.area);
        }
    }
}
