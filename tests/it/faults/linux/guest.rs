//! The calls on a space, and the kernel's part in them.

use std::rc::Rc;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{
    Access, Backing, MapError, MapRef, MemoryArea, Permissions, Privilege, SharedPages, VirtAddr,
    VirtualMemoryMap,
};

use super::object::{File, Object, Segment};
use super::op::{FILE_PAGES, PAGES, Shown, Span};
use super::touch::{Space, as_far_as_possible};
use crate::subject::{PAGE, pages};

/// Where the window begins: so that a border of tables lies in it.
const FIRST: usize = 512 - PAGES / 2;

fn area(span: Span) -> MemoryArea {
    pages(FIRST + span.first, span.count)
}

fn addr(at: usize) -> VirtAddr {
    VirtAddr::new(FIRST * PAGE + at)
}

pub struct Guest {
    frames: HostFrames,
    file: Rc<File>,
    space: Space,
    /// Somebody else's, who has mapped the file.
    other: Space,
}

impl Guest {
    pub fn new() -> Self {
        let frames = HostFrames::new(1024);
        let file = Rc::new(File::new(frames.clone(), FILE_PAGES));
        let empty = || Space::for_payload(Sv39::new(frames.clone()).unwrap());
        let (space, mut other) = (empty(), empty());
        let (first, count) = (0, FILE_PAGES);
        let shown = VirtualMemoryMap::provided(area(Span { first, count }), 0, user(RW), true);
        let shown = shown.unwrap().with_payload(Object::File(file.clone()));
        other.add_memory_map(shown).unwrap();
        Self {
            frames,
            file,
            space,
            other,
        }
    }

    /// Which pages of the window are mapped.
    pub fn mapped(&self) -> [bool; PAGES] {
        std::array::from_fn(|page| self.space.search_memory_map(addr(page * PAGE)).is_some())
    }

    pub fn map(&mut self, span: Span, shown: Shown, permissions: Permissions) {
        let (vmarea, permissions) = (area(span), user(permissions));
        let provided = |page: usize, is_shared, object| {
            let offset = (page * PAGE) as u64;
            let map = VirtualMemoryMap::provided(vmarea, offset, permissions, is_shared);
            map.unwrap().with_payload(object)
        };
        let map = match shown {
            Shown::Anonymous => VirtualMemoryMap::anonymous(vmarea, permissions)
                .unwrap()
                .with_payload(Object::Nothing),
            Shown::Segment => {
                let pages = SharedPages::new(self.frames.clone());
                let count = span.count;
                provided(0, true, Object::Segment(Rc::new(Segment { pages, count })))
            }
            Shown::File { page, is_shared } => {
                provided(page, is_shared, Object::File(self.file.clone()))
            }
        };
        self.space.replace_memory_map(map).unwrap();
    }

    pub fn unmap(&mut self, span: Span) {
        self.space.unmap(area(span)).unwrap();
    }

    /// Whether there was no hole.
    pub fn protect(&mut self, span: Span, permissions: Permissions) -> bool {
        match self.space.protect(area(span), user(permissions)) {
            Ok(()) => true,
            Err(MapError::NotMapped { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    pub fn discard(&mut self, span: Span) {
        self.space.discard(area(span)).unwrap();
    }

    /// Moves, and replaces what is there.
    pub fn relocate(&mut self, old: Span, new: Span) {
        if new.count <= old.count {
            return self.space.remap(area(old), area(new)).unwrap();
        }
        self.unmap(new);
        let last = self.space.search_memory_map(area(old).end()).unwrap();
        if last.backing() == Backing::Anonymous && last.vmarea().end() == area(old).end() {
            return self.space.remap(area(old), area(new)).unwrap();
        }
        // What a verb does not do, to let a part of a map grow, or an object's, is done with a second map.
        let (count, tail) = (old.count, self.continuation(old, new));
        self.space
            .remap(area(old), area(Span { count, ..new }))
            .unwrap();
        self.space.add_memory_map(tail).unwrap();
    }

    /// Whether there was room to grow.
    pub fn resize(&mut self, old: Span, count: usize) -> bool {
        let new = Span { count, ..old };
        let last = self.space.search_memory_map(area(old).end()).unwrap();
        let resized = if count <= old.count || last.backing() == Backing::Anonymous {
            self.space.remap(area(old), area(new))
        } else {
            let tail = self.continuation(old, new);
            let added = self.space.add_memory_map(tail);
            added.map_err(|refused| refused.error())
        };
        match resized {
            Ok(()) => true,
            Err(MapError::Overlap { .. } | MapError::CannotGrow { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// What the last map in `old` shows after `old`, for the end of `new`, which is longer.
    fn continuation(&self, old: Span, new: Span) -> VirtualMemoryMap<Object> {
        let last = self.space.search_memory_map(area(old).end()).unwrap();
        let first = new.first + old.count;
        let count = new.count - old.count;
        let (vmarea, permissions) = (area(Span { first, count }), last.permissions());
        let map = match last.offset_of(area(old).end()) {
            None => VirtualMemoryMap::anonymous(vmarea, permissions),
            Some(offset) => {
                VirtualMemoryMap::provided(vmarea, offset + 1, permissions, last.is_shared())
            }
        };
        map.unwrap().with_payload(last.payload().clone())
    }

    /// Cuts the file, or lets it grow: nobody keeps pages of what lies behind its end, nor copies of them.
    pub fn truncate(&mut self, len: usize) {
        for space in [&mut self.space, &mut self.other] {
            let shown = |map: &MapRef<'_, Object>, page: usize| {
                let offset = map.offset_of(VirtAddr::new(page * PAGE));
                matches!(map.payload(), Object::File(_))
                    && offset.is_some_and(|offset| offset >= (len * PAGE) as u64)
            };
            let mut stale = Vec::new();
            for map in space.memory_maps() {
                let first = map.vmarea().start().get() / PAGE;
                let last = map.vmarea().end().get() / PAGE;
                stale.extend((first..=last).filter(|&page| shown(&map, page)));
            }
            for page in stale {
                space.discard(pages(page, 1)).unwrap();
            }
        }
        self.file.truncate(len);
    }

    /// How many bytes could be read.
    pub fn read(&self, at: usize, to: &mut [u8]) -> usize {
        let len = to.len();
        as_far_as_possible(&self.space, Access::Read, len, |done| {
            let from = addr(at + done);
            self.space.read(from, &mut to[done..], Privilege::User)
        })
    }

    /// How many bytes could be written.
    pub fn write(&self, at: usize, from: &[u8]) -> usize {
        as_far_as_possible(&self.space, Access::Write, from.len(), |done| {
            let to = addr(at + done);
            self.space.write(to, &from[done..], Privilege::User)
        })
    }

    pub fn read_file(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.file.len() * PAGE];
        let len = bytes.len();
        let done = as_far_as_possible(&self.other, Access::Read, len, |done| {
            self.other
                .read(addr(done), &mut bytes[done..], Privilege::User)
        });
        assert_eq!(done, len);
        bytes
    }

    /// How many bytes lay before the end of the file.
    pub fn write_file(&self, at: usize, from: &[u8]) -> usize {
        as_far_as_possible(&self.other, Access::Write, from.len(), |done| {
            self.other
                .write(addr(at + done), &from[done..], Privilege::User)
        })
    }

    pub fn check(&self) {
        self.space.check_invariants().unwrap();
        self.other.check_invariants().unwrap();
    }

    /// Ends it all; every frame is back then.
    pub fn end(self) {
        let Self {
            frames,
            file,
            space,
            other,
        } = self;
        drop((space, other));
        drop(Rc::into_inner(file).unwrap());
        assert_eq!(frames.frames_in_use(), 0);
    }
}

const RW: Permissions = Permissions::READ.union(Permissions::WRITE);

fn user(permissions: Permissions) -> Permissions {
    permissions | Permissions::USER
}
