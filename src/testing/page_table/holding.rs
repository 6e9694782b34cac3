//! Laws of what is behind owned pages: their bytes, and accesses to them.

use alloc::format;

use super::owning::installed_at;
use super::place::{R, RW, part, small_block, sure};
use super::space::Space;
use crate::asid::Asid;
use crate::backend::{Edit, Entry, Paging, Run, Unheld};
use crate::permissions::Access;

/// The bytes of an owned page are read back as they were written, in this page and in no other; by who has the page
/// table to himself, too.
pub(super) fn held_bytes_are_the_pages<B: Paging>(space: &mut Space<'_, B>) {
    let run = installed_at(space, 3, RW);
    {
        let held = match space.backend.hold(run) {
            Ok(held) => held,
            Err(error) => return space.breaks(|| format!("{run:?} was not held: {error:?}")),
        };
        held.zero(0, B::PAGE_SIZE);
        held.write(5, b"bytes");
        let mut bytes = [0xff; 8];
        held.read(4, &mut bytes);
        space.same(&&bytes, &b"\0bytes\0\0", "the bytes of the page");
    }
    let other = run.allowing(R);
    let alone = space.backend.hold_alone(run).map(|held| {
        let mut bytes = [0xff; 8];
        held.read(4, &mut bytes);
        bytes
    });
    space.same(
        &alone,
        &Ok(*b"\0bytes\0\0"),
        "the bytes of the page, held alone",
    );
    let unheld = space.backend.hold_alone(other).err();
    space.same(
        &unheld,
        &Some(Entry::Leaf(run)),
        "a page that is not as it was said to be, held alone",
    );
    let changed = Some(Unheld::Changed(Entry::Leaf(run)));
    space.same(
        &space.backend.hold(other).err(),
        &changed,
        "a page that is not as it was said to be",
    );
    let physical = Run {
        area: part::<B>(small_block(&space.backend).area, 5, 1),
        ..run
    };
    space.verb(&[Edit::Map(physical)]);
    let found = Entry::Leaf(physical);
    let held = space.backend.hold(physical).err();
    let changed = Some(Unheld::Changed(found));
    space.same(&held, &changed, "a page of physical memory");
    let held = space.backend.hold_alone(physical).err();
    space.same(&held, &Some(found), "a page of physical memory, held alone");
}

/// An access that a leaf allows can be marked in it; others change nothing, and neither does a fence.
pub(super) fn an_access_is_marked_only_where_it_is_allowed<B: Paging>(space: &mut Space<'_, B>) {
    let run = installed_at(space, 3, R);
    let addr = run.area.end();
    let [read, write] =
        [Access::Read, Access::Write].map(|access| space.backend.touch(addr, access));
    space.same(&read, &Ok(()), "a read that is allowed");
    space.same(&write, &Err(Entry::Leaf(run)), "a write that is not");
    let beside = sure(run.area.next());
    let read = space.backend.touch(beside, Access::Read);
    space.same(&read, &Err(Entry::Empty), "a read of nothing");
    space.backend.fence(addr, Asid::new(1));
    space.holds(&[run]);
}
