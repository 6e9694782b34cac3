//! Recorded processes: what `examples/replay` does, and what it must notice.

#[path = "../../../examples/replay/arguments.rs"]
mod arguments;
#[path = "../../../examples/replay/figures.rs"]
mod figures;
#[path = "../../../examples/replay/files.rs"]
mod files;
#[path = "../../../examples/replay/report.rs"]
mod report;

mod text;

use std::cell::Cell;
use std::ffi::OsString;

use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::testing::{Broken, Checked, Replay, Trace};
use kernel_vm::{Permissions, VirtualMemoryManager};

use crate::subject::{area, map};
use arguments::{Arguments, Backend, Misuse};
use figures::Figures;
use report::{Report, replay};

/// What the bundled traces have in the end, all of them together.
const BUNDLED: Checked = Checked {
    compared: 2_695_575,
    read_back: 1_224_930,
};

fn sv39() -> Sv39<HostFrames> {
    Sv39::new(HostFrames::new(1 << 16)).unwrap()
}

fn bundled() -> impl Iterator<Item = (String, Trace)> {
    let files = files::bundled().unwrap().into_iter();
    files.map(|file| (files::name(&file).into(), files::read(&file).unwrap()))
}

fn parse(text: &str) -> Trace {
    Trace::parse(text.as_bytes()).unwrap()
}

/// Replays and checks `text` on both backends, which must agree.
fn verdict(text: &str) -> Result<Checked, Broken> {
    let trace = parse(text);
    let sv39 = kernel_vm::testing::replay(&trace, sv39());
    let mock = kernel_vm::testing::replay(&trace, MockBackend::new());
    assert_eq!(mock, sv39, "{text}");
    sv39
}

/// What a failure says of itself.
fn found(text: &str) -> String {
    verdict(text).unwrap_err().found().to_owned()
}

/// Replays the bundled traces, with a look at each space after each call.
fn replay_bundled<B: Figures>(
    backend: impl Fn() -> B,
    look: impl Fn(&VirtualMemoryManager<B>, kernel_vm::MemoryArea) -> Result<(), Broken>,
) {
    let mut total = Checked::default();
    for (name, trace) in bundled() {
        let mut replay = Replay::new(&trace, backend()).unwrap();
        replay
            .run(&look)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let checked = replay.check();
        total = total.and(checked.unwrap_or_else(|error| panic!("{name}: {error}")));
    }
    assert_eq!(total, BUNDLED);
}

#[test]
fn bundled_traces_lead_to_linux_own_view_on_sv39() {
    replay_bundled(sv39, |_, _| Ok(()));
}

#[test]
fn bundled_traces_lead_to_linux_own_view_on_the_mock() {
    replay_bundled(MockBackend::new, |_, _| Ok(()));
}

/// Populates what each call changes, so that the next finds a page table to edit.
fn replay_populated<B: Figures>(backend: impl Fn() -> B) {
    let (steps, flushes) = (Cell::new(0), Cell::new(0));
    replay_bundled(backend, |space, area| {
        space.populate(area)?;
        steps.set(steps.get() + 1);
        let now = space.backend().flushes();
        let before = flushes.replace(now);
        // Each trace begins anew.
        assert!(now.saturating_sub(before) <= 1, "{area} flushed twice");
        if steps.get() % 200 == 0 {
            space.check_invariants()?;
        }
        Ok(())
    });
    assert!(flushes.get() > 0);
}

#[test]
fn populated_at_every_call_they_lead_to_the_same_on_sv39() {
    replay_populated(sv39);
}

#[test]
fn populated_at_every_call_they_lead_to_the_same_on_the_mock() {
    replay_populated(MockBackend::new);
}

#[test]
fn the_example_replays_and_reports() {
    let trace = parse("init 1000-3000 rw-p\nunmap 2000-3000\nfinal 1000-2000 rw-p");
    let (replay, time) = replay(&trace, sv39()).unwrap();
    let report = Report::of(&replay, &trace, time).unwrap();
    let (one, said) = (
        Checked {
            compared: 1,
            read_back: 1,
        },
        report.to_string(),
    );
    assert_eq!(report.checked, one);
    assert!(
        said.contains("1 calls,    1 maps,       1 pages (     1 read back)"),
        "{said}"
    );
    assert!(said.contains("   3 table frames,    1 flushes"), "{said}");
}

#[test]
fn a_replay_that_ends_leaves_no_frame_behind() {
    for (name, trace) in bundled() {
        let frames = HostFrames::new(1 << 16);
        let mut replay = Replay::new(&trace, Sv39::new(frames.clone()).unwrap()).unwrap();
        replay.run(|_, _| Ok(())).unwrap();
        replay.check().unwrap();
        assert!(frames.frames_in_use() > 1, "{name}");
        drop(replay);
        assert_eq!(frames.frames_in_use(), 0, "{name}");
    }
}

#[test]
fn every_kind_of_remap_does_what_linux_does() {
    let grown = "init 1000-3000 r--s\nremap 2000-3000 2000-5000\nfinal 1000-5000 r--s";
    let shrunk = "init 1000-3000 rw-p\ninit 4000-6000 r--p\nremap 2000-6000 2000-3000\n\
                  final 1000-3000 rw-p";
    let moved = "init 1000-3000 rw-p\ninit 8000-b000 r--p\nremap 1000-3000 9000-b000\n\
                 final 8000-9000 r--p\nfinal 9000-b000 rw-p";
    let moved_smaller = "init 1000-4000 rw-p\nremap 1000-4000 9000-a000\nfinal 9000-a000 rw-p";
    let moved_larger = "init 1000-3000 rw-s\ninit 9000-f000 r--p\nremap 1000-3000 9000-d000\n\
                        final 9000-d000 rw-s\nfinal d000-f000 r--p";
    let tail_moved = "init 1000-5000 rw-p\nmap 3000-5000 rw-p\nremap 3000-5000 9000-b000\n\
                      final 1000-3000 rw-p\nfinal 9000-b000 rw-p";
    for text in [
        grown,
        shrunk,
        moved,
        moved_smaller,
        moved_larger,
        tail_moved,
    ] {
        assert!(verdict(text).is_ok(), "{text}: {:?}", verdict(text));
    }
}

#[test]
fn write_only_pages_are_widened_on_both_sides() {
    let text = "init 1000-2000 -w-p\nmap 2000-3000 -wxs\nmap 3000-4000 r--p\nprotect 3000-4000 -w-\n\
                final 1000-2000 -w-p\nfinal 2000-3000 -wxs\nfinal 3000-4000 rw-p";
    let three = Checked {
        compared: 3,
        read_back: 3,
    };
    assert_eq!(verdict(text), Ok(three));
}

#[test]
fn reservations_are_compared_but_have_no_leaf() {
    let text = "map 1000-5000 ---p\nprotect 2000-3000 r--\nmap 8000-9000 rw-p\nprotect 8000-9000 ---\n\
                final 1000-2000 ---p\nfinal 2000-3000 r--p\nfinal 3000-5000 ---p\nfinal 8000-9000 ---p";
    let checked = Checked {
        compared: 5,
        read_back: 1,
    };
    assert_eq!(verdict(text), Ok(checked));
}

#[test]
fn a_mismatch_names_the_first_page_and_both_views() {
    let calls = "init 1000-4000 rw-p\nmap 2000-3000 r-xs\n";
    let cases = [
        (
            "final 1000-2000 rw-p\nfinal 2000-3000 r--s\nfinal 3000-4000 ---p",
            "0x2000: linux r--s, kernel-vm r-xs",
        ),
        (
            "final 1000-2000 rw-p\nfinal 2000-3000 r-xp\nfinal 3000-4000 rw-p",
            "0x2000: linux r-xp, kernel-vm r-xs",
        ),
        (
            "final 1000-2000 rw-p\nfinal 2000-3000 r-xs",
            "0x3000: linux nothing, kernel-vm rw-p",
        ),
        (
            "final 1000-2000 rw-p\nfinal 2000-3000 r-xs\nfinal 3000-5000 rw-p",
            "0x4000: linux rw-p, kernel-vm nothing",
        ),
        (
            "final 0-1000 r--p\nfinal 2000-3000 r-xs",
            "0x0: linux r--p, kernel-vm nothing",
        ),
        ("", "0x1000: linux nothing, kernel-vm rw-p"),
    ];
    for (finals, expected) in cases {
        let found = found(&format!("{calls}{finals}"));
        let expected = expected.replace("linux", "recorded");
        assert_eq!(found, format!("page {expected}"), "{finals}");
    }
}

#[test]
fn a_changed_final_line_of_a_real_trace_is_found() {
    let file = files::bundled().unwrap().remove(0);
    let text = std::fs::read_to_string(file).unwrap();
    let line = text.lines().rfind(|line| line.ends_with("rw-p")).unwrap();
    let start = line.split(['-', ' ']).nth(1).unwrap();
    let mutated = text.replace(line, &line.replace("rw-p", "r--p"));
    let expected = format!("page 0x{start}: recorded r--p, kernel-vm rw-p");
    assert_eq!(found(&mutated), expected);
}

#[test]
fn a_page_table_that_leads_elsewhere_than_recorded_is_found() {
    let trace = parse("map 1000-3000 rw-p\nfinal 1000-3000 rw-p");
    let mut replay = Replay::new(&trace, sv39()).unwrap();
    replay.run(|_, _| Ok(())).unwrap();
    let rwu = Permissions::READ | Permissions::WRITE | Permissions::USER;
    let page = map(0x1000, 0x8000_0000, 0x1000, rwu);
    replay.space.replace_memory_map(page).unwrap();
    let broken = replay.check().unwrap_err();
    let expected = "page 0x1000: expected rw-u at 0x10000001000, page table rw-u at 0x80000000";
    assert_eq!(broken.found(), expected);
    assert_eq!(
        broken.law(),
        "a page table leads where its maps say, and nowhere else"
    );
    replay.space.unmap(area(0x1000, 0x1000)).unwrap();
    let expected = "page 0x1000: recorded rw-p, kernel-vm nothing";
    assert_eq!(replay.check().unwrap_err().found(), expected);
}

#[test]
fn a_call_that_is_refused_names_its_line() {
    let hole = "# nothing\n\nmap 1000-2000 rw-p\nprotect 1000-3000 r--";
    let moved = "map 1000-2000 rw-p\nremap 1000-3000 8000-b000";
    let grown = "remap 1000-3000 1000-4000";
    let onto_itself = "map 1000-4000 rw-p\nremap 1000-4000 2000-5000";
    let overlap = "init 1000-3000 rw-p\ninit 2000-4000 rw-p";
    let cases = [
        (hole, 4),
        (moved, 2),
        (grown, 1),
        (onto_itself, 2),
        (overlap, 2),
    ];
    for (text, expected) in cases {
        let found = found(text);
        assert!(
            found.starts_with(&format!("line {expected}: ")),
            "{text}: {found}"
        );
    }
    let trace = parse("map 3fffffe000-4000002000 rw-p");
    let broken = Replay::new(&trace, sv39())
        .unwrap()
        .run(|_, _| Ok(()))
        .unwrap_err();
    assert_eq!(
        broken.law(),
        "a call that the recorded system has done can be done"
    );
    assert_eq!(
        broken.found(),
        "line 1: area 0x3fffffe000..=0x4000001fff is not all mappable"
    );
}

#[test]
fn the_last_page_of_the_space_can_be_replayed() {
    let text = "map fffffffffffff000-10000000000000000 r--p\nfinal fffffffffffff000-10000000000000000 r--p";
    assert_eq!(verdict(text).unwrap().read_back, 1);
}

#[test]
fn arguments_are_options_and_files() {
    let parse = |line: &str| Arguments::parse(line.split_whitespace().map(OsString::from));
    assert_eq!(parse(""), Ok(Arguments::default()));
    let all = Arguments {
        backend: Backend::Mock,
        maps: true,
        help: false,
        files: vec!["a".into(), "--b".into()],
    };
    assert_eq!(parse("--backend mock --maps a -- --b"), Ok(all));
    assert_eq!(parse("--backend sv39"), Ok(Arguments::default()));
    for (name, backend) in [("x86_64", Backend::X86_64), ("aarch64", Backend::Aarch64)] {
        let other = Arguments {
            backend,
            ..Arguments::default()
        };
        assert_eq!(parse(&format!("--backend {name}")), Ok(other));
    }
    assert!(parse("-h").unwrap().help);
    assert_eq!(parse("--backend"), Err(Misuse::NoBackend));
    assert_eq!(
        parse("--backend x86"),
        Err(Misuse::UnknownBackend("x86".into()))
    );
    assert_eq!(parse("--map"), Err(Misuse::UnknownOption("--map".into())));
}
