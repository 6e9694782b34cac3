//! The kernel's objects, which maps show: their words, a cache of their pages, and a disk.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use kernel_vm::{Frame, FrameAllocator, PhysAddr, SharedPages, VirtAddr};

use super::kernel::Kernel;

/// Pages of each object.
pub const OBJECT_PAGES: usize = 6;
pub const OBJECTS: usize = 2;

/// An object, and a page of it.
pub type Key = (usize, usize);

pub struct Objects {
    kernel: Kernel,
    /// What programs have written: the model.
    words: RefCell<[[u64; OBJECT_PAGES]; OBJECTS]>,
    /// What each of them was before.
    history: RefCell<BTreeMap<Key, Vec<u64>>>,
    cache: RefCell<BTreeMap<Key, Frame>>,
    /// What was written back.
    disk: RefCell<BTreeMap<Key, u64>>,
    /// Frames of which a reference came back as dirty.
    dirty: RefCell<BTreeSet<PhysAddr>>,
}

impl Objects {
    pub fn new(kernel: Kernel) -> Self {
        Self {
            kernel,
            words: RefCell::default(),
            history: RefCell::default(),
            cache: RefCell::default(),
            disk: RefCell::default(),
            dirty: RefCell::default(),
        }
    }

    pub fn word(&self, (object, page): Key) -> u64 {
        self.words.borrow()[object][page]
    }

    pub fn set(&self, key: Key, word: u64) {
        let (object, page) = key;
        let before = core::mem::replace(&mut self.words.borrow_mut()[object][page], word);
        self.history
            .borrow_mut()
            .entry(key)
            .or_default()
            .push(before);
    }

    /// Whether the page's word was this at some time before.
    pub fn has_been(&self, key: Key, word: u64) -> bool {
        let history = self.history.borrow();
        history
            .get(&key)
            .is_some_and(|before| before.contains(&word))
    }

    /// One more reference to a page, if it is in the cache.
    pub fn cached(&self, key: Key) -> Option<Frame> {
        let cache = self.cache.borrow();
        let frame = cache.get(&key)?;
        Some(self.kernel.0.machine.share_frame(frame).unwrap())
    }

    /// One more reference to a page, which is read from the disk where it is not in the cache.
    pub fn page(&self, key: Key) -> Option<Frame> {
        if let Some(frame) = self.cached(key) {
            return Some(frame);
        }
        let frame = self.blank()?;
        // Another CPU may have been quicker, in the middle of that.
        if let Some(first) = self.cached(key) {
            self.kernel.release(frame, false);
            return Some(first);
        }
        let word = self.disk.borrow().get(&key).copied().unwrap_or(0);
        self.cpu().store_u64(word_of(&frame), word).unwrap();
        self.cache.borrow_mut().insert(key, frame);
        self.cached(key)
    }

    /// A frame of zeroes.
    fn blank(&self) -> Option<Frame> {
        let frame = SharedPages::new(self.kernel.clone()).page(0).ok()?;
        // What was written there before is nobody's.
        self.hear_of_dirty();
        self.dirty.borrow_mut().remove(&frame.addr());
        Some(frame)
    }

    /// A CPU that translates nothing, as the kernel's own mapping would.
    fn cpu(&self) -> kernel_vm::backend::mock::machine::Cpu<'_> {
        self.kernel.0.machine.cpu(usize::MAX)
    }

    fn hear_of_dirty(&self) {
        self.dirty.borrow_mut().extend(self.kernel.0.dirty.take());
    }

    /// Writes a page back that a space has told of.
    pub fn write_back(&self, key: Key) {
        if let Some(frame) = self.cache.borrow().get(&key) {
            let word = self.cpu().load_u64(word_of(frame)).unwrap();
            self.disk.borrow_mut().insert(key, word);
        }
    }

    /// Writes back what is dirty and nobody has mapped, and takes it out of the cache.
    pub fn shrink(&self) {
        let is_alone = |frame: &Frame| {
            let references = self.kernel.0.machine.frames().references(frame.addr());
            references == 1
        };
        let cache = self.cache.borrow();
        let alone = cache.iter().filter(|(_, frame)| is_alone(frame));
        let alone: Vec<Key> = alone.map(|(&key, _)| key).collect();
        drop(cache);
        for key in alone {
            self.drop_page(key);
        }
    }

    fn drop_page(&self, key: Key) {
        self.hear_of_dirty();
        let is_dirty = |frame: &Frame| self.dirty.borrow().contains(&frame.addr());
        if self.cache.borrow().get(&key).is_some_and(is_dirty) {
            self.write_back(key);
        }
        let frame = self.cache.borrow_mut().remove(&key);
        self.kernel.release(frame.unwrap(), false);
        let on_disk = self.disk.borrow().get(&key).copied().unwrap_or(0);
        assert_eq!(on_disk, self.word(key), "a write to {key:?} is lost");
    }

    /// How many frames the cache has.
    pub fn len(&self) -> usize {
        self.cache.borrow().len()
    }

    /// Nobody has any page mapped any more.
    pub fn end(&self) {
        self.shrink();
        assert_eq!(self.len(), 0, "somebody has a page");
    }
}

/// Where the word of a page is, by its physical address.
fn word_of(frame: &Frame) -> VirtAddr {
    VirtAddr::new(usize::try_from(frame.addr().get()).unwrap() + 8)
}
