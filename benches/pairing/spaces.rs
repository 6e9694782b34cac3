//! This crate's page faults and small spaces beside those by hand.

use std::time::Duration;

use kernel_vm::Counted;

use super::Filter;
use super::pair::{LONG, Pair, SHORT, Side};
use crate::pages::Frames;
use crate::spaces::{
    ByHand, Bytes, Duty, Family, Forks, KernelVm, Layout, Managed, ManagedForks, PAGES, Plain,
    PlainForks, Process, Source, Space, time_processes,
};

const MAPS: [usize; 2] = [64, 1024];

/// The duties, and how many times Callgrind watches each.
const GROUPS: [(&str, Duty, u64); 4] = [
    ("fault-first-touch", Duty::FirstTouch, 8_192),
    ("fault-cow", Duty::Cow, 8_192),
    ("fault-spurious", Duty::Spurious, 8_192),
    ("fault-around", Duty::Around, 1_024),
];

const PROCESS: &str = "process";

/// How many pages a process has that forks, how long its rounds are, and how many times Callgrind watches it.
const FORKS: [(usize, Duration, u64); 3] = [(16, SHORT, 100), (1024, SHORT, 10), (65_536, LONG, 1)];

pub(super) fn for_each(filter: &Filter, with: &mut impl FnMut(Pair<'_>)) {
    for (group, duty, watched) in GROUPS {
        for maps in MAPS {
            let name = format!("{group}/{maps}");
            if filter.takes(&name) {
                let layout = Layout::new(maps);
                // Frames are counted where pages have several owners.
                let sides = if duty == Duty::Cow {
                    sides::<&'static Counted<Frames>>(duty, &layout)
                } else {
                    sides::<Frames>(duty, &layout)
                };
                with(Pair {
                    name,
                    round: SHORT,
                    parts: 1.0,
                    watched,
                    within: 1.0,
                    sides,
                    apart: duty.bytes().map(apart),
                });
            }
        }
    }
    let name = format!("{PROCESS}/{PAGES}");
    if filter.takes(&name) {
        with(Pair {
            name,
            round: SHORT,
            parts: 1.0,
            watched: 100,
            within: 1.0,
            sides: [process::<Managed>(), process::<Plain>()],
            apart: None,
        });
    }
    for_each_fork(filter, with);
}

fn for_each_fork(filter: &Filter, with: &mut impl FnMut(Pair<'_>)) {
    for (pages, round, watched) in FORKS {
        let name = format!("fork/{pages}");
        if filter.takes(&name) {
            with(Pair {
                name,
                round,
                parts: 1.0,
                watched,
                within: 1.0,
                sides: [
                    forks::<ManagedForks>(pages, Family::time_forks),
                    forks::<PlainForks>(pages, Family::time_forks),
                ],
                apart: None,
            });
        }
    }
    let name = format!("{PROCESS}-fork/{PAGES}");
    if filter.takes(&name) {
        with(Pair {
            name,
            round: SHORT,
            parts: 1.0,
            watched: 100,
            within: 1.0,
            sides: [
                forks::<ManagedForks>(PAGES, Family::time_lives),
                forks::<PlainForks>(PAGES, Family::time_lives),
            ],
            apart: Some(apart(Bytes::Copied)),
        });
    }
}

fn forks<'a, S: Forks + 'a>(
    pages: usize,
    time: impl Fn(&mut Family<S>, u64) -> Duration + 'a,
) -> Side<'a> {
    let mut family = Family::new(pages);
    Box::new(move |turns, count| (0..turns).map(|_| time(&mut family, count)).collect())
}

fn sides<P: Source>(duty: Duty, layout: &Layout) -> [Side<'_>; 2] {
    [
        side::<KernelVm<P>>(duty, layout),
        side::<ByHand<P>>(duty, layout),
    ]
}

fn side<'a, S: Space + 'a>(duty: Duty, layout: &'a Layout) -> Side<'a> {
    let mut space: S = duty.space(layout);
    Box::new(move |turns, count| {
        let turn = |_| duty.time(&mut space, layout, count);
        (0..turns).map(turn).collect()
    })
}

fn apart<'a>(bytes: Bytes) -> Side<'a> {
    Box::new(move |turns, count| (0..turns).map(|_| bytes.time(count)).collect())
}

fn process<'a, S: Process>() -> Side<'a> {
    Box::new(|turns, count| (0..turns).map(|_| time_processes::<S>(count)).collect())
}
