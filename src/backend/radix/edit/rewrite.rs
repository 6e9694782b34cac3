//! Rewriting leaves in a row: the inner loops of a change of permissions.

use core::ops::Range;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use crate::addr::PhysAddr;
use crate::backend::radix::entry::allowed::Allowed;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::transition::rewrite::rewrite;
use crate::backend::radix::entry::word::is_leaf;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::table::Table;
use crate::platform::Platform;

/// The number of words that are compared together. It is as many as make the comparison worth it, and few enough that
/// one word which differs costs the others little.
const GROUP: usize = 128;

/// The bits that a rewrite has met.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen {
    /// The bits that were set in any old word. Those of [`Format::KEPT`] may be missing.
    pub(crate) words: u64,
    /// The bits that changed in any valid word: 0 when no CPU need forget anything.
    pub(crate) difference: u64,
}

impl Seen {
    /// Notes words that were `old` and have changed in these bits. A word that was not valid is in no TLB.
    #[inline]
    const fn note<F: Format>(&mut self, old: u64, difference: u64) {
        self.words |= old;
        if old & F::VALID != 0 {
            self.difference |= difference;
        }
    }
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Gives the leaves in these slots of the table at `at` these permissions. An owned leaf that could not be written
    /// stays so, and words that are no leaves stay as they are. O(slots).
    pub(super) fn rewrite(&mut self, at: PhysAddr, slots: Range<usize>, allowed: Allowed) -> Seen {
        let mut seen = Seen::default();
        if self.is_written_by_hardware() {
            rewrite_shared::<F>(part(self.table(at), slots), allowed, &mut seen);
            return seen;
        }
        for first in slots.clone().step_by(GROUP) {
            let group = first..slots.end.min(first + GROUP);
            let alike = self.alike(at, group.clone(), but_for::<F>());
            let words = part(self.table(at), group);
            match alike.filter(|&word| is_leaf::<F>(word)) {
                Some(old) => rewrite_alike::<F>(words, old, allowed, &mut seen),
                None => rewrite_each::<F>(words, allowed, &mut seen),
            }
        }
        seen
    }
}

/// The bits in which leaves may differ whose permissions one difference changes. Where writing makes a leaf dirty by a
/// bit of its permissions, they depend on whether it is.
const fn but_for<F: Format>() -> u64 {
    let dirty = if F::UNUSED == 0 { 0 } else { F::DIRTY };
    F::KEPT & !F::OWNED & !dirty
}

fn part(table: &Table, slots: Range<usize>) -> &[AtomicU64] {
    table.get(slots).unwrap_or_default()
}

/// Rewrites leaves that all have the permissions of `old`, as those in a row mostly do: one difference does for each.
/// Nobody else writes these words, so they are loaded and stored apart.
fn rewrite_alike<F: Format>(words: &[AtomicU64], old: u64, allowed: Allowed, seen: &mut Seen) {
    let difference = (old ^ F::permitted(old, allowed.of::<F>(old))) & !F::KEPT;
    for word in words {
        word.store(word.load(Relaxed) ^ difference, Relaxed);
    }
    seen.note::<F>(old, difference);
}

/// Rewrites words that differ in more than their kept bits, one by one. Nobody else writes them.
fn rewrite_each<F: Format>(words: &[AtomicU64], allowed: Allowed, seen: &mut Seen) {
    for word in words {
        let old = word.load(Relaxed);
        let new = allowed.in_word::<F>(old);
        word.store(new, Relaxed);
        seen.note::<F>(old, old ^ new);
    }
}

/// Rewrites words in which the MMU sets A and D meanwhile.
fn rewrite_shared<F: Format>(words: &[AtomicU64], allowed: Allowed, seen: &mut Seen) {
    for word in words {
        let old = rewrite::<F>(word, allowed);
        seen.note::<F>(old, (old ^ allowed.in_word::<F>(old)) & !F::KEPT);
    }
}
