//! Laws of the marks of use: accessed and dirty.

use alloc::vec::Vec;

use super::owning::installed_at;
use super::place::{NONE, R, RW, part, small_block};
use super::space::Space;
use crate::area::MemoryArea;
use crate::backend::{Edit, Entry, Paging, Run};
use crate::flush::Retired;
use crate::permissions::Access;

/// The pages of `area` that are told of as accessed, after the flush.
fn accessed<B: Paging>(space: &mut Space<'_, B>, area: MemoryArea) -> Vec<Run> {
    let (mut out, mut told) = (Retired::new(), Vec::new());
    space
        .backend
        .take_accessed(area, &mut out, |run| told.push(run));
    space.finish(B::Reserved::default(), out, &[]);
    told
}

/// The pages of `area` that are told of as dirty.
fn dirty<B: Paging>(space: &mut Space<'_, B>, area: MemoryArea) -> Vec<Run> {
    let mut told = Vec::new();
    space.backend.take_dirty(area, |run| told.push(run));
    space.is_sound();
    told
}

/// The access, which the leaf at the run's first page allows, is marked.
fn touch<B: Paging>(space: &Space<'_, B>, run: Run, access: Access) {
    let marked = space.backend.touch(run.area.start(), access);
    space.same(&marked, &Ok(()), "an access that is allowed");
}

/// A page that was accessed is told of once, owned or not, hidden since or not. None is that was not, or not so as it
/// allows. Where the marks are preset, each is told of each time.
pub(super) fn an_accessed_page_is_told_of_once<B: Paging>(space: &mut Space<'_, B>) {
    let block = small_block(&space.backend);
    let owned = installed_at(space, 3, R);
    let [physical, denied] = [5, 6].map(|number| block.inside(part::<B>(block.area, number, 1)));
    // Its frame does not continue the other's, so that the two are never one leaf.
    let denied = denied.leading_further(B::PAGE_SIZE).allowing(R);
    let hidden = installed_at(space, 7, R);
    space.verb(&[Edit::Map(physical), Edit::Map(denied)]);
    let beyond = installed_at(space, 9, R);
    let area = part::<B>(block.area, 0, 8);
    accessed(space, block.area);
    [owned, physical, hidden, beyond]
        .into_iter()
        .for_each(|run| touch(space, run, Access::Read));
    let found = space.backend.touch(denied.area.start(), Access::Write);
    space.same(&found, &Err(Entry::Leaf(denied)), "a write that is denied");
    space.verb(&[Edit::Protect(hidden.area, NONE)]);
    let hidden = hidden.allowing(NONE);
    let is_preset = space.backend.is_preset();
    let all = [owned, physical, denied, hidden];
    let (first, again) = if is_preset {
        (Vec::from(all), Vec::from(all))
    } else {
        (Vec::from([owned, physical, hidden]), Vec::new())
    };
    let told = accessed(space, area);
    space.same(&told, &first, "the accessed pages");
    let told = accessed(space, area);
    space.same(&told, &again, "the accessed pages, asked again");
    let told = accessed(space, block.area);
    let expected: Vec<_> = again.into_iter().chain([beyond]).collect();
    space.same(&told, &expected, "the accessed pages of a larger area");
    space.holds(&[owned, physical, denied, hidden, beyond]);
}

/// An owned page that was written, and cannot be any more, is told of once, hidden or not. A page that still can be
/// written is not, nor is one that the page table does not own, or one beyond the area.
pub(super) fn a_written_page_is_told_of_once<B: Paging>(space: &mut Space<'_, B>) {
    let block = small_block(&space.backend);
    let written = installed_at(space, 3, RW);
    let read = installed_at(space, 4, R);
    let writable = installed_at(space, 5, RW);
    let physical = block.inside(part::<B>(block.area, 6, 1));
    space.verb(&[Edit::Map(physical)]);
    let hidden = installed_at(space, 7, RW);
    let beyond = installed_at(space, 9, RW);
    dirty(space, block.area);
    [written, writable, physical, hidden, beyond]
        .into_iter()
        .for_each(|run| touch(space, run, Access::Write));
    touch(space, read, Access::Read);
    space.verb(&[
        Edit::Protect(written.area, R),
        Edit::Protect(physical.area, R),
        Edit::Protect(hidden.area, NONE),
        Edit::Protect(beyond.area, R),
    ]);
    let [written, physical, beyond] = [written, physical, beyond].map(|run| run.allowing(R));
    let hidden = hidden.allowing(NONE);
    let area = part::<B>(block.area, 0, 8);
    let told = dirty(space, area);
    space.same(&told, &Vec::from([written, hidden]), "the written pages");
    let told = dirty(space, area);
    space.same(&told, &Vec::new(), "the written pages, asked again");
    let told = dirty(space, block.area);
    let expected = Vec::from([beyond]);
    space.same(&told, &expected, "the written pages of a larger area");
    space.holds(&[written, read, writable, physical, hidden, beyond]);
}
