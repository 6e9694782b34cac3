//! The README, as a page of the documentation and as a file in a clone.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join(path)).unwrap()
}

/// The references that a text defines, and what they lead to.
fn references(text: &str) -> Vec<(&str, &str)> {
    let lines = text.lines().filter(|line| line.starts_with('['));
    lines.filter_map(|line| line.split_once("]: ")).collect()
}

/// As RFC 4648 has it.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let three = [0, 1, 2].map(|n: usize| u32::from(group.get(n).copied().unwrap_or(0)));
        let bits = three[0] << 16 | three[1] << 8 | three[2];
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 63;
            let is_filled = digit <= group.len();
            text.push(if is_filled {
                char::from(DIGITS[value as usize])
            } else {
                '='
            });
        }
    }
    text
}

#[test]
fn the_plot_of_the_documentation_is_the_plot_of_the_clone() {
    let uri = format!(
        "data:image/svg+xml;base64,{}",
        base64(read("docs/plot.svg").as_bytes())
    );
    let is_same = read("docs/plot.md") == format!("[plot]: {uri}\n");
    assert!(is_same, "benches/plot.py writes both");
    assert_eq!(base64(b"ab"), "YWI=");
}

#[test]
fn every_link_leads_somewhere_in_a_clone_and_in_the_documentation() {
    let (readme, links) = (read("README.md"), read("src/links.md"));
    let (in_clone, in_docs) = (references(&readme), references(&links));
    for (name, path) in &in_clone {
        assert!(
            Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists(),
            "{name}] leads to {path}"
        );
        let has_another = *name == "[plot" || in_docs.iter().any(|(other, _)| other == name);
        assert!(has_another, "{name}] leads to a file in the documentation");
    }
    for (name, item) in &in_docs {
        assert!(
            in_clone.iter().any(|(other, _)| other == name),
            "{name}] leads nowhere in a clone"
        );
        assert!(
            readme.contains(&format!("{name}]")),
            "{name}] is of no use, with {item}"
        );
    }
    assert!(
        readme
            .split("](")
            .skip(1)
            .all(|rest| rest.starts_with("https://"))
    );
}
