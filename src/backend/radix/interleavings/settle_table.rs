//! A table that was taken out, with a page in it, and that two CPUs settle at once. An MMU may be in that table until
//! the flush.

use alloc::sync::Arc;
use core::marker::PhantomData;
use core::sync::atomic::Ordering::{Acquire, Relaxed};

use loom::sync::Mutex;
use loom::sync::atomic::AtomicU64;
use loom::thread;

use super::frames::{Frames, Reference};
use super::mmu::Mmu;
use super::space::{WRITE, leaf};
use super::{check, for_each_format};
use crate::addr::PhysAddr;
use crate::backend::radix::entry::transition::reap::{Reaped, reap};
use crate::backend::radix::entry::transition::retire::retire;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::retire::reap::{Unlinked, release_tree};

for_each_format! {
    fn one_of_two_who_settle_gives_the_table_back() = two_settle;
}

/// The frames of the table and of its page.
const TABLE: usize = 0;
const PAGE: usize = 1;

/// A pointer, and the one leaf in the table behind it.
struct Tree<F> {
    pointer: AtomicU64,
    leaf: AtomicU64,
    /// Whether a CPU has cached the pointer.
    is_cached: Mutex<bool>,
    frames: Frames,
    format: PhantomData<fn() -> F>,
}

impl<F: Mmu> Tree<F> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            pointer: AtomicU64::new(F::table(Frames::addr(TABLE), 0) | F::OWNED),
            leaf: AtomicU64::new(leaf::<F>(PAGE, WRITE)),
            is_cached: Mutex::new(true),
            frames: Frames::new([1; 3]),
            format: PhantomData,
        })
    }

    /// A user's access by the cached pointer: the MMU reads the table, and then the page.
    fn access(&self) {
        let is_cached = self.is_cached.lock().unwrap();
        if *is_cached {
            self.frames.access(TABLE);
            assert_ne!(self.leaf.load(Relaxed) & F::VALID, 0, "leaves stay");
            self.frames.access(PAGE);
        }
    }

    /// A walk by another CPU: it goes no further than a pointer that waits.
    fn walk(&self) {
        let word = self.pointer.load(Acquire);
        let read = Word::read::<F>(word, 1);
        assert!(matches!(read, Word::RetiredTable(_) | Word::Empty));
    }

    /// As a page table settles under a shared borrow. Answers whether this CPU has given the table back.
    fn settle(&self) -> bool {
        *self.is_cached.lock().unwrap() = false;
        let word = self.pointer.load(Acquire);
        match reap::<F>(&self.pointer, word, 1) {
            Some(Reaped::Table(at, owned)) => {
                release_tree::<F>(self, at, 0, owned);
                true
            }
            _ => false,
        }
    }
}

impl<F: Mmu> Unlinked for Tree<F> {
    fn each_with(&self, at: PhysAddr, bits: u64, mut each: impl FnMut(u64)) {
        self.frames.access(Frames::number(at));
        let word = self.leaf.load(Relaxed);
        if word & bits != 0 {
            each(word);
        }
    }

    fn release_page(&self, leaf: u64) {
        let page = Reference(Frames::number(F::addr(leaf)));
        assert!(self.frames.release(page, false).is_some());
    }

    fn release_table(&self, at: PhysAddr) {
        let table = Reference(Frames::number(at));
        assert!(self.frames.release(table, false).is_some());
    }
}

fn two_settle<F: Mmu>() {
    check(Some(3), || {
        let tree = Tree::<F>::new();
        let user = {
            let tree = Arc::clone(&tree);
            thread::spawn(move || tree.access())
        };
        retire::<F>(&tree.pointer, 1);
        let other = {
            let tree = Arc::clone(&tree);
            thread::spawn(move || {
                tree.walk();
                tree.settle()
            })
        };
        let mine = tree.settle();
        let others = other.join().unwrap();
        user.join().unwrap();
        assert!(mine ^ others, "{mine} {others}");
        assert_eq!(tree.pointer.load(Relaxed), 0);
        assert_eq!(tree.frames.counts(), [0, 0, 1]);
    });
}
