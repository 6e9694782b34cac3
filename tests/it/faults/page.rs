//! The model of a process: what it knows of each page.

use std::collections::BTreeMap;

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

/// One word a page: all other bytes are zero.
#[derive(Default)]
pub struct Model {
    pub pages: BTreeMap<usize, Page>,
}

impl Model {
    /// The page, if a program may access it so.
    pub fn page(&self, page: usize, access: Access) -> Option<Page> {
        let found = self.pages.get(&page).copied()?;
        let permissions = found.permissions;
        (permissions.contains(Permissions::USER) && permissions.allow(access)).then_some(found)
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
