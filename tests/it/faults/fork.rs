//! A process on the machine: its child.

use std::cell::RefCell;
use std::rc::Rc;

use kernel_vm::{ForkError, Inherit, MapError, MapRef, MemoryArea};

use super::kernel::{Object, Setting};
use super::layout::numbers;
use super::mmu::Mmu;
use super::page::Model;
use super::process::{ProcessOn, Space};

impl<B: Mmu> ProcessOn<B> {
    /// A child, which inherits each map as `inherit` says; `None` where there are too few frames. Its bytes are those
    /// at the flush.
    pub fn fork(
        &self,
        setting: Setting,
        inherit: impl Fn(MapRef<'_, Object>) -> Option<Inherit>,
    ) -> Option<Self> {
        let child = Self::on(&self.kernel, &self.objects, setting)?;
        let inherited = Rc::new(RefCell::new(Vec::new()));
        let (areas, heir) = (inherited.clone(), child.model.clone());
        // It has the space to itself: who loses a race is refused.
        self.space.borrow().backend().calm();
        let fork = |space: &mut Space<B>| {
            let mut child = child.space.borrow_mut();
            let forked = space.fork_into(&mut child, |map| {
                let inherit = inherit(map)?;
                inherited.borrow_mut().push(map.vmarea());
                Some((inherit, *map.payload()))
            });
            if let Err(error) = forked {
                let is_out = matches!(error, ForkError::Map(MapError::OutOfFrames { .. }));
                assert!(is_out, "{error}");
                assert_eq!(child.memory_maps().len(), 0);
            }
            forked.is_ok()
        };
        let is_done = self.change(true, fork, move |parent| {
            inherit_pages(parent, &mut heir.borrow_mut(), &areas.borrow());
        });
        is_done.then_some(child)
    }
}

/// The child knows of these pages what its parent does.
fn inherit_pages(parent: &Model, child: &mut Model, areas: &[MemoryArea]) {
    for &area in areas {
        let pages = parent.pages.range(numbers(area));
        child
            .pages
            .extend(pages.map(|(&page, &known)| (page, known)));
    }
}
