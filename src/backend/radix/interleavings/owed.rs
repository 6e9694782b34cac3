//! A page table that two CPUs settle at once, and a third that asks whether a flush is owed still.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::{Acquire, Relaxed};

use loom::sync::atomic::AtomicU64;
use loom::thread;

use super::mmu::Mmu;
use super::space::{WRITE, leaf, run};
use super::{check, for_each_format};
use crate::backend::radix::entry::transition::reap::reap;
use crate::backend::radix::entry::transition::retire::retire;
use crate::backend::radix::retire::owed::Owed;
use crate::flush::Retired;

for_each_format! {
    fn who_finds_nothing_owed_finds_all_settled() = two_settle_and_one_asks;
}

/// A page that waits for its flush. No CPU but those that settle has an order with the flushes.
struct PageTable {
    owed: Owed<AtomicU64>,
    page: AtomicU64,
    flushes: AtomicU64,
}

impl PageTable {
    fn new<F: Mmu>() -> Self {
        let page = AtomicU64::new(leaf::<F>(0, WRITE));
        retire::<F>(&page, 0);
        let mut told = Retired::new();
        told.note(run(0, WRITE).area);
        told.note_waiting(run(0, WRITE).area);
        Self {
            owed: Owed::over(told, AtomicU64::new(0)),
            page,
            flushes: AtomicU64::new(0),
        }
    }

    /// As a page table settles under a shared borrow: what is not owed was flushed by somebody else.
    fn settle<F: Mmu>(&self) {
        if self.owed.told().is_some() {
            self.flushes.fetch_add(1, Relaxed);
        }
        let word = self.page.load(Acquire);
        reap::<F>(&self.page, word, 0);
        self.owed.note_settled();
    }

    /// As whoever exchanges a frame, and need not flush where nothing is owed.
    fn ask(&self) {
        if !self.owed.is_any() {
            assert!(self.flushes.load(Relaxed) > 0, "no CPU was flushed");
            assert_eq!(self.page.load(Relaxed), 0, "the page waits still");
        }
    }
}

fn two_settle_and_one_asks<F: Mmu>() {
    check(None, || {
        let table = Arc::new(PageTable::new::<F>());
        let others = [(); 2].map(|()| {
            let table = Arc::clone(&table);
            thread::spawn(move || table.settle::<F>())
        });
        let asker = {
            let table = Arc::clone(&table);
            thread::spawn(move || table.ask())
        };
        others.into_iter().for_each(|other| other.join().unwrap());
        asker.join().unwrap();
        assert!(!table.owed.is_any());
        table.ask();
        let mut table = Arc::into_inner(table).unwrap();
        assert!(table.owed.told_mut().is_empty(), "settled, so forgotten");
    });
}
