//! Every n-th allocation and every n-th share of a fork fails, and nodes run out: parent and child are as they were.

use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::radix::{AccessedDirty, Features, Radix};
use kernel_vm::backend::sv39::Sv39Format;
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::{
    Access, Answer, ForkError, Inherit, MapError, MapRef, Node, Permissions, Privilege,
    SharedPages, VirtualMemoryMap,
};

use super::platform::{Platform, R, RW, Space, at, word, write};
use crate::radix::shape::Shape;
use crate::subject::pages;

type Table<F> = Radix<F, Platform>;

/// How each map is inherited.
type How = fn(MapRef<'_>) -> Option<(Inherit, ())>;

const HOW: [(&str, How); 5] = [
    ("as POSIX says", Inherit::posix),
    ("copied", |map| {
        Some((private_or_shared(map, Inherit::Copy), ()))
    }),
    ("shared alone", |map| {
        let how = private_or_shared(map, Inherit::Copy);
        (how == Inherit::Share).then_some((how, ()))
    }),
    ("every second one copied", |map| {
        let is_odd = map.vmarea().start().get() >> 13 & 1 != 0;
        let how = [Inherit::CopyOnWrite, Inherit::Copy][usize::from(is_odd)];
        Some((private_or_shared(map, how), ()))
    }),
    ("some left out", |map| {
        let is_wanted = map.vmarea().start() < at(512);
        is_wanted.then(|| Inherit::posix(map))?
    }),
];

fn private_or_shared(map: MapRef<'_>, private: Inherit) -> Inherit {
    match Inherit::posix(map) {
        Some((Inherit::CopyOnWrite, ())) => private,
        _ => Inherit::Share,
    }
}

fn table<F: Shape>(platform: &Platform, policy: AccessedDirty) -> Table<F> {
    let features = Features::new().with_accessed_dirty(policy);
    Radix::with_features(platform.clone(), features).unwrap()
}

fn add<F: Shape>(space: &mut Space<Table<F>>, map: VirtualMemoryMap) {
    space.add_memory_map(map).unwrap();
}

fn anonymous(first: usize, count: usize) -> VirtualMemoryMap {
    VirtualMemoryMap::anonymous(pages(first, count), RW).unwrap()
}

fn provided(first: usize, count: usize, is_shared: bool) -> VirtualMemoryMap {
    VirtualMemoryMap::provided(pages(first, count), (first << 12) as u64, RW, is_shared).unwrap()
}

/// An access faults, and is done then.
fn touch<F: Shape>(
    space: &Space<Table<F>>,
    cache: &SharedPages<Platform>,
    page: usize,
    access: Access,
) {
    let answer = space.handle_fault(at(page), access, Privilege::User);
    if let Ok(Answer::NeedsFrame { ticket, offset, .. }) = answer {
        let frame = cache.page(offset).unwrap();
        space.supply(ticket, frame).unwrap();
    }
    if access == Access::Write {
        write(space, page, page as u64);
    }
}

/// Pages that have been touched, with their words, where they are not hidden.
const RESIDENT: [(usize, u64); 9] = [
    (510, 510),
    (511, 0),
    (512, 512),
    (513, 513),
    (2000, 2000),
    (40, 0),
    (41, 41),
    (50, 50),
    (80, 80),
];

/// A space with memory of every kind, in several tables.
fn elder<F: Shape>(
    platform: &Platform,
    cache: &SharedPages<Platform>,
    policy: AccessedDirty,
) -> Space<Table<F>> {
    let mut space = Space::new(table(platform, policy));
    add(&mut space, anonymous(510, 4));
    add(&mut space, anonymous(2000, 3));
    add(&mut space, provided(40, 3, false));
    add(&mut space, provided(50, 3, true));
    let device = VirtualMemoryMap::identity(pages(60, 2), RW).unwrap();
    space.map(device).unwrap();
    add(&mut space, anonymous(70, 2));
    add(&mut space, anonymous(80, 1));
    for (page, word) in RESIDENT {
        let access = [Access::Write, Access::Read][usize::from(word == 0)];
        touch(&space, cache, page, access);
    }
    touch(&space, cache, 70, Access::Write);
    space.protect(pages(70, 2), Permissions::empty()).unwrap();
    space.protect(pages(80, 1), R).unwrap();
    space
}

/// A child of that, which has some pages alone, and shares others.
fn heir<F: Shape>(
    elder: &mut Space<Table<F>>,
    platform: &Platform,
    policy: AccessedDirty,
) -> Space<Table<F>> {
    let mut space = Space::new(table(platform, policy));
    elder.fork_into(&mut space, Inherit::posix).unwrap();
    write(&space, 510, 510);
    write(elder, 513, 513);
    // It is the last one's, and dirty.
    elder.discard(pages(512, 1)).unwrap();
    space
}

/// All that can be seen of a space.
fn seen<F: Shape>(space: &Space<Table<F>>) -> (Vec<String>, String) {
    space.check_invariants().unwrap();
    let maps = space.memory_maps().map(|map| format!("{map:?}"));
    (maps.collect(), space.backend().to_string())
}

/// Lets every n-th call fail, until none does: how many did.
fn inject<F: Shape>(
    platform: &Platform,
    family: &mut [Space<Table<F>>],
    child: &mut Space<Table<F>>,
    how: How,
) -> usize {
    let empty = seen(child);
    let all: Vec<_> = family.iter().map(seen).collect();
    let counts = platform.counts();
    for n in 1.. {
        platform.failing.set(n);
        let forked = family.last_mut().unwrap().fork_into(child, how);
        platform.failing.set(0);
        match forked {
            Ok(()) => {
                let is_copy_on_write = child
                    .memory_maps()
                    .any(|map| how(map) == Some((Inherit::CopyOnWrite, ())));
                let parents = family.iter().map(seen);
                // Who copies at once loses nothing.
                assert!(is_copy_on_write || parents.eq(all));
                return n - 1;
            }
            Err(ForkError::Share(_) | ForkError::Map(MapError::OutOfFrames { .. })) => {}
            Err(error) => panic!("{error}"),
        }
        assert_eq!(seen(child), empty, "{n}");
        assert!(family.iter().map(seen).eq(all.iter().cloned()), "{n}");
        assert_eq!(platform.counts(), counts, "{n}");
    }
    0
}

#[test]
fn a_fork_that_fails_anywhere_leaves_no_trace() {
    fails_anywhere::<Sv39Format>();
    fails_anywhere::<X86_64Format<4>>();
    fails_anywhere::<Aarch64Format<4>>();
}

fn fails_anywhere<F: Shape>() {
    for &policy in F::POLICIES {
        for (name, how) in HOW {
            for generations in 1..=3 {
                let platform = Platform::new();
                let cache = SharedPages::new(platform.clone());
                let mut family = vec![elder::<F>(&platform, &cache, policy)];
                while family.len() < generations {
                    let next = heir(family.last_mut().unwrap(), &platform, policy);
                    family.push(next);
                }
                let mut child = Space::new(table::<F>(&platform, policy));
                let failed = inject(&platform, &mut family, &mut child, how);
                // The shares, the copies and the tables, of which there are five at least.
                let expected = if name == "shared alone" { 0..1 } else { 8..30 };
                assert!(expected.contains(&failed), "{name}: {failed}");
                look(family.last().unwrap(), &child, &cache);
                drop((child, family, cache));
                assert_eq!(platform.frames.frames_in_use(), 0);
            }
        }
    }
}

/// The child has the parent's bytes.
fn look<F: Shape>(
    parent: &Space<Table<F>>,
    child: &Space<Table<F>>,
    cache: &SharedPages<Platform>,
) {
    for (page, expected) in RESIDENT {
        let is_inherited = child.search_memory_map(at(page)).is_some();
        for space in [parent, child].iter().take(1 + usize::from(is_inherited)) {
            touch(space, cache, page, Access::Read);
            assert_eq!(word(space, page), expected, "{page}");
        }
    }
}

#[test]
fn a_fork_that_finds_no_node_leaves_no_trace_and_its_nodes_are_free_again() {
    finds_no_node::<Sv39Format>();
    finds_no_node::<X86_64Format<4>>();
    finds_no_node::<Aarch64Format<4>>();
}

/// More maps than one node holds, and frames and nodes that run out in turns.
fn finds_no_node<F: Shape>() {
    for &policy in F::POLICIES {
        let platform = Platform::new();
        let mut parent = Space::new(table::<F>(&platform, policy));
        let places = (0..200).map(|n| 400 + 2 * n);
        places
            .clone()
            .for_each(|first| add(&mut parent, anonymous(first, 1)));
        for page in places.step_by(40) {
            write(&parent, page, page as u64);
        }
        let (all, counts) = (seen(&parent), platform.counts());
        let mut refused = 0;
        for nodes in 0.. {
            let nodes = Box::leak((0..nodes).map(|_| Node::new()).collect());
            let mut child = Space::with_nodes(table::<F>(&platform, policy), nodes);
            let (empty, with_child) = (seen(&child), platform.counts());
            for n in 0..20 {
                platform.failing.set(n);
                let forked = parent.fork_into(&mut child, Inherit::posix);
                platform.failing.set(0);
                if forked.is_ok() {
                    break;
                }
                assert_eq!(seen(&child), empty);
                assert_eq!(seen(&parent), all);
                assert_eq!(platform.counts(), with_child);
                refused += usize::from(is_out_of_nodes(forked));
            }
            if child.memory_maps().len() > 0 {
                assert_eq!(word(&child, 480), 480);
                break;
            }
            drop(child);
            assert_eq!(platform.counts(), counts);
        }
        // From no node to one too few: in each case before any frame fails, and behind some.
        assert!(refused > 20, "{refused}");
    }
}

fn is_out_of_nodes(forked: Result<(), ForkError>) -> bool {
    matches!(forked, Err(ForkError::Map(MapError::OutOfNodes { .. })))
}
