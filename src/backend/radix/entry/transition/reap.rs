//! Emptying an entry whose flush has returned, beside other CPUs.

use core::sync::atomic::Ordering::{AcqRel, Relaxed};

use crate::addr::PhysAddr;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::place::Place;

/// What an entry held that was emptied: the CPU's own, which gives it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend::radix) enum Reaped {
    /// A leaf, with its word.
    Leaf(u64),
    /// A table, and whether leaves below may own their frames.
    Table(PhysAddr, bool),
}

/// Empties the entry at `level` where `word` was read, if that is a word that waits. Answers what it held, if this CPU
/// was the one that emptied it: nobody else gives that back.
///
/// The flush of the word has returned. A broken leaf stays: the CPU that exchanges its frame has a flush of its own to
/// wait for. Release: whoever finds the entry empty finds it flushed.
#[inline]
pub(in crate::backend::radix) fn reap<F: Format>(
    place: &impl Place,
    word: u64,
    level: usize,
) -> Option<Reaped> {
    let reaped = match Word::read::<F>(word, level) {
        Word::RetiredTable(child) => Reaped::Table(child, word & F::OWNED != 0),
        Word::RetiredLeaf(leaf) if leaf & F::BROKEN == 0 => Reaped::Leaf(leaf),
        _ => return None,
    };
    let emptied = place.compare_exchange(word, 0, AcqRel, Relaxed);
    emptied.is_ok().then_some(reaped)
}
