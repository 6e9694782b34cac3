//! Frames as the model has them: what is in each, and how many have it. And the kernel's object, whose pages it
//! supplies.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::explore::{Wrong, same};
use super::span::PAGES;
use crate::addr::PhysAddr;
use crate::backend::mock::HostFrames;
use crate::bytes::Held;
use crate::frame::{Frame, FrameAllocator};

/// How many pages the object has: a map that grows shows more than there are in the scope.
const OBJECT: usize = 2 * PAGES;

/// What the first byte of the object's first page is.
const FIRST: u8 = 100;

/// A frame that is handed out, and is no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Content {
    /// Its first byte; the others do not matter.
    byte: u8,
    references: usize,
}

pub(super) struct Memory {
    pub(super) frames: HostFrames,
    contents: BTreeMap<u64, Content>,
    /// The object's pages that the kernel has in mind, with a reference of its own.
    cache: [Option<Frame>; OBJECT],
}

impl Memory {
    pub(super) fn new(frames: &HostFrames) -> Self {
        Self {
            frames: frames.clone(),
            contents: BTreeMap::new(),
            cache: [const { None }; OBJECT],
        }
    }

    /// A frame has come, and has one owner.
    pub(super) fn come(&mut self, addr: PhysAddr, byte: u8) -> Result<(), Wrong> {
        let references = 1;
        let content = Content { byte, references };
        let before = self.contents.insert(addr.get(), content);
        same(("owners of", addr), before, None)
    }

    fn content(&mut self, addr: PhysAddr) -> &mut Content {
        self.contents.get_mut(&addr.get()).unwrap()
    }

    pub(super) fn byte(&self, addr: PhysAddr) -> u8 {
        self.contents
            .get(&addr.get())
            .map_or(0, |content| content.byte)
    }

    /// A byte that is another than the one there.
    pub(super) fn next_byte(&self, addr: PhysAddr) -> u8 {
        match self.byte(addr) {
            1 => 2,
            _ => 1,
        }
    }

    pub(super) fn write(&mut self, addr: PhysAddr, byte: u8) {
        self.content(addr).byte = byte;
    }

    pub(super) fn is_unique(&self, addr: PhysAddr) -> bool {
        self.contents
            .get(&addr.get())
            .is_some_and(|content| content.references == 1)
    }

    pub(super) fn share(&mut self, addr: PhysAddr) {
        self.content(addr).references += 1;
    }

    /// An owner gives the frame back.
    pub(super) fn go(&mut self, addr: PhysAddr) {
        let content = self.content(addr);
        content.references -= 1;
        if content.references == 0 {
            self.contents.remove(&addr.get());
        }
    }

    /// How many frames are in use, tables aside.
    pub(super) fn in_use(&self) -> usize {
        self.contents.len()
    }

    /// A reference to the object's page with this number, and its frame: read from the disk, if it is not there.
    pub(super) fn supply(&mut self, number: usize) -> Result<Frame, Wrong> {
        if self.cache[number].is_none() {
            let frame = self.frames.alloc().unwrap();
            let byte = FIRST + u8::try_from(number).unwrap();
            Held::of(&self.frames, &frame).unwrap().write(0, &[byte]);
            self.come(frame.addr(), byte)?;
            self.cache[number] = Some(frame);
        }
        let cached = self.cache[number].as_ref().unwrap();
        let (addr, shared) = (cached.addr(), self.frames.share_frame(cached));
        self.share(addr);
        Ok(shared.unwrap())
    }

    /// The kernel forgets the object's pages; the model alone does so, where that is a lie.
    pub(super) fn forget(&mut self, is_lie: bool) {
        for number in 0..OBJECT {
            let Some(addr) = self.cache[number].as_ref().map(Frame::addr) else {
                continue;
            };
            self.go(addr);
            if !is_lie {
                let frame = self.cache[number].take();
                frame
                    .into_iter()
                    .for_each(|frame| self.frames.release(frame, false));
            }
        }
    }

    /// The frames of the cache, and which pages they have.
    pub(super) fn digest(&self, met: &mut Vec<PhysAddr>, words: &mut Vec<u64>) {
        let cached = self.cache.iter().enumerate();
        let cached = cached.filter_map(|(number, frame)| Some((number, frame.as_ref()?.addr())));
        for (number, addr) in cached {
            words.push(number as u64);
            met.push(addr);
        }
        words.push(u64::MAX);
    }

    /// What is in these frames.
    pub(super) fn digest_contents(&self, met: &[PhysAddr], words: &mut Vec<u64>) {
        let contents = met.iter().map(|addr| self.contents.get(&addr.get()));
        words.extend(contents.map(|content| {
            content.map_or(0, |content| {
                u64::from(content.byte) | (content.references as u64) << 8
            })
        }));
    }
}
