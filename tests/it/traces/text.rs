//! Text that is no trace, or nearly one.

use kernel_vm::backend::mock::MockBackend;
use kernel_vm::testing::{Replay, Trace, replay};
use proptest::prelude::*;

use super::{sv39, verdict};

#[test]
fn each_kind_of_bad_line_is_refused_with_its_number() {
    let cases = [
        ("mmap 1000-2000 rw-p", "unknown verb \"mmap\""),
        ("MAP 1000-2000 rw-p", "unknown verb \"MAP\""),
        ("map", "an area is missing"),
        ("remap 1000-2000", "an area is missing"),
        ("unmap # 1000-2000", "an area is missing"),
        ("unmap 1000", "\"1000\" is not START-END in hexadecimal"),
        ("unmap 1000-", "\"1000-\" is not START-END in hexadecimal"),
        ("unmap -1000", "\"-1000\" is not START-END in hexadecimal"),
        (
            "unmap +1000-2000",
            "\"+1000-2000\" is not START-END in hexadecimal",
        ),
        (
            "unmap 0x1000-0x2000",
            "\"0x1000-0x2000\" is not START-END in hexadecimal",
        ),
        (
            "unmap 1000-2000-3000",
            "\"1000-2000-3000\" is not START-END in hexadecimal",
        ),
        (
            "unmap 1000-20000000000000000",
            "\"1000-20000000000000000\" is not START-END in hexadecimal",
        ),
        (
            "unmap 0-10000000000000000",
            "\"0-10000000000000000\" is not START-END in hexadecimal",
        ),
        (
            "unmap 1000-1000",
            "\"1000-1000\" does not end behind its start",
        ),
        (
            "unmap 2000-1000",
            "\"2000-1000\" does not end behind its start",
        ),
        ("unmap 1000-1fff", "\"1000-1fff\" is not whole pages"),
        ("unmap 1001-2000", "\"1001-2000\" is not whole pages"),
        ("map 1000-2000", "permissions are missing"),
        ("protect 1000-2000", "permissions are missing"),
        (
            "protect 1000-2000 rw-p",
            "\"rw-p\" is not permissions, as \"rw-\" is",
        ),
        (
            "protect 1000-2000 wr-",
            "\"wr-\" is not permissions, as \"rw-\" is",
        ),
        (
            "map 1000-2000 rw-",
            "\"rw-\" is not permissions and sharing, as \"rw-p\" is",
        ),
        (
            "map 1000-2000 rw--",
            "\"rw--\" is not permissions and sharing, as \"rw-p\" is",
        ),
        (
            "map 1000-2000 rwXp",
            "\"rwXp\" is not permissions and sharing, as \"rw-p\" is",
        ),
        (
            "map 1000-2000 rw-ps",
            "\"rw-ps\" is not permissions and sharing, as \"rw-p\" is",
        ),
        ("unmap 1000-2000 rw-", "\"rw-\" is a word too many"),
        ("map 1000-2000 rw-p r", "\"r\" is a word too many"),
        ("init 8000-9000 rw-p", "\"init\" behind the first call"),
    ];
    for (bad, problem) in cases {
        let text = format!("# comment\n\nunmap 1000-2000\r\n  {bad}\nunmap 1000-2000");
        let error = Trace::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.line(), 4, "{bad}");
        assert_eq!(error.to_string(), format!("line 4: {problem}"));
    }
}

#[test]
fn final_regions_come_last_and_apart() {
    let refused = |text: &str| Trace::parse(text.as_bytes()).unwrap_err();
    for verb in ["init 1000-2000 r--p", "unmap 1000-2000"] {
        let error = refused(&format!("final 1000-2000 r--p\n{verb}"));
        let said = "line 2: only \"final\" may follow \"final\"";
        assert_eq!(error.to_string(), said, "{verb}");
    }
    for area in ["1000-2000", "0-2000", "1000-8000", "3000-4000"] {
        let error = refused(&format!("final 1000-4000 r--p\nfinal {area} r--p"));
        let said = error.to_string();
        assert!(said.contains("overlaps the final region"), "{area}: {said}");
    }
    let error = refused("final 1000-9000000000000000 r--p");
    let said = "line 1: too many pages to compare one by one";
    assert_eq!(error.to_string(), said);
    // All that Sv39 can map: a page less than that, and another page, or two.
    let all = "final 1000-8000000000 r--p\nfinal 8000000000-8000001000 r--p";
    assert!(Trace::parse(all.as_bytes()).unwrap().is_empty());
    let said = "line 2: too many pages to compare one by one";
    assert_eq!(refused(&all.replace("1000 ", "2000 ")).to_string(), said);
    assert_eq!(
        verdict("map 1000-3000 r--p\nfinal 2000-3000 r--p\nfinal 1000-2000 r--p")
            .unwrap()
            .compared,
        2
    );
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_line() {
    let error = Trace::parse(b"unmap 1000-2000\nunmap \xff").unwrap_err();
    assert_eq!(error.to_string(), "line 2: not UTF-8 text");
}

/// A line that is nearly one of a trace: pages at the borders of everything.
fn near_line() -> impl Strategy<Value = String> {
    let page = prop::sample::select(vec![
        "0",
        "1000",
        "2000",
        "4000",
        "200000",
        "3ffffff000",
        "4000000000",
        "7fffffffffffe000",
        "8000000000000000",
        "ffffffc000000000",
        "fffffffffffff000",
        "10000000000000000",
        "fff",
        "",
    ]);
    let area = (page.clone(), page).prop_map(|(start, end)| format!("{start}-{end}"));
    let verbs = vec!["init", "map", "unmap", "protect", "remap", "final", "x"];
    let last = prop_oneof![
        prop::sample::select(vec!["rw-p", "r-xs", "---p", "-w-p", "rw-", "-wx", "", "#"])
            .prop_map(String::from),
        area.clone(),
    ];
    (prop::sample::select(verbs), area, last)
        .prop_map(|(verb, area, last)| format!("{verb} {area} {last}"))
}

/// A line that a trace may have, whether it makes sense or not.
fn line() -> impl Strategy<Value = String> {
    near_line().prop_filter("well-formed", |line| Trace::parse(line.as_bytes()).is_ok())
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Trace::parse(&bytes);
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,80}\n(map|final) .{0,40}") {
        let _ = Trace::parse(text.as_bytes());
    }

    #[test]
    fn near_misses_are_refused_with_a_line_that_exists(lines in prop::collection::vec(near_line(), 0..20)) {
        if let Err(error) = Trace::parse(lines.join("\n").as_bytes()) {
            prop_assert!((1..=lines.len()).contains(&error.line()));
        }
    }

    #[test]
    fn any_calls_are_replayed_or_refused(mut lines in prop::collection::vec(line(), 0..20)) {
        lines.sort_by_key(|line| (!line.starts_with("init"), line.starts_with("final")));
        if let Ok(trace) = Trace::parse(lines.join("\n").as_bytes()) {
            let _ = replay(&trace, sv39());
            // The mock takes a page at a time: what is populated is kept small.
            let mock = Replay::new(&trace, MockBackend::new());
            let _ = mock.and_then(|mut replay| replay.run(|_, _| Ok(())));
        }
    }
}
