//! What maps show: a file with its page cache, or shared memory. The kernel's part.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::{Frame, FrameAllocator, Payload, SharedPages};

use crate::subject::PAGE;

/// A file, and the pages of it that are in memory.
pub struct File {
    frames: HostFrames,
    cache: RefCell<BTreeMap<usize, Frame>>,
    /// How many pages it has.
    len: Cell<usize>,
}

impl File {
    pub fn new(frames: HostFrames, len: usize) -> Self {
        let (cache, len) = (RefCell::default(), Cell::new(len));
        Self { frames, cache, len }
    }

    pub fn len(&self) -> usize {
        self.len.get()
    }

    /// One more reference to a page; `None` past the end.
    fn page(&self, number: usize) -> Option<Frame> {
        if number >= self.len.get() {
            return None;
        }
        let mut cache = self.cache.borrow_mut();
        // A page of zeroes, of which nobody else keeps a reference.
        let blank = || SharedPages::new(self.frames.clone()).page(0).unwrap();
        let page = cache.entry(number).or_insert_with(blank);
        Some(self.frames.share_frame(page).unwrap())
    }

    /// Gives back what lies behind the new end. Whoever maps it has forgotten it before.
    pub fn truncate(&self, len: usize) {
        self.len.set(len);
        for (_, frame) in self.cache.borrow_mut().split_off(&len) {
            assert_eq!(self.frames.references(frame.addr()), 1, "still mapped");
            self.frames.release(frame, false);
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.truncate(0);
    }
}

/// Shared memory that shows no file, of so many pages.
pub struct Segment {
    pub pages: SharedPages<HostFrames>,
    pub count: usize,
}

/// The payload of a map.
#[derive(Clone)]
pub enum Object {
    Nothing,
    File(Rc<File>),
    Segment(Rc<Segment>),
}

impl Object {
    /// One more reference to the page at an offset; `None` past the end.
    pub fn page(&self, offset: u64) -> Option<Frame> {
        let number = usize::try_from(offset).unwrap() / PAGE;
        match self {
            Self::Nothing => panic!("anonymous memory is not supplied"),
            Self::File(file) => file.page(number),
            Self::Segment(segment) => {
                (number < segment.count).then(|| segment.pages.page(offset).unwrap())
            }
        }
    }
}

impl Payload for Object {
    fn split_at(&mut self, _offset: usize) -> Self {
        self.clone()
    }

    fn can_join(&self, _len: usize, right: &Self) -> bool {
        match (self, right) {
            (Self::Nothing, Self::Nothing) => true,
            (Self::File(left), Self::File(right)) => Rc::ptr_eq(left, right),
            (Self::Segment(left), Self::Segment(right)) => Rc::ptr_eq(left, right),
            _ => false,
        }
    }
}
