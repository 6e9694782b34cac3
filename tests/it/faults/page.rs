//! The model of a process: what it knows of each page.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use kernel_vm::{Access, Permissions};

use super::objects::{Key, Objects};

/// A page that is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub permissions: Permissions,
    /// The object and its page, if the map shows one.
    pub shows: Option<Key>,
    pub is_shared: bool,
    /// The page's own word, once it was written.
    pub own: Option<u64>,
}

/// What deferred verbs leave of a page until its flush: CPUs may use it as before, or as it is to be.
#[derive(Clone, Copy, Debug)]
struct Deferred {
    /// What any of the verbs has allowed.
    may: Permissions,
    /// What is allowed from the flush on; `None` where nothing is mapped any more.
    then: Option<Permissions>,
}

/// One word a page: all other bytes are zero.
#[derive(Default)]
pub struct Model {
    pub pages: BTreeMap<usize, Page>,
    deferred: BTreeMap<usize, Deferred>,
}

impl Model {
    /// The page, if a program may access it so.
    pub fn page(&self, page: usize, access: Access) -> Option<Page> {
        let found = self.pages.get(&page).copied()?;
        let deferred = self.deferred.get(&page).map(|deferred| deferred.may);
        let mut permissions = [Some(found.permissions), deferred].into_iter().flatten();
        let may = permissions.any(|permissions| {
            permissions.contains(Permissions::USER) && permissions.allow(access)
        });
        may.then_some(found)
    }

    /// Whether something waits for its flush.
    pub fn waits(&self) -> bool {
        !self.deferred.is_empty()
    }

    /// Whether a program that accesses the page so may be refused.
    pub fn may_refuse(&self, page: usize, access: Access) -> bool {
        self.deferred.contains_key(&page) || self.page(page, access).is_none()
    }

    /// A deferred verb gives these pages other permissions, or unmaps them.
    pub fn defer(&mut self, pages: RangeInclusive<usize>, then: Option<Permissions>) {
        for (&page, _) in self.pages.range(pages) {
            let before = self.deferred.get(&page).map(|deferred| deferred.may);
            let before = before.unwrap_or_default();
            let may = before | then.unwrap_or_default();
            self.deferred.insert(page, Deferred { may, then });
        }
    }

    /// No CPU has cached anything of these pages any more.
    pub fn flushed(&mut self, is_flushed: impl Fn(usize) -> bool) {
        let pages = &mut self.pages;
        self.deferred.retain(|&page, deferred| {
            if !is_flushed(page) {
                return true;
            }
            match deferred.then {
                None => drop(pages.remove(&page)),
                Some(then) => pages.get_mut(&page).unwrap().permissions = then,
            }
            false
        });
    }

    /// Whether an access that reads the page may answer this.
    pub fn accepts(&mut self, objects: &Objects, page: usize, word: u64) -> bool {
        let Some(found) = self.page(page, Access::Read) else {
            return false;
        };
        match (found.own, found.shows) {
            (Some(own), _) => word == own,
            (None, None) => word == 0,
            (None, Some(key)) if word == objects.word(key) => true,
            // A private page may have been copied at any time before.
            (None, Some(key)) if !found.is_shared => {
                self.set_own(page, word);
                objects.has_been(key, word)
            }
            _ => false,
        }
    }

    /// Whether that may be written.
    pub fn set(&mut self, objects: &Objects, page: usize, word: u64) -> bool {
        let Some(found) = self.page(page, Access::Write) else {
            return false;
        };
        match found.shows {
            Some(key) if found.is_shared => objects.set(key, word),
            _ => self.set_own(page, word),
        }
        true
    }

    fn set_own(&mut self, page: usize, word: u64) {
        let page = self.pages.get_mut(&page);
        page.unwrap().own = Some(word);
    }
}
