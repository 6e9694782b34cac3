//! Random sequences of edits, physical and owned, against one entry a page, twice: by `edit`, and by the protocol that
//! it stands for. A reader of their own looks at the tables after every step.

use std::mem::replace;

use kernel_vm::backend::Paging;
use kernel_vm::backend::radix::{AccessedDirty, Radix};
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{
    Access, FrameAllocator, MapError, MemoryArea, Permissions, PhysAddr, Retired, VirtAddr,
};
use proptest::prelude::*;

use super::reader::{Found, read};
use super::shape::{ASID, GIB, Shape, access, allowing, install, policy, run, translated};
use super::steps::{PAGES, Span, Step, steps};
use super::witness::{Event, Told, Witness};
use crate::subject::{PAGE, area, leaves};

#[derive(Clone, Copy, Debug, PartialEq)]
struct Page {
    /// The frame's number, or which of the owned frames it is.
    frame: Result<u64, usize>,
    permissions: Permissions,
    dirty: bool,
}

/// Where the pages are.
#[derive(Clone, Copy, Debug)]
enum Half {
    Lower,
    Upper,
    /// In the upper half of a page table that is a kernel's.
    Kernel,
}

/// The halves that a page table can have.
const fn halves<F: Shape>() -> &'static [Half] {
    if F::TWO_ROOTS {
        &[Half::Lower, Half::Kernel]
    } else {
        &[Half::Lower, Half::Upper, Half::Kernel]
    }
}

/// Two page tables that have the same done to them, and what must be in both.
struct Twins<F: Shape> {
    tables: [Radix<F, Witness>; 2],
    /// How many frames each has while nothing is mapped.
    kept: usize,
    policy: AccessedDirty,
    base: usize,
    pages: Vec<Option<Page>>,
    /// As it was when frames that had gone were last looked for.
    settled: Vec<Option<Page>>,
    /// Where each of the owned frames is, in either table.
    owned: Vec<[PhysAddr; 2]>,
}

impl<F: Shape> Twins<F> {
    fn new(accessed_dirty: AccessedDirty, half: Half) -> Self {
        let start = match half {
            Half::Lower => 0,
            Half::Upper | Half::Kernel => F::FIRST_HIGH,
        };
        let base = start + GIB - (8 + 512) * PAGE;
        let (features, pages) = (policy(accessed_dirty), area(base, PAGES * PAGE));
        let table = || match half {
            Half::Lower | Half::Upper => Radix::with_features(Witness::new(64), features),
            Half::Kernel => Radix::kernel(Witness::new(64), features, pages),
        };
        let tables = [(); 2].map(|()| table().unwrap());
        Self {
            kept: tables[0].platform().in_use(),
            tables,
            policy: accessed_dirty,
            base,
            pages: vec![None; PAGES],
            settled: vec![None; PAGES],
            owned: Vec::new(),
        }
    }

    fn addr(&self, page: usize) -> usize {
        self.base + page * PAGE
    }

    fn area(&self, span: Span) -> MemoryArea {
        area(self.addr(span.first), span.count * PAGE)
    }

    /// Makes an edit in both: in one call, and step by step.
    fn edit(&mut self, edit: Edit) -> Result<(), MapError> {
        let [one, other] = &mut self.tables;
        let seen = one.edit(edit, ASID);
        assert_eq!(by_hand(other, edit), seen, "{edit:?}");
        seen
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Nothing => return,
            Step::Map(span, offset, permissions) => self.map(span, offset, permissions),
            Step::Install(page, permissions) => self.install(page, permissions),
            Step::Exchange(page, permissions) => self.exchange(page, permissions),
            Step::Unmap(span) => self.unmap(span),
            Step::Protect(span, permissions) => {
                self.edit(Edit::Protect(self.area(span), permissions))
                    .unwrap();
                let pages = self.pages[span.first..][..span.count].iter_mut();
                pages.flatten().for_each(|page| {
                    // An owned page that could not be written stays so: the next write decides.
                    let stays =
                        page.frame.is_err() && !page.permissions.contains(Permissions::WRITE);
                    let taken = if stays {
                        Permissions::WRITE
                    } else {
                        Permissions::empty()
                    };
                    page.permissions = permissions - taken;
                });
            }
            Step::Shift(span, to) => self.shift(span, to),
            Step::Write(page) => self.write(page),
        }
        self.compare();
        self.settle(matches!(step, Step::Shift(..)));
    }

    fn map(&mut self, span: Span, offset: u64, permissions: Permissions) {
        let first = offset + span.first as u64;
        let start = self.addr(span.first);
        let wanted = run(start, first * PAGE as u64, span.count * PAGE, permissions);
        self.edit(Edit::Map(wanted)).unwrap();
        for page in span.first..span.first + span.count {
            self.pages[page].get_or_insert(Page {
                frame: Ok(offset + page as u64),
                permissions,
                dirty: false,
            });
        }
    }

    fn new_owned(&mut self, permissions: Permissions, at: [PhysAddr; 2]) -> Page {
        self.owned.push(at);
        Page {
            frame: Err(self.owned.len() - 1),
            permissions,
            // Where the bits are preset, a page that cannot be written has no D: its frame may be somebody else's, too.
            dirty: self.policy == AccessedDirty::Preset && permissions.contains(Permissions::WRITE),
        }
    }

    fn install(&mut self, page: usize, permissions: Permissions) {
        if self.pages[page].is_some() {
            return;
        }
        let addr = self.addr(page);
        let [one, other] = &self.tables;
        let at = [one, other].map(|table| install(table, addr, permissions));
        self.pages[page] = Some(self.new_owned(permissions, at));
    }

    fn exchange(&mut self, page: usize, permissions: Permissions) {
        let Some(was) = self.pages[page] else { return };
        let addr = self.addr(page);
        let exchanged = self.tables.each_ref().map(|table| {
            let (Entry::Leaf(old) | Entry::Hidden(old)) = table.entry(VirtAddr::new(addr)) else {
                panic!("nothing is at {addr:#x}")
            };
            let frame = table.platform().alloc().unwrap();
            let at = frame.addr();
            match table.exchange(old, frame, allowing(permissions), ASID) {
                Ok(back) => Some((at, back)),
                Err(lost) => {
                    assert!(old.area.size() > PAGE, "{lost:?}");
                    table.platform().frames.release(lost.into_frame(), false);
                    None
                }
            }
        });
        let [Some((one, _)), Some((other, _))] = &exchanged else {
            return assert_eq!(exchanged, [None, None]);
        };
        let at = [*one, *other];
        for (index, (_, back)) in exchanged.into_iter().flatten().enumerate() {
            let old = was.frame.err().map(|owned| self.owned[owned][index]);
            assert_eq!(back.as_ref().map(|back| back.frame.addr()), old);
            let frames = &self.tables[index].platform().frames;
            back.into_iter()
                .for_each(|back| frames.release(back.frame, false));
        }
        if let Err(owned) = was.frame {
            // It came back by hand, and may come again.
            self.owned[owned] = [PhysAddr::new(0); 2];
        }
        self.pages[page] = Some(self.new_owned(permissions, at));
    }

    fn unmap(&mut self, span: Span) {
        self.edit(Edit::Unmap(self.area(span))).unwrap();
        self.pages[span.first..][..span.count].fill(None);
    }

    fn shift(&mut self, span: Span, to: usize) {
        let count = span.count.min(PAGES - to);
        let (span, to) = (Span { count, ..span }, Span { first: to, count });
        let edit = Edit::Shift {
            from: self.area(span),
            to: self.area(to),
        };
        if span.first.abs_diff(to.first) < count {
            let (old, new) = (self.area(span), self.area(to));
            return assert_eq!(self.edit(edit), Err(MapError::MovesOntoItself { old, new }));
        }
        self.unmap(to);
        self.settle(false);
        self.edit(edit).unwrap();
        for offset in 0..count {
            self.pages[to.first + offset] = self.pages[span.first + offset].take();
        }
    }

    fn write(&mut self, page: usize) {
        let addr = self.addr(page);
        let Some(Page {
            frame: Err(_),
            permissions,
            dirty,
        }) = &mut self.pages[page]
        else {
            return;
        };
        if permissions.contains(Permissions::WRITE) {
            *dirty = true;
            self.tables
                .iter()
                .for_each(|table| access(table, addr, Access::Write));
        }
    }

    /// Frames that are gone since this was last asked have been given back, each once, as dirty as it was; and both
    /// platforms were told the same.
    fn settle(&mut self, is_shift: bool) {
        let before = replace(&mut self.settled, self.pages.clone());
        let is_there = |owned| {
            let mut pages = self.pages.iter().flatten();
            pages.any(|page| page.frame == Err(owned))
        };
        let pages = before.iter().flatten();
        let gone = pages.filter_map(|page| Some((page.frame.err()?, page.dirty)));
        let gone: Vec<_> = gone.filter(|&(owned, _)| !is_there(owned)).collect();
        let mut all_told = Vec::new();
        for (index, table) in self.tables.iter().enumerate() {
            let events = table.platform().take();
            let told: Vec<_> = events.iter().filter_map(told).collect();
            all_told.push(if is_shift { without_breaks(told) } else { told });
            for &(owned, dirty) in &gone {
                let at = self.owned[owned][index];
                if at.get() != 0 {
                    let release = Event::Release { at, dirty };
                    let count = events.iter().filter(|&event| *event == release).count();
                    assert_eq!(count, 1, "{release:?} in {events:?}");
                }
            }
        }
        assert_eq!(all_told[0], all_told[1]);
    }

    /// Both tables say what the model says, to us and to the reader, and use no frame more.
    fn compare(&self) {
        for (index, table) in self.tables.iter().enumerate() {
            table.check_invariants().unwrap();
            let seen: Vec<_> = leaves(table).into_iter().flat_map(split).collect();
            assert_eq!(seen, self.runs(index));
            let valid = leaves(table).into_iter();
            let valid = valid.filter(|run| run.attributes.permissions.allow_any());
            let found = read::<F>(table.platform(), table.root());
            assert_eq!(found, valid.map(as_found::<F>).collect::<Vec<_>>());
        }
        let [one, other] = self
            .tables
            .each_ref()
            .map(|table| table.platform().in_use());
        assert_eq!(one, other);
    }

    fn runs(&self, index: usize) -> Vec<Run> {
        let pages = self.pages.iter().enumerate();
        let run = |(page, found): (usize, &Option<Page>)| {
            let found = (*found)?;
            let first = match found.frame {
                Ok(number) => number * PAGE as u64,
                Err(owned) => self.owned[owned][index].get(),
            };
            Some(run(self.addr(page), first, PAGE, found.permissions))
        };
        pages.filter_map(run).collect()
    }
}

/// What must be forgotten, or is there now, whatever the root.
fn told(event: &Event) -> Option<Event> {
    let anywhere = |told: &Told| Told {
        root: PhysAddr::new(0),
        ..told.clone()
    };
    match event {
        Event::Flush(told) => Some(Event::Flush(anywhere(told))),
        Event::Valid(told) => Some(Event::Valid(anywhere(told))),
        Event::Release { .. } | Event::Code(_) => None,
    }
}

/// Without the flushes of leaves that were broken to be split. Step by step there may be more of them: what a shift has
/// taken out is owed before the old place is unmapped, and a hidden leaf in between counts as cached.
fn without_breaks(told: Vec<Event>) -> Vec<Event> {
    let mut kept = Vec::new();
    for event in told {
        let broken = match (kept.last(), &event) {
            (Some(Event::Flush(flush)), Event::Valid(valid)) => {
                !flush.tables && valid.tables && flush.ranges == valid.ranges
            }
            _ => false,
        };
        if broken {
            kept.pop();
        }
        kept.push(event);
    }
    kept
}

/// Leaves of any size as leaves of one page.
fn split(run: Run) -> impl Iterator<Item = Run> {
    let start = run.area.start().get();
    let pages = (0..run.area.size()).step_by(PAGE);
    pages.map(move |offset| run.intersection(area(start + offset, PAGE)).unwrap())
}

fn as_found<F: Shape>(run: Run) -> Found {
    Found {
        start: translated::<F>(run.area.start().get()),
        size: run.area.size(),
        first: run.first,
        permissions: run.attributes.permissions,
    }
}

/// The protocol that `edit` stands for.
fn by_hand<F: Shape>(table: &mut Radix<F, Witness>, edit: Edit) -> Result<(), MapError> {
    let behind = match edit {
        Edit::Shift { from, .. } => Some(Edit::Unmap(from)),
        _ => None,
    };
    let edits = [Some(edit), behind].into_iter().flatten();
    let mut reserved = table.reserve(edits.clone())?;
    let mut out = Retired::new();
    for edit in edits {
        match edit {
            Edit::Map(run) => table.map(run, &mut reserved),
            Edit::Unmap(area) => table.unmap(area, &mut reserved, &mut out),
            Edit::Protect(area, allowed) => table.protect(area, allowed, &mut reserved, &mut out),
            Edit::Shift { from, to } => table.shift(from, to, &mut reserved, &mut out),
            _ => return Err(MapError::UnsupportedEdit),
        }
    }
    table.unreserve(reserved);
    table.retire(out, ASID);
    Ok(())
}

fn random<F: Shape>(steps: &[Step], policy: usize, half: usize) {
    let halves = halves::<F>();
    let policy = F::POLICIES[policy % F::POLICIES.len()];
    let mut twins = Twins::<F>::new(policy, halves[half % halves.len()]);
    steps.iter().for_each(|step| twins.step(step));
    twins.unmap(Span {
        first: 0,
        count: PAGES,
    });
    let in_use = twins
        .tables
        .each_ref()
        .map(|table| table.platform().in_use());
    assert_eq!(in_use, [twins.kept; 2], "the roots");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn sv39_does_what_the_model_does(steps in steps(), policy in 0..6_usize, half in 0..6_usize) {
        random::<kernel_vm::backend::sv39::Sv39Format>(&steps.0, policy, half);
    }

    #[cfg(not(kernel_vm_few_formats))]
    #[test]
    fn sv48_does_what_the_model_does(steps in steps(), policy in 0..6_usize, half in 0..6_usize) {
        random::<kernel_vm::backend::sv48::Sv48Format>(&steps.0, policy, half);
    }

    #[cfg(not(kernel_vm_few_formats))]
    #[test]
    fn sv57_does_what_the_model_does(steps in steps(), policy in 0..6_usize, half in 0..6_usize) {
        random::<kernel_vm::backend::sv57::Sv57Format>(&steps.0, policy, half);
    }

    #[cfg(not(kernel_vm_few_formats))]
    #[test]
    fn x86_64_does_what_the_model_does(steps in steps(), policy in 0..6_usize, half in 0..6_usize) {
        random::<kernel_vm::backend::x86_64::X86_64Format<4>>(&steps.0, policy, half);
    }

    #[cfg(not(kernel_vm_few_formats))]
    #[test]
    fn x86_64_la57_does_what_the_model_does(steps in steps(), policy in 0..6_usize, half in 0..6_usize) {
        random::<kernel_vm::backend::x86_64::X86_64Format<5>>(&steps.0, policy, half);
    }

    #[cfg(not(kernel_vm_few_formats))]
    #[test]
    fn aarch64_does_what_the_model_does(steps in steps(), policy in 0..6_usize, half in 0..6_usize) {
        random::<kernel_vm::backend::aarch64::Aarch64Format<4>>(&steps.0, policy, half);
    }

    #[test]
    fn aarch64_va39_does_what_the_model_does(steps in steps(), policy in 0..6_usize, half in 0..6_usize) {
        random::<kernel_vm::backend::aarch64::Aarch64Format<3>>(&steps.0, policy, half);
    }
}
