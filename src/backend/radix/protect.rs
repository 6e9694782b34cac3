//! Changing what leaves allow.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use super::format::Format;
use super::page::New;
use super::reserved::Reserved;
use super::table::{Slot, Table, slots, span};
use super::unmap::{Changed, is_vacant, populated};
use super::walker::Radix;
use super::word::{Word, is_leaf};
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::flush::{Retired, Tlb};
use crate::frame::FrameAllocator;
use crate::permissions::Permissions;

/// How many words are looked at together.
const GROUP: usize = 16;

/// An edit under way.
struct Protect<'a> {
    permissions: Permissions,
    /// What a format makes of them.
    bits: u64,
    with: &'a mut Reserved,
    changed: Changed,
}

/// What an edit has met: all old words, and all bits that changed in valid ones.
#[derive(Clone, Copy, Default)]
struct Seen {
    words: u64,
    difference: u64,
}

impl Seen {
    /// Words that were `old` have changed in these bits. What was not valid is in no TLB.
    #[inline]
    const fn note<F: Format>(&mut self, old: u64, difference: u64) {
        self.words |= old;
        if old & F::VALID != 0 {
            self.difference |= difference;
        }
    }
}

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    pub(super) fn protect_area(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        with: &mut Reserved,
        out: &mut Retired,
    ) {
        let mut edit = Protect {
            permissions,
            bits: F::permissions(permissions),
            with,
            changed: Changed::default(),
        };
        if let Some(pages) = self.pages_of(area) {
            self.protect_in(pages.table, 0, area, &mut edit);
            return edit.changed.tell(out);
        }
        for part in self.canonical(area) {
            self.protect_in(self.root_table(), Self::TOP, part, &mut edit);
            core::mem::take(&mut edit.changed).tell(out);
        }
    }

    fn protect_in(&self, table: &Table, level: usize, area: MemoryArea, edit: &mut Protect<'_>) {
        if level == 0 {
            if let Some((words, area)) = populated(table, area) {
                self.protect_words(words, area, 0, edit);
            }
            return;
        }
        for slot in slots(area, level) {
            let word = slot.of(table).load(Relaxed);
            let child = match Word::read::<F>(word, level) {
                Word::Table(child) => Some(child),
                Word::Leaf(leaf) => self.protect_leaf(slot, table, level, leaf, edit),
                Word::Empty | Word::RetiredTable(_) | Word::RetiredLeaf(_) => None,
            };
            let (Some(child), Some(below)) = (child, level.checked_sub(1)) else {
                continue;
            };
            self.protect_in(self.table(child), below, slot.piece(), edit);
            // Only where leaves were emptied for want of a reservation.
            if !self.is_pinned(level) && is_vacant::<F>(self.table(child)) {
                self.take_out(slot, table, level, child, &mut edit.changed);
            }
        }
    }

    /// Does what can be done to a large leaf itself; answers the table below that the rest of it is in.
    fn protect_leaf(
        &self,
        slot: Slot,
        table: &Table,
        level: usize,
        leaf: u64,
        edit: &mut Protect<'_>,
    ) -> Option<PhysAddr> {
        if F::attributes(leaf).permissions == edit.permissions {
            return None;
        }
        if slot.is_whole() {
            let word = core::slice::from_ref(slot.of(table));
            self.protect_words(word, slot.whole(), level, edit);
            return None;
        }
        let child = self.split_part(slot, table, leaf, level, edit.with);
        if child.is_none() {
            self.empty(slot, table, leaf, &mut edit.changed);
        }
        child
    }

    /// Gives whole leaves in a row other permissions. They may become hidden, or valid again.
    fn protect_words(
        &self,
        words: &[AtomicU64],
        area: MemoryArea,
        level: usize,
        edit: &mut Protect<'_>,
    ) {
        if edit.permissions.contains(Permissions::EXECUTE) {
            self.tell_of_code(words, level);
        }
        let seen = if self.is_written_by_hardware() {
            rewrite_shared::<F>(words, edit.bits)
        } else {
            rewrite::<F>(words, edit.bits)
        };
        if seen.difference != 0 {
            edit.changed.leaves(area);
        }
        if seen.words & F::HIDDEN != 0 && edit.bits & F::VALID != 0 {
            self.made_valid(area, New::Leaves);
        }
    }

    /// Tells the platform of frames that become executable.
    fn tell_of_code(&self, words: &[AtomicU64], level: usize) {
        for word in words.iter().map(|word| word.load(Relaxed)) {
            let permissions = F::attributes(word).permissions;
            if is_leaf::<F>(word) && !permissions.contains(Permissions::EXECUTE) {
                let frames = MemoryArea::from_start_size(F::addr(word), span(level));
                frames
                    .into_iter()
                    .for_each(|frames| self.platform().made_code(frames));
            }
        }
    }
}

/// A leaf with other permissions; anything else as it is.
#[inline]
const fn with_permissions<F: Format>(word: u64, bits: u64) -> u64 {
    if is_leaf::<F>(word) {
        (word & F::KEPT) | bits
    } else {
        word
    }
}

/// Nobody else writes these words, so they are loaded and stored apart. Several at a time: where all of them are leaves
/// that allow the same, as they mostly are, the same bits change in each, and none needs a look of its own.
fn rewrite<F: Format>(words: &[AtomicU64], bits: u64) -> Seen {
    let mut seen = Seen::default();
    let mut groups = words.chunks_exact(GROUP);
    for group in &mut groups {
        let (mut all, mut any) = (u64::MAX, 0);
        for word in group {
            let word = word.load(Relaxed);
            all &= word;
            any |= word;
        }
        if is_leaf::<F>(all) && (all ^ any) & !F::KEPT == 0 {
            let difference = (any ^ bits) & !F::KEPT;
            for word in group {
                word.store(word.load(Relaxed) ^ difference, Relaxed);
            }
            seen.note::<F>(any, difference);
        } else {
            rewrite_each::<F>(group, bits, &mut seen);
        }
    }
    rewrite_each::<F>(groups.remainder(), bits, &mut seen);
    seen
}

fn rewrite_each<F: Format>(words: &[AtomicU64], bits: u64, seen: &mut Seen) {
    for word in words {
        let old = word.load(Relaxed);
        let new = with_permissions::<F>(old, bits);
        word.store(new, Relaxed);
        seen.note::<F>(old, old ^ new);
    }
}

/// The MMU sets A and D meanwhile, and what it sets must stay.
fn rewrite_shared<F: Format>(words: &[AtomicU64], bits: u64) -> Seen {
    let mut seen = Seen::default();
    for word in words {
        let change = |old| Some(with_permissions::<F>(old, bits));
        let old = word
            .fetch_update(Relaxed, Relaxed, change)
            .unwrap_or_default();
        seen.note::<F>(old, old ^ with_permissions::<F>(old, bits));
    }
    seen
}
