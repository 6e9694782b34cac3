//! A wrapper that keeps the digest of what it is asked.

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::{
    Edit, Entry, Lost, NotAtOnce, PageTableBackend, Paging, Replaced, Run, Unheld, Unshared,
};
use kernel_vm::{
    Access, Asid, Attributes, Frame, Held, MapError, MemoryArea, Permissions, PhysAddr, Retired,
    Violation, VirtAddr,
};

use super::digest::Digest;

/// A page table, or a kernel, and what it is asked.
pub(super) struct Asked<B> {
    pub(super) inner: B,
    pub(super) asked: Digest,
    /// The frames that are elsewhere each time.
    pub(super) frames: Option<HostFrames>,
    /// What becomes of the entries that it answers.
    pub(super) twist: fn(Entry) -> Entry,
}

impl<B> Asked<B> {
    pub(super) fn new(inner: B, asked: &Digest) -> Self {
        Self {
            inner,
            asked: asked.clone(),
            frames: None,
            twist: |entry| entry,
        }
    }

    /// The same over these frames, whose addresses the digest is not to have.
    pub(super) fn over(self, frames: &HostFrames) -> Self {
        Self {
            frames: Some(frames.clone()),
            ..self
        }
    }

    /// A run, as the digest has it.
    fn words(&self, run: Run) -> String {
        let is_frame = |frames: &HostFrames| frames.references(run.first) > 0;
        let first = match &self.frames {
            Some(frames) if is_frame(frames) => None,
            _ => Some(run.first),
        };
        format!("{:?} {first:?} {:?}", run.area, run.attributes)
    }
}

impl<B: PageTableBackend> PageTableBackend for Asked<B> {
    type Reserved = B::Reserved;

    const PAGE_SIZE: usize = B::PAGE_SIZE;
    const SETTLES: bool = B::SETTLES;

    fn ranges(&self) -> &[MemoryArea] {
        self.inner.ranges()
    }

    fn physical_range(&self) -> MemoryArea<PhysAddr> {
        self.inner.physical_range()
    }

    fn root(&self) -> PhysAddr {
        self.inner.root()
    }

    fn supports(&self, attributes: Attributes) -> Result<(), MapError> {
        self.asked.add(format_args!("supports {attributes:?}"));
        self.inner.supports(attributes)
    }

    fn entry(&self, addr: VirtAddr) -> Entry {
        self.asked.add(format_args!("entry {addr:?}"));
        (self.twist)(self.inner.entry(addr))
    }

    fn populated(&self, area: MemoryArea) -> impl Iterator<Item = Run> {
        self.asked.add(format_args!("populated {area:?}"));
        self.inner.populated(area)
    }

    fn reserve(&self, edits: impl Iterator<Item = Edit>) -> Result<B::Reserved, MapError> {
        let edits: Vec<_> = edits.collect();
        for &edit in &edits {
            match edit {
                Edit::Map(run) => self.asked.add(format_args!("reserve {}", self.words(run))),
                edit => self.asked.add(format_args!("reserve {edit:?}")),
            }
        }
        self.inner.reserve(edits.into_iter())
    }

    fn unreserve(&self, reserved: B::Reserved) {
        self.asked.add(format_args!("unreserve"));
        self.inner.unreserve(reserved);
    }

    fn map(&self, run: Run, reserved: &mut B::Reserved) {
        self.asked.add(format_args!("map {}", self.words(run)));
        self.inner.map(run, reserved);
    }

    fn unmap(&mut self, area: MemoryArea, reserved: &mut B::Reserved, out: &mut Retired) {
        self.asked.add(format_args!("unmap {area:?}"));
        self.inner.unmap(area, reserved, out);
    }

    fn protect(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        reserved: &mut B::Reserved,
        out: &mut Retired,
    ) {
        self.asked
            .add(format_args!("protect {area:?} {permissions:?}"));
        self.inner.protect(area, permissions, reserved, out);
    }

    fn shift(
        &mut self,
        from: MemoryArea,
        to: MemoryArea,
        reserved: &mut B::Reserved,
        out: &mut Retired,
    ) {
        self.asked.add(format_args!("shift {from:?} {to:?}"));
        self.inner.shift(from, to, reserved, out);
    }

    fn retire(&mut self, retired: Retired, asid: Asid) {
        self.asked.add(format_args!("retire {asid:?}"));
        self.inner.retire(retired, asid);
    }

    fn settle(&self, retired: &Retired, asid: Asid) {
        self.asked.add(format_args!("settle {asid:?}"));
        self.inner.settle(retired, asid);
    }

    fn check_invariants(&self) -> Result<(), Violation> {
        self.inner.check_invariants()
    }
}

impl<B: Paging> Paging for Asked<B> {
    type Platform = B::Platform;

    fn platform(&self) -> &B::Platform {
        self.inner.platform()
    }

    fn is_preset(&self) -> bool {
        self.inner.is_preset()
    }

    fn install(
        &self,
        page: VirtAddr,
        frame: Frame,
        attributes: Attributes,
        reserved: &mut B::Reserved,
    ) -> Result<(), Lost> {
        self.asked
            .add(format_args!("install {page:?} {attributes:?}"));
        self.inner.install(page, frame, attributes, reserved)
    }

    fn install_at_once(
        &self,
        page: VirtAddr,
        attributes: Attributes,
        frame: impl FnOnce() -> Option<Frame>,
    ) -> Result<(), NotAtOnce> {
        self.asked
            .add(format_args!("install_at_once {page:?} {attributes:?}"));
        self.inner.install_at_once(page, attributes, frame)
    }

    fn map_at_once(&self, run: Run) -> bool {
        self.asked
            .add(format_args!("map_at_once {}", self.words(run)));
        self.inner.map_at_once(run)
    }

    fn exchange(
        &self,
        old: Run,
        frame: Frame,
        attributes: Attributes,
        asid: Asid,
    ) -> Result<Option<Replaced>, Lost> {
        self.asked
            .add(format_args!("exchange {} {attributes:?}", self.words(old)));
        self.inner.exchange(old, frame, attributes, asid)
    }

    fn permit(&self, old: Run, permissions: Permissions) -> Result<(), Entry> {
        self.asked
            .add(format_args!("permit {} {permissions:?}", self.words(old)));
        self.inner.permit(old, permissions)
    }

    fn touch(&self, addr: VirtAddr, access: Access) -> Result<(), Entry> {
        self.asked.add(format_args!("touch {addr:?} {access:?}"));
        self.inner.touch(addr, access)
    }

    fn fence(&self, addr: VirtAddr, asid: Asid) {
        self.asked.add(format_args!("fence {addr:?} {asid:?}"));
        self.inner.fence(addr, asid);
    }

    fn hold(&self, run: Run) -> Result<Held<'_, B::Platform>, Unheld> {
        self.asked.add(format_args!("hold {}", self.words(run)));
        self.inner.hold(run)
    }

    fn hold_alone(&mut self, run: Run) -> Result<Held<'_, B::Platform>, Entry> {
        self.asked
            .add(format_args!("hold_alone {}", self.words(run)));
        self.inner.hold_alone(run)
    }

    fn share_into(
        &mut self,
        child: &mut Self,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), Unshared> {
        self.asked
            .add(format_args!("share_into {area:?} {permissions:?}"));
        self.inner.share_into(&mut child.inner, area, permissions)
    }

    fn take_accessed(&mut self, area: MemoryArea, out: &mut Retired, sink: impl FnMut(Run)) {
        self.asked.add(format_args!("take_accessed {area:?}"));
        self.inner.take_accessed(area, out, sink);
    }

    fn take_dirty(&mut self, area: MemoryArea, sink: impl FnMut(Run)) {
        self.asked.add(format_args!("take_dirty {area:?}"));
        self.inner.take_dirty(area, sink);
    }

    fn retire_into(&mut self, retired: Retired, asid: Asid, sink: impl FnMut(VirtAddr, Replaced)) {
        self.asked.add(format_args!("retire_into {asid:?}"));
        self.inner.retire_into(retired, asid, sink);
    }
}
