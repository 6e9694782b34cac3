//! Every call of a payload, a sink, an iterator and a hook panics once, in every verb of a space.

use std::collections::BTreeMap;

use kernel_vm::backend::aarch64::Aarch64Va39;
use kernel_vm::backend::mock::{MockBackend, NoPageTable};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::{Entry, PageTableBackend, Paging};
use kernel_vm::{
    Access, Answer, MapError, MemoryArea, Node, Permissions, Privilege, Settled, VirtAddr,
    VirtualMemoryManager, VirtualMemoryMap,
};

use super::bomb::{Call, Pieces, Tag, arm, disarm, live, ticking};
use super::platform::{Blow, Hook, Moment, Panicky, every_blow, survive};
use crate::subject::{PAGE, map, pages};

const READ: Permissions = Permissions::READ;
const RW: Permissions = READ.union(Permissions::WRITE);
const RX: Permissions = READ.union(Permissions::EXECUTE);

type Space<B> = VirtualMemoryManager<B, Tag>;
type Verb<B> = fn(&mut Space<B>) -> Result<(), MapError>;

/// How many maps a space has: enough for leaves of several nodes.
const MAPS: usize = 150;

/// The pages of a map.
const LONG: usize = 3;

/// Pages from `first` on, whose frames follow those of the pages before.
fn tagged(first: usize, count: usize, permissions: Permissions) -> VirtualMemoryMap<Tag> {
    let phys = ((1 << 16) + first) * PAGE;
    map(first * PAGE, phys as u64, count * PAGE, permissions).with_payload(Tag::new(1))
}

/// A space full of maps side by side that differ in permissions alone, with a hole of a map behind every tenth. All but
/// the last are populated.
fn furnished<B: PageTableBackend>(backend: B) -> Space<B> {
    furnish(Space::for_payload(backend))
}

fn furnish<B: PageTableBackend>(mut space: Space<B>) -> Space<B> {
    for at in (0..MAPS).filter(|at| at % 10 != 9) {
        let permissions = if at % 2 == 0 { READ } else { RW };
        space
            .add_memory_map(tagged(LONG * at, LONG, permissions))
            .unwrap();
    }
    space.populate(pages(0, LONG * (MAPS - 10))).unwrap();
    space
}

/// Where a test tries whether the space still works.
const ELSEWHERE: usize = 1 << 20;

fn verbs<B: PageTableBackend>() -> [(&'static str, Verb<B>); 19] {
    [
        ("add between two that it joins", |space| {
            Ok(space.add_memory_map(tagged(9 * LONG, LONG, READ))?)
        }),
        ("add by itself", |space| {
            Ok(space.add_memory_map(tagged(9 * LONG + 1, 1, RX))?)
        }),
        ("replace in a map", |space| {
            let mut pieces = Pieces::default();
            Ok(space.replace_memory_map_into(tagged(4, 1, RX), &mut pieces)?)
        }),
        ("replace over many", |space| {
            let mut pieces = Pieces::default();
            let map = tagged(4, LONG * 100, RX);
            Ok(space.replace_memory_map_into(map, &mut pieces)?)
        }),
        ("unmap in a map", |space| space.unmap(pages(4, 1))),
        ("unmap over many", |space| {
            space.unmap_into(pages(4, LONG * 100), &mut Pieces::default())
        }),
        ("unmap over many, and drop", |space| {
            space.unmap(pages(4, LONG * 100))
        }),
        ("unmap in a map, deferred", |space| {
            space.unmap_deferred(pages(4, 1))
        }),
        ("unmap over many, deferred, and settle", |space| {
            space.unmap_deferred(pages(4, LONG * 60))?;
            space.unmap_deferred(pages(4 + LONG * 70, LONG * 10))?;
            assert_eq!(space.settle(), Settled::Done);
            Ok(())
        }),
        (
            "unmap over many, deferred, and settle by the next",
            |space| {
                space.unmap_deferred(pages(4, LONG * 60))?;
                space.unmap_deferred(pages(4 + LONG * 70, LONG * 10))?;
                space.unmap(pages(4 + LONG * 90, 1))
            },
        ),
        ("protect one that joins both others, deferred", |space| {
            space.protect_deferred(pages(LONG, LONG), READ)?;
            assert_eq!(space.settle(), Settled::Done);
            Ok(())
        }),
        ("protect in a map", |space| space.protect(pages(4, 1), READ)),
        ("protect one that joins both others", |space| {
            space.protect(pages(LONG, LONG), READ)
        }),
        ("protect over many", |space| {
            for tenth in 0..9 {
                let hole = tagged(LONG * (10 * tenth + 9), LONG, RW);
                space.add_memory_map(hole)?;
            }
            space.protect(pages(4, LONG * 80), RW)
        }),
        ("move a part of a map", |space| {
            space.remap(pages(4, 1), pages(ELSEWHERE / 2, 1))
        }),
        ("move many onto others", |space| {
            let mut pieces = Pieces::default();
            let (old, new) = (pages(4, 20), pages(LONG * 20 + 1, 20));
            space.remap_into(old, new, &mut pieces)
        }),
        ("remove one, then all", |space| {
            drop(space.remove_memory_map(7));
            let mut removed = space.remove_all_memory_maps();
            drop(removed.next());
            Ok(())
        }),
        ("restore", |space| {
            let holes = (0..14).map(|tenth| tagged(LONG * (10 * tenth + 9), LONG, READ));
            Ok(space.restore_memory_maps(ticking(holes.rev()))?)
        }),
        ("restore what is refused", |space| {
            let holes = (0..14).rev().map(|tenth| tagged(30 * tenth + 27, 4, READ));
            match space.restore_memory_maps(ticking(holes)) {
                Ok(()) => panic!("it overlaps"),
                Err(refused) => drop(refused.into_maps().count()),
            }
            Ok(())
        }),
    ]
}

/// What each page leads to, and what it allows.
fn view<B: PageTableBackend>(space: &Space<B>) -> BTreeMap<usize, (u64, Permissions)> {
    let maps = space.memory_maps();
    maps.flat_map(|map| {
        let area = map.vmarea();
        let first = map.pmarea().unwrap().start().get();
        (0..area.size() / PAGE).map(move |page| {
            let at = area.start().get() / PAGE + page;
            (at, (first + (page * PAGE) as u64, map.permissions()))
        })
    })
    .collect()
}

/// What must hold of a space in which a verb was ended by a panic: it had `before`, and would have had `after`.
fn check<B: PageTableBackend>(
    space: &mut Space<B>,
    before: &BTreeMap<usize, (u64, Permissions)>,
    after: &BTreeMap<usize, (u64, Permissions)>,
    context: &str,
) {
    space
        .check_invariants()
        .unwrap_or_else(|error| panic!("{error}: {context}"));
    for (page, said) in view(space) {
        let is_known = before.get(&page) == Some(&said) || after.get(&page) == Some(&said);
        assert!(
            is_known,
            "page {page} leads nowhere that it should: {context}"
        );
    }
    // It still works, and puts right what was left.
    let elsewhere = tagged(ELSEWHERE, 2, RW);
    space.add_memory_map(elsewhere).unwrap();
    let everything = pages(0, 1 << 21);
    space
        .populate(everything)
        .unwrap_or_else(|error| panic!("{error}: {context}"));
    space
        .check_invariants()
        .unwrap_or_else(|error| panic!("{error}: {context}"));
    space.protect(pages(ELSEWHERE, 1), READ).unwrap();
    space.unmap(pages(ELSEWHERE + 1, 1)).unwrap();
    space
        .check_invariants()
        .unwrap_or_else(|error| panic!("{error}: {context}"));
    check_joined(space, context);
}

/// All neighbours that can be one are one: as `check_invariants` has it of a space in which nothing is left to be done.
fn check_joined<B: PageTableBackend>(space: &Space<B>, context: &str) {
    let rights = space.memory_maps().skip(1);
    for (left, right) in space.memory_maps().zip(rights) {
        assert!(!left.can_join(right), "{left} {right}: {context}");
    }
}

/// Strikes every call in every verb on spaces that `fresh` makes; `last` looks at each, and drops it. Answers how many
/// struck.
fn strike_all<B: PageTableBackend>(fresh: impl Fn() -> Space<B>, last: impl Fn(Space<B>)) -> usize {
    let mut struck = 0;
    for (name, verb) in verbs::<B>() {
        let mut twin = fresh();
        let before = view(&twin);
        verb(&mut twin).unwrap();
        let after = view(&twin);
        drop(twin);
        for call in Call::ALL {
            for n in 1.. {
                let start = live();
                let mut space = fresh();
                arm(call, n);
                let answer = survive(|| verb(&mut space));
                if disarm() {
                    assert_eq!(answer, Some(Ok(())));
                    break;
                }
                assert_eq!(answer, None);
                struck += 1;
                let context = format!("{name}, {call:?} {n}");
                check(&mut space, &before, &after, &context);
                last(space);
                assert_eq!(live(), start, "payloads were lost: {context}");
            }
        }
    }
    struck
}

#[test]
fn a_payload_a_sink_or_an_iterator_that_panics_leaves_a_sound_space() {
    let struck = strike_all(|| furnished(NoPageTable::new()), drop);
    assert!(struck > 700, "{struck} calls");
}

#[test]
fn a_payload_a_sink_or_an_iterator_that_panics_loses_no_node() {
    const NODES: usize = if cfg!(kernel_vm_small_nodes) { 40 } else { 12 };
    let nodes = || Box::leak((0..NODES).map(|_| Node::new()).collect());
    let fresh = || Space::with_nodes(NoPageTable::new(), nodes());
    let fill = |space: &mut Space<NoPageTable>| {
        let is_added = |&at: &usize| space.add_memory_map(tagged(2 * at, 1, READ)).is_ok();
        (0..).take_while(is_added).count()
    };
    let all = fill(&mut fresh());
    strike_all(
        || furnish(fresh()),
        |mut space| {
            drop(space.remove_all_memory_maps());
            assert_eq!(fill(&mut space), all, "a node was lost");
        },
    );
}

#[test]
fn a_payload_or_a_sink_that_panics_leaves_page_tables_that_agree_with_their_maps() {
    strike_all(|| furnished(MockBackend::new()), drop);
    strike_all(|| furnished(Sv39::new(Panicky::new(64)).unwrap()), drop);
}

#[test]
fn a_hook_that_panics_in_a_verb_of_a_space_leaves_it_sound() {
    for (name, verb) in verbs::<Sv39<Panicky>>() {
        let fresh = || {
            let platform = Panicky::new(64);
            (furnished(Sv39::new(platform.clone()).unwrap()), platform)
        };
        let (mut twin, _) = fresh();
        let before = view(&twin);
        verb(&mut twin).unwrap();
        let after = view(&twin);
        every_blow(|blow| {
            let start = live() - twin.memory_maps().len() as isize;
            let (mut space, platform) = fresh();
            platform.arm(blow);
            let answer = survive(|| verb(&mut space));
            if platform.disarm() {
                assert_eq!(answer, Some(Ok(())));
                return false;
            }
            let context = format!("{name}, {blow:?}");
            assert_eq!(answer, None, "{context}");
            check(&mut space, &before, &after, &context);
            let held = platform.in_use().len();
            let root = space.root_page_table();
            drop(space);
            let lost = platform.in_use();
            assert!(lost.len() < held, "{context}");
            assert!(lost.len() <= 3, "{} frames lost: {context}", lost.len());
            assert!(
                lost.is_empty() || !lost.contains(&root) || lost.len() > 1,
                "{context}"
            );
            assert_eq!(platform.given_back_early(), [], "{context}");
            assert_eq!(
                live() - twin.memory_maps().len() as isize,
                start,
                "{context}"
            );
            true
        });
    }
}

#[test]
fn a_space_that_is_dropped_while_a_payload_panics_gives_its_frames_back() {
    for n in 1..=MAPS {
        let platform = Panicky::new(64);
        let space = furnished(Sv39::new(platform.clone()).unwrap());
        arm(Call::Drop, n);
        let answer = survive(|| drop(space));
        assert_eq!(
            (answer, disarm()),
            (if n <= 135 { None } else { Some(()) }, n > 135)
        );
        assert_eq!(platform.in_use().len(), 0);
        assert_eq!(live(), 0);
    }
}

#[test]
fn what_a_panic_has_left_of_an_area_is_not_populated_before_it_is_put_right() {
    let platform = Panicky::new(64);
    let mut space = furnished(Sv39::new(platform.clone()).unwrap());
    arm(Call::Split, 1);
    assert_eq!(survive(|| space.protect(pages(4, 1), READ)), None);
    let area = pages(4, 1);
    assert_eq!(
        space.populate(pages(0, 10)),
        Err(MapError::Unfinished { area })
    );
    assert_eq!(space.populate(pages(10, 10)), Ok(()));
    // Removing by position does not move positions first.
    let first: MemoryArea = space.get_memory_map(0).unwrap().vmarea();
    assert_eq!(space.remove_memory_map(0).unwrap().vmarea(), first);
    assert_eq!(space.populate(pages(0, 10)), Ok(()));
    let page = VirtAddr::new(4 * PAGE);
    assert_eq!(space.search_memory_map(page).unwrap().permissions(), RW);
    space.check_invariants().unwrap();
}

/// A flush that has panicked leaves tables that wait. The maps beside are none of that verb's business: they are
/// populated, and their faults are resolved, by whoever comes first.
#[test]
fn beside_what_a_panic_has_left_pages_are_populated_and_faults_resolved() {
    beside_what_a_panic_has_left(|platform| Sv39::new(platform).unwrap());
    beside_what_a_panic_has_left(|platform| Aarch64Va39::new(platform).unwrap());
}

fn beside_what_a_panic_has_left<B: Paging>(make: impl Fn(Panicky) -> B) {
    let beside = pages(5, 3);
    for way in 0..3 {
        let platform = Panicky::new(64);
        let mut space = Space::for_payload(make(platform.clone()));
        space.add_memory_map(tagged(1, 3, RW)).unwrap();
        space.populate(pages(1, 3)).unwrap();
        space.add_memory_map(tagged(5, 3, RW)).unwrap();
        platform.arm(Blow {
            hook: Hook::Flush,
            n: 1,
            moment: Moment::Before,
        });
        assert_eq!(survive(|| space.unmap(pages(1, 3))), None);
        match way {
            0 => space.populate(beside).unwrap(),
            1 => space.prefault(beside).unwrap(),
            _ => {
                let page = VirtAddr::new(5 * PAGE);
                let answer = space.handle_fault(page, Access::Write, Privilege::Kernel);
                assert!(matches!(answer, Ok(Answer::Resolved { .. })), "{answer:?}");
            }
        }
        let page = VirtAddr::new(5 * PAGE);
        let entry = space.backend().entry(page);
        assert!(matches!(entry, Entry::Leaf(_)), "{way}: {entry:?}");
        assert_eq!(
            space.populate(pages(1, 1)),
            Err(MapError::Unfinished { area: pages(1, 3) })
        );
        space.unmap(pages(1, 3)).unwrap();
        space.populate_all().unwrap();
        space.check_invariants().unwrap();
    }
}
