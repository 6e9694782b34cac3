//! Every call of every hook panics once, in every verb of a page table.

use std::collections::BTreeSet;
use std::mem::take;
use std::panic::resume_unwind;

use kernel_vm::backend::radix::{AccessedDirty, Features, Format, Radix, Reserved};
use kernel_vm::backend::sv39::Sv39Format;
use kernel_vm::backend::sv48::Sv48Format;
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{
    Access, Asid, Attributes, Frame, FrameAllocator, MemoryArea, MemoryType, Permissions, PhysAddr,
    Retired, VirtAddr,
};

use super::platform::{Blow, Hook, Moment, Panicky, Struck, every_blow, survive};
use crate::subject::{PAGE, area};

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;
/// Where nothing is mapped, until a test tries whether the page table still works.
const ELSEWHERE: usize = 40 * GIB;
const ASID: Asid = Asid::new(7);

const NONE: Permissions = Permissions::empty();
const READ: Permissions = Permissions::READ;
const RW: Permissions = READ.union(Permissions::WRITE);
const RX: Permissions = READ.union(Permissions::EXECUTE);

const fn allowing(permissions: Permissions) -> Attributes {
    Attributes::new(permissions, MemoryType::Normal)
}

fn run(start: usize, first: usize, size: usize, permissions: Permissions) -> Run {
    Run {
        area: area(start, size),
        first: PhysAddr::new(first as u64),
        attributes: allowing(permissions),
    }
}

/// A page table, and what a verb is given.
struct Stage<F: Format> {
    table: Radix<F, Panicky>,
    platform: Panicky,
    with: Reserved,
    out: Retired,
    frame: Option<Frame>,
}

impl<F: Format> Stage<F> {
    /// A gigapage, a megapage, physical pages, hidden ones, and pages that the table owns: in a table of their own, and
    /// beside others.
    fn new(accessed_dirty: AccessedDirty) -> Self {
        let platform = Panicky::new(128);
        let features = Features::new().with_accessed_dirty(accessed_dirty);
        let mut stage = Self {
            table: Radix::with_features(platform.clone(), features).unwrap(),
            platform,
            with: Reserved::default(),
            out: Retired::new(),
            frame: None,
        };
        for run in [
            run(GIB, GIB, GIB, RW),
            run(2 * MIB, 2 * MIB, 2 * MIB, RW),
            run(PAGE, PAGE, 4 * PAGE, RW),
            run(7 * PAGE, 7 * PAGE, PAGE, NONE),
        ] {
            stage.table.edit(Edit::Map(run), ASID).unwrap();
        }
        for page in [8, 9, 10, 1024, 1025] {
            stage.install(page * PAGE, RW);
        }
        stage.install(1026 * PAGE, NONE);
        stage
    }

    fn install(&mut self, page: usize, permissions: Permissions) {
        let frame = self.platform.alloc().unwrap();
        let wanted = run(page, 0, PAGE, permissions);
        let mut with = self.table.reserve([Edit::Map(wanted)].into_iter()).unwrap();
        let page = VirtAddr::new(page);
        self.table
            .install(page, frame, allowing(permissions), &mut with)
            .unwrap();
        self.table.unreserve(with);
    }

    fn reserve(&mut self, edits: &[Edit]) {
        self.with = self.table.reserve(edits.iter().copied()).unwrap();
    }

    fn unmap(&mut self, area: MemoryArea) {
        self.table.unmap(area, &mut self.with, &mut self.out);
    }

    fn leaf(&self, page: usize) -> Run {
        match self.table.entry(VirtAddr::new(page)) {
            Entry::Leaf(run) | Entry::Hidden(run) => run,
            found => panic!("{found:?}"),
        }
    }

    fn retire(&mut self) {
        self.table.retire(take(&mut self.out), ASID);
    }

    /// All frames that words lead to from the root: those of tables, and those that leaves own.
    ///
    /// # Panics
    /// When two words lead to one, or one is not in use.
    fn owned(&self) -> BTreeSet<PhysAddr> {
        let mut owned = BTreeSet::new();
        let mut tables = vec![(self.table.root(), F::LEVELS - 1)];
        let mut own = |at| assert!(owned.insert(at), "two words own the frame at {at}");
        own(self.table.root());
        while let Some((at, level)) = tables.pop() {
            for word in self.platform.words(at) {
                let leads_to = PhysAddr::new((word >> 10 & ((1 << 44) - 1)) << 12);
                // Valid, or taken out: in a word that is not valid, R says that it waits, and W that it is a pointer.
                if word & 0xf == 1 || word & 0x7 == 6 {
                    own(leads_to);
                    tables.push((leads_to, level - 1));
                } else if word & 1 << 8 != 0 {
                    own(leads_to);
                }
            }
        }
        let in_use = self.platform.in_use();
        assert!(owned.is_subset(&in_use), "a frame was given back");
        owned
    }

    /// What is in use and nobody's, when what the verb was given is put aside.
    fn leaked(&mut self) -> BTreeSet<PhysAddr> {
        self.table.unreserve(take(&mut self.with));
        let frame = self.frame.take();
        frame
            .into_iter()
            .for_each(|frame| self.platform.release(frame, false));
        &self.platform.in_use() - &self.owned()
    }

    /// A page can be mapped and unmapped.
    fn works(&mut self) {
        for size in [PAGE, 2 * MIB] {
            let wanted = run(ELSEWHERE, 64 * MIB, size, RW);
            self.table.edit(Edit::Map(wanted), ASID).unwrap();
            let leads = self.table.translate(VirtAddr::new(ELSEWHERE));
            assert_eq!(leads, Some(wanted.first));
            let part = area(ELSEWHERE, PAGE);
            self.table.edit(Edit::Unmap(part), ASID).unwrap();
            assert_eq!(self.table.translate(VirtAddr::new(ELSEWHERE)), None);
            self.table.edit(Edit::Unmap(wanted.area), ASID).unwrap();
        }
    }
}

/// A verb: what comes before it, and the verb.
struct Verb<F: Format> {
    name: &'static str,
    before: fn(&mut Stage<F>),
    verb: fn(&mut Stage<F>),
    /// How many frames leak at most, for each hook in the order of [`Hook::ALL`], with three levels of tables and with
    /// four.
    leaks: [[usize; Hook::ALL.len()]; 2],
}

/// Runs `verb` with each call of each hook panicking.
fn strike<F: Format>(verb: &Verb<F>, accessed_dirty: AccessedDirty) {
    let mut most = [0; Hook::ALL.len()];
    every_blow(|blow| {
        let mut stage = Stage::<F>::new(accessed_dirty);
        (verb.before)(&mut stage);
        stage.platform.cache(stage.owned());
        stage.platform.arm(blow);
        let answer = survive(|| (verb.verb)(&mut stage));
        let was_to_come = stage.platform.disarm();
        assert_eq!(answer.is_some(), was_to_come, "{} {blow:?}", verb.name);
        let leaked = settles(stage, (verb.name, blow));
        assert!(answer.is_none() || leaked == 0, "{} {blow:?}", verb.name);
        let most = &mut most[blow.hook as usize];
        *most = leaked.max(*most);
        answer.is_none()
    });
    assert_eq!(
        most,
        verb.leaks[F::LEVELS - 3],
        "{} {accessed_dirty:?}",
        verb.name
    );
}

/// The page table is sound, now and when all is retired; it works; and what has leaked is all that is left in the end.
fn settles<F: Format>(mut stage: Stage<F>, what: (&str, Blow)) -> usize {
    let sound = stage.table.check_invariants();
    assert_eq!(sound, Ok(()), "{what:?}");
    stage.owned();
    if what.1.n % 2 == 0 {
        stage.works();
        assert_eq!(stage.table.check_invariants(), Ok(()), "{what:?}");
    }
    stage.retire();
    assert_eq!(stage.table.check_invariants(), Ok(()), "{what:?}");
    stage.works();
    let leaked = stage.leaked();
    let Stage {
        table, platform, ..
    } = stage;
    drop(table);
    assert_eq!(platform.in_use(), leaked, "{what:?}");
    assert_eq!(platform.given_back_early(), [], "{what:?}");
    leaked.len()
}

fn do_nothing<F: Format>(_stage: &mut Stage<F>) {}

/// Code across the border of two tables, where none is.
fn code() -> Run {
    run(20 * GIB - 2 * PAGE, 64 * MIB, 4 * MIB, RX)
}

const ALL_LOW: usize = 8 * GIB;

/// Where there are pages of the table's own: in a table of their own.
fn own_table() -> MemoryArea {
    area(4 * MIB, 2 * MIB)
}

fn elsewhere(area: MemoryArea) -> MemoryArea {
    MemoryArea::from_start_size(area.start().checked_add(20 * GIB).unwrap(), area.size()).unwrap()
}

fn shifts<F: Format>(stage: &mut Stage<F>, from: MemoryArea) {
    let to = elsewhere(from);
    stage.reserve(&[Edit::Shift { from, to }, Edit::Unmap(from)]);
}

fn shift<F: Format>(stage: &mut Stage<F>, from: MemoryArea) {
    let (with, out) = (&mut stage.with, &mut stage.out);
    stage.table.shift(from, elsewhere(from), with, out);
    stage.table.unmap(from, with, out);
}

fn edit<F: Format>(stage: &mut Stage<F>, edit: Edit) {
    stage.table.edit(edit, ASID).unwrap();
}

fn exchange<F: Format>(stage: &mut Stage<F>, page: usize, permissions: Permissions) {
    let old = stage.leaf(page);
    let frame = stage.frame.take().unwrap();
    let back = stage
        .table
        .exchange(old, frame, allowing(permissions), ASID);
    stage.frame = back.unwrap().map(|back| back.frame);
}

fn a_frame<F: Format>(stage: &mut Stage<F>) {
    stage.frame = stage.platform.alloc();
}

/// Verbs that only add, or change a word.
fn shared<F: Format>() -> Vec<Verb<F>> {
    vec![
        Verb {
            name: "map",
            before: |stage| stage.reserve(&[Edit::Map(code())]),
            verb: |stage| stage.table.map(code(), &mut stage.with),
            leaks: [[0, 0, 0, 0, 0, 3], [0, 0, 0, 0, 0, 3]],
        },
        Verb {
            name: "reserve and unreserve",
            before: do_nothing,
            verb: |stage| {
                stage.reserve(&[Edit::Map(code())]);
                stage.table.unreserve(take(&mut stage.with));
            },
            leaks: [[0, 0, 0, 5, 5, 5], [0, 0, 0, 5, 5, 5]],
        },
        Verb {
            name: "install",
            before: |stage| {
                a_frame(stage);
                stage.reserve(&[Edit::Map(run(20 * GIB, 0, PAGE, RX))]);
            },
            verb: |stage| {
                let frame = stage.frame.take().unwrap();
                let page = VirtAddr::new(20 * GIB);
                let with = &mut stage.with;
                stage
                    .table
                    .install(page, frame, allowing(RX), with)
                    .unwrap();
            },
            leaks: [[0, 0, 1, 0, 0, 3], [0, 0, 1, 0, 0, 3]],
        },
        Verb {
            name: "install in a table",
            before: a_frame,
            verb: |stage| {
                let frame = stage.frame.take().unwrap();
                let page = VirtAddr::new(6 * PAGE);
                let with = &mut stage.with;
                stage
                    .table
                    .install(page, frame, allowing(RX), with)
                    .unwrap();
            },
            leaks: [[0, 0, 1, 0, 0, 1], [0, 0, 1, 0, 0, 1]],
        },
        Verb {
            name: "exchange",
            before: a_frame,
            verb: |stage| exchange(stage, 8 * PAGE, RX),
            leaks: [[1, 0, 1, 0, 0, 1], [1, 0, 1, 0, 0, 1]],
        },
        Verb {
            name: "exchange of what is hidden",
            before: a_frame,
            verb: |stage| exchange(stage, 1026 * PAGE, RW),
            leaks: [[0, 1, 0, 0, 0, 1], [0, 1, 0, 0, 0, 1]],
        },
        Verb {
            name: "exchange of physical memory",
            before: a_frame,
            verb: |stage| exchange(stage, PAGE, NONE),
            leaks: [[0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]],
        },
        Verb {
            name: "set_accessed",
            before: do_nothing,
            verb: |stage| {
                let page = VirtAddr::new(8 * PAGE);
                stage.table.set_accessed(page, Access::Write).unwrap();
            },
            leaks: [[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]],
        },
    ]
}

/// Verbs that have the page table to themselves.
fn exclusive<F: Format>() -> Vec<Verb<F>> {
    vec![
        Verb {
            name: "map_exclusive",
            before: |stage| stage.reserve(&[Edit::Map(code())]),
            verb: |stage| stage.table.map_exclusive(code(), &mut stage.with),
            leaks: [[0, 0, 0, 0, 0, 3], [0, 0, 0, 0, 0, 3]],
        },
        Verb {
            name: "map_exclusive where a table waits",
            before: |stage| {
                stage.reserve(&[Edit::Unmap(area(0, GIB)), Edit::Map(code())]);
                stage.unmap(area(0, GIB));
            },
            verb: |stage| {
                let again = run(4 * MIB - PAGE, 4 * MIB, 2 * MIB + 2 * PAGE, RX);
                stage.table.map_exclusive(again, &mut stage.with);
            },
            leaks: [[0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]],
        },
        Verb {
            name: "unmap",
            before: |stage| stage.reserve(&[Edit::Unmap(area(9 * PAGE, GIB))]),
            verb: |stage| stage.unmap(area(9 * PAGE, GIB)),
            leaks: [[0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]],
        },
        Verb {
            name: "unmap without a reservation",
            before: do_nothing,
            verb: |stage| stage.unmap(area(GIB + PAGE, PAGE)),
            leaks: [[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]],
        },
        Verb {
            name: "protect",
            before: |stage| stage.reserve(&[Edit::Protect(area(7 * PAGE, GIB), RX)]),
            verb: |stage| {
                let (with, out) = (&mut stage.with, &mut stage.out);
                stage.table.protect(area(7 * PAGE, GIB), RX, with, out);
            },
            leaks: [[0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]],
        },
        Verb {
            name: "shift of pages of its own",
            before: |stage| shifts(stage, own_table()),
            verb: |stage| shift(stage, own_table()),
            leaks: [[0, 0, 0, 0, 0, 3], [0, 0, 0, 0, 0, 3]],
        },
        Verb {
            name: "shift of all sorts of pages",
            before: |stage| shifts(stage, area(2 * PAGE, GIB)),
            verb: |stage| shift(stage, area(2 * PAGE, GIB)),
            leaks: [[0, 0, 0, 0, 0, 2], [0, 0, 0, 0, 0, 2]],
        },
        Verb {
            name: "shift without a reservation",
            before: do_nothing,
            verb: |stage| shift(stage, own_table()),
            leaks: [[0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]],
        },
        Verb {
            name: "harvest",
            before: |stage| {
                let page = VirtAddr::new(8 * PAGE);
                stage.table.set_accessed(page, Access::Write).unwrap();
            },
            verb: |stage| {
                let out = &mut stage.out;
                stage.table.harvest(area(0, ALL_LOW), out, |_| ());
            },
            leaks: [[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]],
        },
        Verb {
            name: "retire",
            before: |stage| stage.unmap(area(0, 2 * GIB)),
            verb: Stage::retire,
            leaks: [[0, 0, 0, 0, 9, 9], [0, 0, 0, 0, 10, 10]],
        },
        Verb {
            name: "retire of pages in a table",
            before: |stage| stage.unmap(area(8 * PAGE, 3 * PAGE)),
            verb: Stage::retire,
            leaks: [[0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 1, 0]],
        },
        Verb {
            name: "retire after a dropped one",
            before: |stage| {
                stage.unmap(own_table());
                drop(take(&mut stage.out));
                stage.unmap(area(8 * PAGE, 3 * PAGE));
            },
            verb: Stage::retire,
            leaks: [[0, 0, 0, 0, 4, 4], [0, 0, 0, 0, 4, 4]],
        },
    ]
}

/// Edits in one call.
fn edits<F: Format>() -> Vec<Verb<F>> {
    vec![
        Verb {
            name: "edit: map",
            before: do_nothing,
            verb: |stage| edit(stage, Edit::Map(code())),
            leaks: [[0, 0, 5, 5, 0, 5], [0, 0, 5, 5, 0, 5]],
        },
        Verb {
            name: "edit: map of a page",
            before: do_nothing,
            verb: |stage| edit(stage, Edit::Map(run(6 * PAGE, 0x1000, PAGE, RW))),
            leaks: [[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]],
        },
        Verb {
            name: "edit: unmap",
            before: do_nothing,
            verb: |stage| edit(stage, Edit::Unmap(area(9 * PAGE, GIB))),
            leaks: [[0, 0, 0, 2, 4, 4], [0, 0, 0, 2, 4, 4]],
        },
        Verb {
            name: "edit: unmap of a page",
            before: do_nothing,
            verb: |stage| edit(stage, Edit::Unmap(area(PAGE, PAGE))),
            leaks: [[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]],
        },
        Verb {
            name: "edit: unmap of a page of its own",
            before: do_nothing,
            verb: |stage| edit(stage, Edit::Unmap(area(8 * PAGE, PAGE))),
            leaks: [[0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 1, 0]],
        },
        Verb {
            name: "edit: protect",
            before: do_nothing,
            verb: |stage| edit(stage, Edit::Protect(area(7 * PAGE, GIB), RX)),
            leaks: [[0, 2, 2, 2, 0, 2], [0, 2, 2, 2, 0, 2]],
        },
        Verb {
            name: "edit: shift",
            before: do_nothing,
            verb: |stage| {
                let from = area(2 * PAGE, GIB);
                let to = elsewhere(from);
                edit(stage, Edit::Shift { from, to });
            },
            leaks: [[0, 5, 0, 7, 1, 7], [0, 5, 0, 7, 1, 7]],
        },
    ]
}

fn strike_all<F: Format>(verbs: &[Verb<F>]) {
    for policy in [
        AccessedDirty::Preset,
        AccessedDirty::Hardware,
        AccessedDirty::Software,
    ] {
        verbs.iter().for_each(|verb| strike(verb, policy));
    }
}

#[test]
fn shared_verbs_of_sv39_survive_every_panic() {
    strike_all::<Sv39Format>(&shared());
}

#[test]
fn exclusive_verbs_of_sv39_survive_every_panic() {
    strike_all::<Sv39Format>(&exclusive());
}

#[test]
fn edits_of_sv39_survive_every_panic() {
    strike_all::<Sv39Format>(&edits());
}

#[test]
fn shared_verbs_of_sv48_survive_every_panic() {
    strike_all::<Sv48Format>(&shared());
}

#[test]
fn exclusive_verbs_of_sv48_survive_every_panic() {
    strike_all::<Sv48Format>(&exclusive());
}

#[test]
fn edits_of_sv48_survive_every_panic() {
    strike_all::<Sv48Format>(&edits());
}

/// A page table is made, or nothing of it is left but what leaked.
fn makes<F: Format>(make: impl Fn(Panicky) -> Radix<F, Panicky>) {
    every_blow(|blow| {
        let platform = Panicky::new(16);
        platform.arm(blow);
        let table = survive(|| make(platform.clone()));
        platform.disarm();
        let is_struck = table.is_none();
        if let Some(table) = table {
            table.check_invariants().unwrap();
            drop(table);
            assert_eq!(platform.in_use().len(), 0, "{blow:?}");
        }
        // The frame that it was about, and no other.
        let leaked = platform.in_use().len();
        assert!(leaked <= 1, "{blow:?}: {leaked} have leaked");
        is_struck
    });
}

#[test]
fn who_makes_a_page_table_survives_every_panic() {
    makes(|platform| Radix::<Sv39Format, _>::new(platform).unwrap());
    makes(|platform| Radix::<Sv48Format, _>::new(platform).unwrap());
    let upper = area(0xffff_ffff_0000_0000, 3 * GIB);
    let features = Features::default();
    makes(|platform| Radix::<Sv39Format, _>::kernel(platform, features, upper).unwrap());
    let kernel = Radix::<Sv39Format, _>::kernel(Panicky::new(16), features, upper).unwrap();
    makes(|platform| Radix::with_kernel(platform, &kernel).unwrap());
    every_blow(|blow| {
        let platform = Panicky::new(16);
        kernel.platform().arm(blow);
        let table = survive(|| Radix::with_kernel(platform.clone(), &kernel).unwrap());
        kernel.platform().disarm();
        let is_struck = table.is_none();
        drop(table);
        assert_eq!(platform.in_use().len(), 0, "{blow:?}");
        is_struck
    });
}

#[test]
fn who_drops_a_page_table_survives_every_panic() {
    for waits in [false, true] {
        every_blow(|blow| {
            let mut stage = Stage::<Sv39Format>::new(AccessedDirty::Preset);
            if waits {
                stage.unmap(own_table());
            }
            stage.platform.cache(stage.owned());
            let all = stage.platform.in_use().len();
            let Stage {
                table, platform, ..
            } = stage;
            platform.arm(blow);
            let is_struck = survive(|| drop(table)).is_none();
            platform.disarm();
            assert_eq!(platform.given_back_early(), [], "{blow:?}");
            let leaked = platform.in_use().len();
            let released = all - leaked;
            match (is_struck, blow.hook, blow.moment) {
                (false, ..) => assert_eq!(leaked, 0, "{blow:?}"),
                (true, Hook::Flush, _) => assert_eq!(released, 0, "{blow:?}"),
                (true, Hook::Release, Moment::Before) => {
                    assert_eq!(released, blow.n - 1, "{blow:?}");
                }
                (true, Hook::Release, _) => assert_eq!(released, blow.n, "{blow:?}"),
                (true, ..) => assert_ne!(leaked, 0, "{blow:?}"),
            }
            is_struck
        });
    }
}

/// A kernel's page table, whose tables below the root stay.
#[test]
fn a_kernels_page_table_survives_every_panic() {
    let upper = area(0xffff_ffff_0000_0000, 3 * GIB);
    let start = upper.start().get();
    for edit in [
        Edit::Map(run(start + GIB - PAGE, 0x1000, 2 * PAGE, RX)),
        Edit::Unmap(upper),
        Edit::Protect(area(start, GIB), READ),
    ] {
        every_blow(|blow| {
            let platform = Panicky::new(64);
            let features = Features::default();
            let table = Radix::<Sv39Format, _>::kernel(platform.clone(), features, upper);
            let mut table = table.unwrap();
            for page in [0, 7 * PAGE, 2 * MIB] {
                let page = run(start + page, 0x1000, PAGE, RW);
                table.edit(Edit::Map(page), ASID).unwrap();
            }
            platform.arm(blow);
            let is_struck = survive(|| table.edit(edit, ASID).unwrap()).is_none();
            platform.disarm();
            assert_eq!(table.check_invariants(), Ok(()), "{blow:?}");
            table.retire(Retired::new(), ASID);
            table.edit(Edit::Unmap(upper), ASID).unwrap();
            assert_eq!(table.check_invariants(), Ok(()), "{blow:?}");
            let kept = BTreeSet::from([table.root()]);
            assert!(kept.is_subset(&platform.in_use()));
            drop(table);
            is_struck
        });
    }
}

/// A sink is somebody else's code, too.
#[test]
fn a_harvest_survives_a_sink_that_panics() {
    for n in 1..8 {
        let mut stage = Stage::<Sv39Format>::new(AccessedDirty::Hardware);
        for page in [1, 2, 8, 1024] {
            let page = VirtAddr::new(page * PAGE);
            stage.table.set_accessed(page, Access::Write).unwrap();
        }
        let mut seen = 0;
        let (table, out) = (&mut stage.table, &mut stage.out);
        let answer = survive(|| {
            table.harvest(area(0, ALL_LOW), out, |_| {
                seen += 1;
                if seen == n {
                    resume_unwind(Box::new(Struck));
                }
            });
        });
        assert_eq!(answer, None);
        assert_eq!(
            flushes(&mut stage),
            1,
            "what it has cleared is cached as set"
        );
        let blow = Blow {
            hook: Hook::Reach,
            n,
            moment: Moment::Before,
        };
        assert_eq!(settles(stage, ("sink", blow)), 0);
    }
}

/// How often the page table flushes when it is told to retire nothing.
fn flushes<F: Format>(stage: &mut Stage<F>) -> usize {
    stage.platform.arm(Blow {
        hook: Hook::Flush,
        n: usize::MAX,
        moment: Moment::Before,
    });
    stage.table.retire(Retired::new(), ASID);
    stage.platform.disarm();
    stage.platform.calls(Hook::Flush)
}

/// Whatever the platform made of a flush that panicked, it is told once more.
#[test]
fn a_flush_that_panicked_is_made_up_for() {
    for edit in [
        Edit::Unmap(area(PAGE, PAGE)),
        Edit::Unmap(area(8 * PAGE, PAGE)),
        Edit::Unmap(area(GIB, GIB)),
        Edit::Protect(area(0, 2 * GIB), READ),
        Edit::Shift {
            from: own_table(),
            to: elsewhere(own_table()),
        },
    ] {
        let mut stage = Stage::<Sv39Format>::new(AccessedDirty::Preset);
        stage.platform.arm(Blow {
            hook: Hook::Flush,
            n: 1,
            moment: Moment::Before,
        });
        let answer = survive(|| stage.table.edit(edit, ASID).unwrap());
        assert_eq!(answer, None);
        assert_eq!(
            [flushes(&mut stage), flushes(&mut stage)],
            [1, 0],
            "{edit:?}"
        );
    }
}
