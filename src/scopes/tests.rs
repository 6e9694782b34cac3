//! The scopes, each as deep as there is time for.

use alloc::format;
use std::println;

use super::explore::{Outcome, Scope, explore};
use super::faults::{self, Faults};
use super::fork::{self, Fork};
use super::maps::{self, Maps, Neighbours};
use super::span::Start::{self, Empty, InUse};
use super::walker::Walker;
use super::walker_verbs;
use super::watch::frames;
use crate::backend::aarch64::Aarch64Format;
use crate::backend::radix::Format;
use crate::backend::sv48::Sv48Format;
use crate::backend::x86_64::X86_64Format;

/// Does every sequence, tells what was done, and asks whether these have come to pass.
fn scope<S: Scope>(name: &str, make: impl Fn() -> S, depth: usize, seen: &[Outcome]) {
    let figures = explore(make, depth).unwrap();
    println!("{name}: {figures}");
    assert!(figures.has_seen(seen), "{name}: not all of {seen:?}");
}

fn maps(neighbours: Neighbours, depth: usize, seen: &[Outcome]) {
    let name = format!("maps, neighbours: {neighbours:?}");
    scope(&name, || Maps::new(neighbours, None), depth, seen);
}

fn walker<F: Format>(format: &str, start: Start, depth: usize, seen: &[Outcome]) {
    let (name, frames) = (format!("{format}, edits, {start:?}"), frames());
    let make = || Walker::<F>::new(&frames, start, None);
    scope(&name, make, depth, seen);
}

fn faults<F: Format>(format: &str, start: Start, depth: usize, seen: &[Outcome]) {
    let (name, frames) = (format!("{format}, faults, {start:?}"), frames());
    let make = || Faults::<F>::new(&frames, start, None);
    scope(&name, make, depth, seen);
}

fn forks<F: Format>(format: &str, start: Start, depth: usize, seen: &[Outcome]) {
    let (name, frames) = (format!("{format}, forks, {start:?}"), frames());
    let make = || Fork::<F>::new(&frames, start, None);
    scope(&name, make, depth, seen);
}

/// What five pages are enough for, wherever they are.
const MAPS: [Outcome; 6] = [
    ("add", "overlap"),
    ("protect", "not mapped"),
    ("remap", "done"),
    ("remap", "cannot grow"),
    ("remap", "overlap"),
    ("remove", "found"),
];

/// What comes to pass where a leaf splits, or two become one.
const TREES: [Outcome; 2] = [("tree", "one leaf"), ("tree", "several leaves")];

const EDITS: [Outcome; 5] = [
    ("install", "lost"),
    ("exchange", "done"),
    ("permit", "done"),
    ("unmap, deferred", "waits"),
    ("protect, deferred", "waits"),
];

/// What comes to pass in more edits, where tables have two entries.
const LARGE: &[Outcome] = if cfg!(kernel_vm_small_tables) {
    &[
        ("map", "busy"),
        ("leaf", "of two pages"),
        ("leaf", "of four pages"),
        ("exchange", "lost"),
    ]
} else {
    &[]
};

const FAULTS: [Outcome; 9] = [
    ("handle_fault", "mapped"),
    ("handle_fault", "zeroed"),
    ("handle_fault", "supplied"),
    ("handle_fault", "supplied, copied"),
    ("handle_fault", "copied"),
    ("handle_fault", "reused"),
    ("handle_fault", "spurious"),
    ("handle_fault", "denied"),
    ("handle_fault", "not mapped"),
];

const FORKS: [Outcome; 4] = [
    ("fork_into", "with pages"),
    ("write", "copied"),
    ("write", "reused"),
    ("write", "spurious"),
];

#[test]
fn a_few_verbs_on_maps() {
    maps(Neighbours::None, 2, &MAPS);
    maps(Neighbours::Full, 2, &TREES);
    maps(Neighbours::Sparse, 2, &TREES);
}

#[test]
fn a_few_edits_of_a_page_table() {
    for start in [Empty, InUse] {
        walker::<Sv48Format>("Sv48", start, 2, &EDITS);
        walker::<X86_64Format<4>>("x86-64", start, 2, &EDITS);
        walker::<Aarch64Format<4>>("AArch64", start, 2, &EDITS);
    }
}

#[test]
fn a_few_verbs_and_faults() {
    faults::<Sv48Format>("Sv48", Empty, 2, &[]);
    faults::<Sv48Format>("Sv48", InUse, 2, &FAULTS);
    faults::<Aarch64Format<4>>("AArch64", InUse, 2, &FAULTS);
}

#[test]
fn a_few_verbs_and_forks() {
    forks::<Sv48Format>("Sv48", Empty, 2, &[]);
    forks::<Sv48Format>("Sv48", InUse, 2, &FORKS);
    forks::<Aarch64Format<4>>("AArch64", InUse, 2, &FORKS);
}

#[test]
#[ignore = "minutes"]
fn many_verbs_on_maps() {
    maps(Neighbours::None, 5, &MAPS);
    maps(Neighbours::Full, 4, &TREES);
    maps(Neighbours::Sparse, 4, &TREES);
}

#[test]
#[ignore = "minutes"]
fn many_edits_of_a_page_table() {
    for (start, depth) in [(Empty, 4), (InUse, 3)] {
        walker::<Sv48Format>("Sv48", start, depth, LARGE);
        walker::<X86_64Format<4>>("x86-64", start, depth, LARGE);
        walker::<Aarch64Format<4>>("AArch64", start, depth, LARGE);
    }
}

#[test]
#[ignore = "minutes"]
fn many_verbs_and_faults() {
    faults::<Sv48Format>("Sv48", Empty, 4, &FAULTS);
    faults::<Sv48Format>("Sv48", InUse, 3, &FAULTS);
    faults::<Aarch64Format<4>>("AArch64", InUse, 3, &FAULTS);
}

#[test]
#[ignore = "minutes"]
fn many_verbs_and_forks() {
    forks::<Sv48Format>("Sv48", Empty, 4, &FORKS);
    forks::<Sv48Format>("Sv48", InUse, 3, &FORKS);
    forks::<Aarch64Format<4>>("AArch64", InUse, 3, &FORKS);
}

/// A lie that is told in a scope must be found.
fn find<S: Scope>(make: impl Fn() -> S, lie: impl core::fmt::Debug) {
    let Err(found) = explore(make, 3) else {
        unreachable!("{lie:?} was not found");
    };
    println!("{lie:?}: {found:?}");
}

#[test]
fn lies_about_maps_are_found() {
    for lie in maps::Lie::ALL {
        find(|| Maps::new(Neighbours::None, Some(lie)), lie);
    }
}

#[test]
fn lies_about_edits_are_found() {
    for lie in walker_verbs::Lie::ALL {
        let frames = frames();
        find(|| Walker::<Sv48Format>::new(&frames, Empty, Some(lie)), lie);
    }
}

#[test]
fn lies_about_faults_are_found() {
    for lie in faults::Lie::ALL {
        let frames = frames();
        find(|| Faults::<Sv48Format>::new(&frames, Empty, Some(lie)), lie);
    }
}

#[test]
fn lies_about_forks_are_found() {
    for lie in fork::Lie::ALL {
        let frames = frames();
        find(|| Fork::<Sv48Format>::new(&frames, Empty, Some(lie)), lie);
    }
}
