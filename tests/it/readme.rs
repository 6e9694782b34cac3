//! The README and the guide, as pages of the documentation and as files in a clone.

use std::fs;
use std::path::Path;

use kernel_vm::backend::{Entry, PageTableBackend, mock::HostFrames, sv39::Sv39};
use kernel_vm::{
    MemoryArea, Permissions, PhysAddr, VirtAddr, VirtualMemoryManager, VirtualMemoryMap,
};

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

/// The pictures of a clone, in alphabetical order: their names, and what is in them.
fn pictures() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = files
        .filter_map(|file| Some(file.strip_suffix(".svg")?.to_owned()))
        .collect();
    names.sort();
    let picture = |name| (read(&format!("docs/pictures/{name}.svg")), name);
    names
        .into_iter()
        .map(picture)
        .map(|(svg, name)| (name, svg))
        .collect()
}

#[test]
fn the_pictures_of_the_documentation_are_those_of_the_clone() {
    let references = pictures().into_iter().map(|(name, svg)| {
        let uri = base64(svg.as_bytes());
        format!("[picture-{name}]: data:image/svg+xml;base64,{uri}\n")
    });
    let is_same = read("docs/pictures.md") == references.collect::<String>();
    assert!(is_same, "docs/pictures.py writes docs/pictures.md");
    assert_eq!(base64(b"ab"), "YWI=");
}

#[test]
fn every_picture_is_described_and_has_the_look_of_all_and_together_they_are_small() {
    let style = format!("<style>\n{}</style>", read("docs/pictures/style.css"));
    for (name, svg) in pictures() {
        for part in ["<title>", "<desc>", &style] {
            assert!(svg.contains(part), "{name} is without {part}");
        }
    }
    let size: usize = pictures().iter().map(|(_, svg)| svg.len()).sum();
    assert!(size < 60_000, "{size} bytes");
}

/// The space of the picture `space`: its maps, and where they are in memory.
const SPACE: [(usize, usize, u64, Permissions); 5] = [
    (0x1_0000, 0x4000, 0x8000_0000, Permissions::EXECUTE),
    (0x4000_0000, 0x20_0000, 0x8020_0000, Permissions::WRITE),
    (0x10_0000_0000, 0x400_0000, 0x9000_0000, Permissions::READ),
    (0x3f_ffff_7000, 0x1000, 0x8001_0000, Permissions::empty()),
    (0x3f_ffff_8000, 0x8000, 0x8001_1000, Permissions::WRITE),
];

#[test]
fn the_space_of_the_picture_has_the_tables_that_it_shows() {
    let frames = HostFrames::new(16);
    let mut space = VirtualMemoryManager::<Sv39<_>>::new(Sv39::new(frames.clone()).unwrap());
    for (start, size, first, allowed) in SPACE {
        let vmarea = MemoryArea::from_start_size(VirtAddr::new(start), size).unwrap();
        let pmarea = MemoryArea::from_start_size(PhysAddr::new(first), size).unwrap();
        let read = if allowed.is_empty() {
            allowed
        } else {
            Permissions::READ
        };
        let map = VirtualMemoryMap::new(vmarea, pmarea, allowed | read, false).unwrap();
        space.add_memory_map(map).unwrap();
        if start != 0x10_0000_0000 {
            space.populate(vmarea).unwrap();
        }
    }
    assert_eq!(space.memory_maps().count(), 5);
    assert_eq!(frames.frames_in_use(), 6);
    let entry = |page| space.backend().entry(VirtAddr::new(page));
    assert!(matches!(entry(0x4000_0000), Entry::Leaf(run) if run.area.size() == 0x20_0000));
    assert!(matches!(entry(0x3f_ffff_8000), Entry::Leaf(run) if run.area.size() == 0x1000));
    assert_eq!(entry(0x3f_ffff_7000), Entry::Empty);
    assert_eq!(entry(0x10_0000_0000), Entry::Empty);
}

/// The pages that are shown in a clone and in the documentation alike: the README, and those of the guide.
fn pages() -> Vec<(String, String)> {
    let names = read("src/guide.rs");
    let names = names
        .lines()
        .filter_map(|line| line.strip_prefix("page!(")?.strip_suffix(");"));
    let paths = names.map(|name| match name.split_once(", \"../") {
        Some((_, path)) => path.trim_end_matches('"').to_owned(),
        None => format!("docs/{name}.md"),
    });
    let paths = ["README.md", "docs/README.md"]
        .map(str::to_owned)
        .into_iter()
        .chain(paths);
    paths.map(|path| (read(&path), path)).collect()
}

#[test]
fn every_link_leads_somewhere_in_a_clone_and_in_the_documentation() {
    let links = read("src/links.md") + &read("docs/pictures.md");
    let in_docs = references(&links);
    for (text, path) in pages() {
        let folder = Path::new(&path).parent().unwrap();
        for (name, to) in references(&text) {
            let file = to.split('#').next().unwrap();
            let file = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(folder)
                .join(file);
            assert!(file.exists(), "{path}: {name}] leads to {to}");
            let has_another = in_docs.iter().any(|(other, _)| *other == name);
            assert!(
                has_another,
                "{path}: {name}] leads to a file in the documentation"
            );
            assert!(
                text.contains(&format!("{name}]")),
                "{path}: {name}] is of no use"
            );
        }
        let inline = text.split("](").skip(1);
        assert!(
            inline
                .clone()
                .all(|rest| rest.starts_with("https://") || rest.starts_with('#')),
            "{path}"
        );
    }
}

#[test]
fn every_link_of_the_documentation_is_used() {
    let links = read("src/links.md");
    for (name, item) in references(&links) {
        let is_used = pages()
            .iter()
            .any(|(text, _)| references(text).iter().any(|(other, _)| *other == name));
        assert!(is_used, "{name}] is of no use, with {item}");
    }
}

#[test]
fn every_page_of_the_guide_is_shown() {
    let pages = pages();
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let is_page = name.ends_with(".md") && name != "pictures.md";
        let is_shown = pages
            .iter()
            .any(|(_, path)| *path == format!("docs/{name}"));
        assert!(!is_page || is_shown, "{name} is not in src/guide.rs");
    }
}

/// The lines of a text, and whether each is code.
fn lines(text: &str) -> impl Iterator<Item = (&str, bool)> {
    text.lines().scan(false, |is_code, line| {
        let is_fence = line.trim_start().starts_with("```");
        *is_code ^= is_fence;
        Some((line, *is_code && !is_fence))
    })
}

#[test]
fn the_readme_is_read_in_five_minutes() {
    let readme = read("README.md");
    let (lines, words) = (readme.lines().count(), readme.split_whitespace().count());
    assert!(
        lines <= 160 && words <= 1500,
        "{lines} lines, {words} words"
    );
}

#[test]
fn code_fits_into_90_columns() {
    for (text, path) in pages() {
        let wide = lines(&text).find(|(line, is_code)| *is_code && line.chars().count() > 90);
        assert_eq!(wide, None, "{path}");
    }
}
