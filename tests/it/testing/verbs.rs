//! Random verbs: on spaces that are right, behind a lock, with a payload, and on those that are told lies.

#[path = "../../../examples/soak/maps.rs"]
mod maps;

use kernel_vm::backend::aarch64::Aarch64;
use kernel_vm::backend::mock::{HostFrames, MockBackend, NoPageTable};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::{Entry, Paging, Run};
use kernel_vm::lock::PerCpuRwLock;
use kernel_vm::testing::{self, Lie, Subject, Trace, Verbs};
use kernel_vm::{
    Access, Answer, Attributes, Done, FaultError, FrameAllocator, MemoryArea, Payload, Permissions,
    PhysAddr, Privilege, VirtAddr, VirtualMemoryManager,
};

use super::asked::Asked;
use super::digest::Digest;
use maps::Maps;

/// What a map shows of an object: pieces of one join.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Named(&'static str);

impl Payload for Named {
    fn split_at(&mut self, _offset: usize) -> Self {
        self.clone()
    }

    fn can_join(&self, _len: usize, right: &Self) -> bool {
        self == right
    }
}

type Mock = MockBackend<HostFrames>;

/// A space of the mock's behind a lock, with pages of its own.
pub(super) struct Locked<B = Mock>
where
    B: Paging,
{
    space: PerCpuRwLock<VirtualMemoryManager<B, Named>, 4>,
    frames: HostFrames,
    loses_frames: bool,
}

impl Locked {
    fn new(loses_frames: bool) -> Self {
        let frames = HostFrames::new(1024);
        Self {
            loses_frames,
            ..Self::on(Mock::with_platform(frames))
        }
    }
}

impl<B: Paging<Platform = HostFrames>> Locked<B> {
    pub(super) fn on(table: B) -> Self {
        Self {
            frames: table.platform().clone(),
            space: PerCpuRwLock::new(VirtualMemoryManager::for_payload(table)),
            loses_frames: false,
        }
    }
}

impl<B: Paging<Platform = HostFrames>> Subject for Locked<B> {
    type Table = B;
    type Payload = Named;

    const HAS_PAGES: bool = true;

    fn look<R>(&self, look: impl FnOnce(&VirtualMemoryManager<B, Named>) -> R) -> R {
        look(&self.space.read(1))
    }

    fn change<R>(&mut self, change: impl FnOnce(&mut VirtualMemoryManager<B, Named>) -> R) -> R {
        change(&mut self.space.write())
    }

    fn payload(&self, _area: MemoryArea) -> Named {
        Named("object")
    }

    fn frames_in_use(&self) -> usize {
        self.frames.frames_in_use()
    }

    fn fault(&self, at: VirtAddr, access: Access) -> Result<Option<Done>, FaultError> {
        if self.loses_frames {
            let _lost = self.frames.alloc();
        }
        self.look(
            |space| match space.handle_fault(at, access, Privilege::User)? {
                Answer::Resolved { done, .. } => Ok(Some(done)),
                _ => Ok(None),
            },
        )
    }

    fn prefault(&self, area: MemoryArea) -> Result<(), usize> {
        self.look(|space| space.prefault(area).map_err(|stopped| stopped.done))
    }
}

#[test]
fn spaces_do_what_the_model_does() {
    for run in 0..8 {
        let verbs = Verbs::nth(1, run).steps(1000);
        verbs.run(|_| Locked::new(false)).unwrap();
        verbs
            .run(|_| VirtualMemoryManager::<_>::new(MockBackend::new()))
            .unwrap();
        let sv39 = || Sv39::new(HostFrames::new(64)).unwrap();
        verbs
            .run(|_| VirtualMemoryManager::<_>::new(sv39()))
            .unwrap();
        let aarch64 = || Aarch64::new(HostFrames::new(64)).unwrap();
        let tally = verbs
            .wide()
            .run(|_| VirtualMemoryManager::<_>::new(aarch64()));
        assert_eq!(tally.unwrap().all(), 1000);
    }
}

/// Where there is no page table, verbs are about many pages more often.
#[test]
fn maps_alone_do_what_the_model_does() {
    for seed in 0..4 {
        let verbs = Verbs::new(seed).steps(4000);
        verbs.run(Maps::new).unwrap();
        let tally = verbs.wide().run(Maps::new).unwrap();
        assert!(tally.most_maps() > 60, "{tally:?}");
    }
    for lie in Lie::MAPS {
        let mut runs = (0..4).map(|seed| Verbs::new(seed).wide().lie(lie));
        let broken = runs.find_map(|verbs| verbs.run(Maps::new).err()).unwrap();
        assert!(broken.steps().len() < 10, "{broken}");
    }
}

#[test]
fn lies_are_found_and_shrunk() {
    for lie in Lie::PAGES {
        let mut runs = (0..4).map(|run| Verbs::nth(2, run).lie(lie));
        let found = runs.find_map(|verbs| verbs.run(|_| Locked::new(false)).err());
        let broken = found.unwrap();
        assert!(broken.steps().len() < 10, "{broken}");
        assert!(broken.to_string().contains("Step("), "{broken}");
    }
}

#[test]
fn a_handler_that_loses_frames_is_found() {
    let broken = Verbs::new(3).run(|_| Locked::new(true)).unwrap_err();
    assert_eq!(broken.steps().len(), 1, "{broken}");
    assert!(broken.found().starts_with("page 0 is at 0x"), "{broken}");
    let law = "a space that has lost all of its maps has the frames of a new one";
    assert_eq!(broken.law(), law);
}

#[test]
fn a_panic_is_shrunk_where_a_guard_catches_it() {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    // It has room for its first page alone, and what is not there is not entered.
    let make = |window: MemoryArea| VirtualMemoryManager::<_>::new(NoPageTable::over([window]));
    let broken = Verbs::new(4).run(make).unwrap_err();
    assert_eq!(
        broken.law(),
        "an entry says what a model with a few bits a page says of it"
    );
    let guarded = Verbs::new(4).guard(|run| {
        catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(kernel_vm::testing::Broken::new(
            "no verb panics",
            "it does",
        )))
    });
    let broken = guarded.run(|_| -> VirtualMemoryManager<NoPageTable> { panic!("on purpose") });
    assert_eq!(broken.unwrap_err().law(), "no verb panics");
}

/// The leaf with what `change` makes of it.
fn leaf(entry: Entry, change: impl Fn(&mut Run)) -> Entry {
    match entry {
        Entry::Leaf(mut run) => {
            change(&mut run);
            Entry::Leaf(run)
        }
        entry => entry,
    }
}

/// What an entry must not say: another frame, more permissions, and that nobody may touch the page.
const TWISTS: [fn(Entry) -> Entry; 3] = [
    |entry| {
        leaf(entry, |run| {
            run.first = PhysAddr::new(run.first.get() ^ 0x1000);
        })
    },
    |entry| {
        leaf(entry, |run| {
            let all = run.attributes.permissions | Permissions::EXECUTE;
            run.attributes = Attributes::from(all);
        })
    },
    |entry| match entry {
        Entry::Leaf(run) => Entry::Hidden(run),
        entry => entry,
    },
];

#[test]
fn entries_that_are_not_as_the_maps_say_are_found() {
    let entries = "an entry says what a model with a few bits a page says of it";
    let leads = "a page table leads where its maps say, and nowhere else";
    let trace = Trace::parse(b"map 1000-3000 rw-p\nfinal 1000-3000 rw-p").unwrap();
    for twist in TWISTS {
        let table = || Asked {
            twist,
            ..Asked::new(MockBackend::new(), &Digest::new())
        };
        let verbs = Verbs::new(1).run(|_| VirtualMemoryManager::<_>::new(table()));
        assert_eq!(verbs.unwrap_err().law(), entries);
        let replayed = testing::replay(&trace, table());
        assert_eq!(replayed.unwrap_err().law(), leads);
    }
}
