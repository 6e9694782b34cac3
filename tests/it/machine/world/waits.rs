//! What deferred verbs have changed, until CPUs have forgotten it.

use std::collections::BTreeMap;

use kernel_vm::backend::PageTableBackend;
use kernel_vm::{Access, FRAME_SIZE, Flush, MemoryArea, Permissions, PhysAddr, VirtAddr};

/// A leaf of before, of one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Old {
    frame: PhysAddr,
    permissions: Permissions,
}

/// The pages that deferred verbs have changed, each with all leaves that CPUs may still have of it.
///
/// A page is here from its verb on, and no longer than the flush that names it. A CPU may use such a leaf, or the one
/// of now, and the frame behind it stays the space's own.
#[derive(Default)]
pub struct Waits(BTreeMap<VirtAddr, Vec<Old>>);

impl Waits {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn add(&mut self, page: VirtAddr, old: Old) {
        self.0.entry(page).or_default().push(old);
    }

    fn of(&self, addr: VirtAddr) -> &[Old] {
        let page = VirtAddr::new(addr.get() & !(FRAME_SIZE - 1));
        self.0.get(&page).map_or(&[], Vec::as_slice)
    }

    /// Whether the page of `addr` waits.
    pub fn has(&self, addr: VirtAddr) -> bool {
        !self.of(addr).is_empty()
    }

    /// Where an access may still go, beside where the tables say.
    pub fn targets(&self, addr: VirtAddr, access: Access) -> impl Iterator<Item = PhysAddr> {
        let offset = addr.get() % FRAME_SIZE;
        let old = self.of(addr).iter();
        let allowing = old.filter(move |old| old.permissions.allow(access));
        allowing.map(move |old| old.frame.checked_add(offset).unwrap())
    }

    /// Whether an access may still fault, whatever the tables say.
    pub fn deny(&self, addr: VirtAddr, access: Access) -> bool {
        let mut old = self.of(addr).iter();
        old.any(|old| !old.permissions.allow(access))
    }

    /// Whether some CPU may still reach this frame.
    pub fn lead_to(&self, frame: PhysAddr) -> bool {
        self.0.values().flatten().any(|old| old.frame == frame)
    }

    /// Every CPU has forgotten what `flush` names.
    pub fn forget(&mut self, flush: &Flush<'_>) {
        match flush.ranges() {
            None => self.0.clear(),
            Some(ranges) => {
                let is_named = |page: VirtAddr| ranges.iter().any(|range| range.contains(page));
                self.0.retain(|&page, _| !is_named(page));
            }
        }
    }

    /// A verb that settles has returned: nothing waits any more.
    pub fn settle(&mut self) {
        self.0.clear();
    }
}

/// The leaves in `area` that a CPU may have cached, page by page.
pub fn leaves(table: &impl PageTableBackend, area: MemoryArea) -> Vec<(VirtAddr, Old)> {
    let visible = |permissions: Permissions| permissions.allow_any();
    let runs = table.populated(area);
    let runs = runs.filter(|run| visible(run.attributes.permissions));
    let pages = runs.flat_map(|run| {
        let pages = (run.area.start().get()..=run.area.end().get()).step_by(FRAME_SIZE);
        pages.map(VirtAddr::new).map(move |page| {
            let old = Old {
                frame: run.translate(page).unwrap(),
                permissions: run.attributes.permissions,
            };
            (page, old)
        })
    });
    pages.collect()
}
