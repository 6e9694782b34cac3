//! The calls on a space, and the kernel's part in them.

use std::rc::Rc;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{
    Access, Backing, Inherit, MapError, MapRef, MemoryArea, Permissions, Privilege, SharedPages,
    VirtAddr, VirtualMemoryMap,
};

use super::object::{File, Object, Segment};
use super::op::{FILE_PAGES, PAGES, Shown, Span};
use super::remote::PROCESSES;
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
    processes: [Option<Space>; PROCESSES],
    /// Somebody else's, who has mapped the file.
    other: Space,
}

impl Guest {
    pub fn new() -> Self {
        let frames = HostFrames::new(2048);
        let file = Rc::new(File::new(frames.clone(), FILE_PAGES));
        let mut other = Space::for_payload(Sv39::new(frames.clone()).unwrap());
        let (first, count) = (0, FILE_PAGES);
        let shown = VirtualMemoryMap::provided(area(Span { first, count }), 0, user(RW), true);
        let shown = shown.unwrap().with_payload(Object::File(file.clone()));
        other.add_memory_map(shown).unwrap();
        let mut guest = Self {
            frames,
            file,
            processes: Default::default(),
            other,
        };
        guest.start();
        guest
    }

    /// The first process, where there is none.
    pub fn start(&mut self) {
        self.processes[0] = Some(self.empty());
    }

    fn empty(&self) -> Space {
        Space::for_payload(Sv39::new(self.frames.clone()).unwrap())
    }

    pub fn fork(&mut self, parent: usize, child: usize) {
        let mut space = self.empty();
        let parent = self.process_mut(parent);
        parent.fork_into(&mut space, Inherit::posix).unwrap();
        self.processes[child] = Some(space);
    }

    pub fn exit(&mut self, process: usize) {
        self.processes[process] = None;
    }

    /// Which processes there are.
    pub fn alive(&self) -> impl Iterator<Item = usize> {
        (0..PROCESSES).filter(|&process| self.processes[process].is_some())
    }

    fn process(&self, process: usize) -> &Space {
        self.processes[process].as_ref().unwrap()
    }

    fn process_mut(&mut self, process: usize) -> &mut Space {
        self.processes[process].as_mut().unwrap()
    }

    /// Which pages of the window are mapped.
    pub fn mapped(&self, process: usize) -> [bool; PAGES] {
        let space = self.process(process);
        std::array::from_fn(|page| space.search_memory_map(addr(page * PAGE)).is_some())
    }

    pub fn map(&mut self, process: usize, span: Span, shown: Shown, permissions: Permissions) {
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
        self.process_mut(process).replace_memory_map(map).unwrap();
    }

    pub fn unmap(&mut self, process: usize, span: Span) {
        self.process_mut(process).unmap(area(span)).unwrap();
    }

    /// Whether there was no hole.
    pub fn protect(&mut self, process: usize, span: Span, permissions: Permissions) -> bool {
        match self
            .process_mut(process)
            .protect(area(span), user(permissions))
        {
            Ok(()) => true,
            Err(MapError::NotMapped { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    pub fn discard(&mut self, process: usize, span: Span) {
        self.process_mut(process).discard(area(span)).unwrap();
    }

    /// Moves, and replaces what is there.
    pub fn relocate(&mut self, process: usize, old: Span, new: Span) {
        if new.count <= old.count {
            return self
                .process_mut(process)
                .remap(area(old), area(new))
                .unwrap();
        }
        self.unmap(process, new);
        let last = self
            .process(process)
            .search_memory_map(area(old).end())
            .unwrap();
        if last.backing() == Backing::Anonymous && last.vmarea().end() == area(old).end() {
            return self
                .process_mut(process)
                .remap(area(old), area(new))
                .unwrap();
        }
        // What a verb does not do, to let a part of a map grow, or an object's, is done with a second map.
        let (count, tail) = (old.count, self.continuation(process, old, new));
        self.process_mut(process)
            .remap(area(old), area(Span { count, ..new }))
            .unwrap();
        self.process_mut(process).add_memory_map(tail).unwrap();
    }

    /// Whether there was room to grow.
    pub fn resize(&mut self, process: usize, old: Span, count: usize) -> bool {
        let new = Span { count, ..old };
        let last = self
            .process(process)
            .search_memory_map(area(old).end())
            .unwrap();
        let resized = if count <= old.count || last.backing() == Backing::Anonymous {
            self.process_mut(process).remap(area(old), area(new))
        } else {
            let tail = self.continuation(process, old, new);
            let added = self.process_mut(process).add_memory_map(tail);
            added.map_err(|refused| refused.error())
        };
        match resized {
            Ok(()) => true,
            Err(MapError::Overlap { .. } | MapError::CannotGrow { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// What the last map in `old` shows after `old`, for the end of `new`, which is longer.
    fn continuation(&self, process: usize, old: Span, new: Span) -> VirtualMemoryMap<Object> {
        let last = self
            .process(process)
            .search_memory_map(area(old).end())
            .unwrap();
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
        let spaces = self.processes.iter_mut().flatten();
        for space in spaces.chain([&mut self.other]) {
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
    pub fn read(&self, process: usize, at: usize, to: &mut [u8]) -> usize {
        let (len, space) = (to.len(), self.process(process));
        as_far_as_possible(space, Access::Read, len, |done| {
            let from = addr(at + done);
            space.read(from, &mut to[done..], Privilege::User)
        })
    }

    /// How many bytes could be written.
    pub fn write(&self, process: usize, at: usize, from: &[u8]) -> usize {
        let space = self.process(process);
        as_far_as_possible(space, Access::Write, from.len(), |done| {
            let to = addr(at + done);
            space.write(to, &from[done..], Privilege::User)
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
        for space in self.processes.iter().flatten() {
            space.check_invariants().unwrap();
        }
        self.other.check_invariants().unwrap();
    }

    /// Ends it all; every frame is back then.
    pub fn end(self) {
        let Self {
            frames,
            file,
            processes,
            other,
        } = self;
        drop((processes, other));
        drop(Rc::into_inner(file).unwrap());
        assert_eq!(frames.frames_in_use(), 0);
    }
}

const RW: Permissions = Permissions::READ.union(Permissions::WRITE);

fn user(permissions: Permissions) -> Permissions {
    permissions | Permissions::USER
}
