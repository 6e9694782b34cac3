//! What a map says of a page of its own.

use kernel_vm::{MapRef, MemoryArea, Payload, Permissions, PhysAddr, VirtAddr, VirtualMemoryMap};
use kernel_vm_fuzz::PAGE;

use crate::input::Kind;
use crate::span::Span;

/// Says which frame the map begins with, so that payloads which don't follow their maps are seen. On the heap, so that
/// the sanitizer sees those that are lost or dropped twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(Box<u64>);

impl Payload for Tag {
    fn split_at(&mut self, offset: usize) -> Self {
        Self(Box::new(*self.0 + (offset / PAGE) as u64))
    }

    fn can_join(&self, len: usize, right: &Self) -> bool {
        *self.0 + (len / PAGE) as u64 == *right.0
    }
}

pub type Map = VirtualMemoryMap<Tag>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub frame: u64,
    pub permissions: Permissions,
    pub is_shared: bool,
}

impl Page {
    pub fn new(first: usize, kind: Kind) -> Self {
        let first = first as u64;
        let place = if kind.joins { first } else { 2 * first };
        Self {
            frame: place + (u64::from(kind.is_elsewhere) << 20),
            permissions: kind.rights.permissions(),
            is_shared: kind.is_shared,
        }
    }

    /// The page `offset` behind this one in the same map.
    pub fn behind(self, offset: usize) -> Self {
        let frame = self.frame + offset as u64;
        Self { frame, ..self }
    }

    pub fn map(self, span: Span) -> Map {
        let first = PhysAddr::new(self.frame * PAGE as u64);
        let pmarea = MemoryArea::from_start_size(first, span.count * PAGE).unwrap();
        VirtualMemoryMap::new(span.area(), pmarea, self.permissions, self.is_shared)
            .unwrap()
            .with_payload(Tag(Box::new(self.frame)))
    }

    /// What `map` says of `page`.
    pub fn of(map: MapRef<'_, Tag>, page: usize) -> Self {
        let offset = page - map.vmarea().start().get() / PAGE;
        let addr = VirtAddr::new(page * PAGE);
        let frame = map.translate(addr).unwrap().get() / PAGE as u64;
        assert_eq!(
            *map.payload().0 + offset as u64,
            frame,
            "payload of {map:?}"
        );
        Self {
            frame,
            permissions: map.permissions(),
            is_shared: map.is_shared(),
        }
    }
}

/// The pages of maps, as pieces are handed out.
pub fn page_by_page<'a>(maps: impl IntoIterator<Item = &'a Map>) -> Vec<(usize, Page)> {
    let pages = |map: &'a Map| {
        let first = map.vmarea().start().get() / PAGE;
        let count = map.vmarea().size() / PAGE;
        (first..first + count).map(|page| (page, Page::of(map.view(), page)))
    };
    maps.into_iter().flat_map(pages).collect()
}
