//! What a page table was asked for: its edits, page by page.

use kernel_vm::backend::Edit;
use kernel_vm::{Permissions, PhysAddr, VirtAddr};

/// The edits that a page table has made, the first first.
#[derive(Default)]
pub struct Asked(Vec<Edit>);

impl Asked {
    pub fn note(&mut self, edit: Edit) {
        self.0.push(edit);
    }

    /// Where an address is to lead, and what is allowed there: `Map` fills what is empty, and changes nothing else.
    pub fn at(&self, addr: VirtAddr) -> Option<(PhysAddr, Permissions)> {
        let mut page = None;
        for edit in &self.0 {
            match *edit {
                Edit::Map(run) if page.is_none() => {
                    let at = run.translate(addr);
                    page = at.map(|at| (at, run.attributes.permissions));
                }
                Edit::Unmap(area) if area.contains(addr) => page = None,
                Edit::Protect(area, permissions) if area.contains(addr) => {
                    page = page.map(|(at, _)| (at, permissions));
                }
                _ => {}
            }
        }
        page
    }
}
