//! A payload, a sink and an iterator of which one call panics.

use std::cell::Cell;
use std::panic::resume_unwind;

use kernel_vm::{Payload, VirtualMemoryMap};

use super::platform::Struck;

/// Code of the kernel's that a verb on maps calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Split,
    Join,
    Drop,
    Sink,
    Next,
}

impl Call {
    pub const ALL: [Self; 5] = [Self::Split, Self::Join, Self::Drop, Self::Sink, Self::Next];
}

thread_local! {
    static ARMED: Cell<Option<(Call, usize)>> = const { Cell::new(None) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

/// Lets the `n`-th such call from now (1 is the next) panic, once.
pub fn arm(call: Call, n: usize) {
    ARMED.set(Some((call, n)));
}

/// Takes that back. Answers whether the call was still to come.
pub fn disarm() -> bool {
    ARMED.take().is_some()
}

/// How many payloads there are on this thread.
pub fn live() -> isize {
    LIVE.get()
}

fn called(call: Call) {
    let Some((armed, n)) = ARMED.get().filter(|(armed, _)| *armed == call) else {
        return;
    };
    ARMED.set((n > 1).then_some((armed, n - 1)));
    if n == 1 {
        resume_unwind(Box::new(Struck));
    }
}

/// A payload that joins its like.
#[derive(Debug, PartialEq, Eq)]
pub struct Tag(u8);

impl Tag {
    pub fn new(tag: u8) -> Self {
        LIVE.set(LIVE.get() + 1);
        Self(tag)
    }
}

impl Payload for Tag {
    fn split_at(&mut self, _offset: usize) -> Self {
        called(Call::Split);
        Self::new(self.0)
    }

    fn can_join(&self, _len: usize, right: &Self) -> bool {
        called(Call::Join);
        self.0 == right.0
    }
}

impl Drop for Tag {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
        called(Call::Drop);
    }
}

/// Keeps pieces.
#[derive(Default)]
pub struct Pieces(pub Vec<VirtualMemoryMap<Tag>>);

impl Extend<VirtualMemoryMap<Tag>> for Pieces {
    fn extend<I: IntoIterator<Item = VirtualMemoryMap<Tag>>>(&mut self, pieces: I) {
        for piece in pieces {
            called(Call::Sink);
            self.0.push(piece);
        }
    }
}

/// The items of an iterator, each of which may panic.
pub fn ticking<I: Iterator>(items: I) -> impl Iterator<Item = I::Item> {
    items.inspect(|_| called(Call::Next))
}
