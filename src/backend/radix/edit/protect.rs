//! Protecting: giving leaves other permissions.
//!
//! A leaf that a change leaves without permissions becomes hidden: invalid to the MMU, with its address kept. A later
//! change makes it valid again. Both are one rewrite of the bits that are not [`Format::KEPT`], so this file never asks
//! which it is. Changes of valid leaves are flushed, even those that allow more.

use core::ops::Range;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::allowed::Allowed;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::{Word, is_leaf};
use crate::backend::radix::hooks::New;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::reservation::reserved::Reserved;
use crate::backend::radix::retire::changed::Changed;
use crate::backend::radix::walk::find::Pages;
use crate::backend::radix::walk::slot::{Slot, slots};
use crate::backend::radix::walk::table::span;
use crate::backend::radix::walk::vacant::{all_vacant, populated};
use crate::flush::Retired;
use crate::permissions::Permissions;
use crate::platform::Platform;

/// A change of permissions under way.
struct ProtectEdit<'a> {
    permissions: Permissions,
    allowed: Allowed,
    reserved: &'a mut Reserved,
    changed: Changed,
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Gives every leaf in `area`, valid or hidden, these permissions, and tells `out`. O(leaves + tables).
    pub(in crate::backend::radix) fn protect_area(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        reserved: &mut Reserved,
        out: &mut Retired,
    ) {
        let mut edit = ProtectEdit {
            permissions,
            allowed: Allowed::new::<F>(permissions),
            reserved,
            changed: Changed::default(),
        };
        if let Some(at) = self.pages_of(area).map(Pages::at::<F>) {
            self.protect_in(at, 0, area, &mut edit);
            return edit.changed.tell(out);
        }
        for part in self.canonical(area) {
            self.protect_in(self.root_addr(), Self::TOP, part, &mut edit);
            core::mem::take(&mut edit.changed).tell(out);
        }
    }

    /// Changes the leaves of `area` in the table at `at`. By address: nobody may hold on to tables meanwhile, so that
    /// they can be read [as plain memory](Self::alike).
    fn protect_in(
        &mut self,
        at: PhysAddr,
        level: usize,
        area: MemoryArea,
        edit: &mut ProtectEdit<'_>,
    ) {
        if level == 0 {
            if let Some((slots, area)) = populated(self.table(at), area) {
                self.protect_leaves(at, slots, area, 0, edit);
            }
            return;
        }
        for slot in slots(area, level) {
            let word = slot.of(self.table(at)).load(Relaxed);
            let child = match Word::read::<F>(word, level) {
                Word::Table(child) => Some(child),
                Word::Leaf(leaf) => self.protect_leaf(slot, at, level, leaf, edit),
                Word::Empty | Word::RetiredTable(_) | Word::RetiredLeaf(_) => None,
            };
            let (Some(child), Some(below)) = (child, level.checked_sub(1)) else {
                continue;
            };
            self.protect_in(child, below, slot.piece(), edit);
            // Only where leaves were taken out for want of a reservation.
            if !self.is_pinned(level) && all_vacant::<F>(self.table(child)) {
                let this = self.exclusive();
                this.take_out(slot, this.table(at), level, child, &mut edit.changed);
            }
        }
    }

    /// Changes a large leaf that the edit covers, or splits one that it cuts. Answers the table below that has the rest
    /// of the work.
    fn protect_leaf(
        &mut self,
        slot: Slot,
        at: PhysAddr,
        level: usize,
        leaf: u64,
        edit: &mut ProtectEdit<'_>,
    ) -> Option<PhysAddr> {
        if F::attributes(leaf).permissions == edit.permissions {
            return None;
        }
        if slot.is_whole() {
            self.protect_leaves(at, slot.alone(), slot.whole(), level, edit);
            return None;
        }
        let table = self.table(at);
        let child = self.split_part(slot, table, leaf, level, edit.reserved);
        if child.is_none() {
            self.take_out_leaf(slot, table, leaf, &mut edit.changed);
        }
        child
    }

    /// Gives whole leaves in a row, in these slots of the table at `at`, other permissions. They may become hidden, or
    /// valid again.
    fn protect_leaves(
        &mut self,
        at: PhysAddr,
        slots: Range<usize>,
        area: MemoryArea,
        level: usize,
        edit: &mut ProtectEdit<'_>,
    ) {
        if edit.permissions.contains(Permissions::EXECUTE) {
            let words = self.table(at).get(slots.clone());
            self.made_code_of(words.unwrap_or_default(), level);
        }
        let seen = self.rewrite(at, slots, edit.allowed);
        if seen.difference != 0 {
            edit.changed.leaves(area);
        }
        if seen.words & F::HIDDEN != 0 && edit.allowed.bits & F::VALID != 0 {
            self.made_valid(area, New::Leaves);
        }
    }

    /// Tells the platform of the frames of leaves that are about to become executable, and are not yet.
    fn made_code_of(&self, words: &[AtomicU64], level: usize) {
        for word in words.iter().map(|word| word.load(Relaxed)) {
            let permissions = F::attributes(word).permissions;
            if is_leaf::<F>(word) && !permissions.contains(Permissions::EXECUTE) {
                self.made_code(F::addr(word), span(level), Permissions::EXECUTE);
            }
        }
    }
}
