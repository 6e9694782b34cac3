#![doc = include_str!("links.md")]
#![doc = include_str!("../docs/README.md")]

/// A page of the guide: `docs/NAME.md`, or the file at a path, as the docs of a module.
macro_rules! page {
    ($name:ident) => {
        page!($name, concat!("../docs/", stringify!($name), ".md"));
    };
    ($name:ident, $path:expr) => {
        // Of a reference that is defined twice, the first counts: here items and pictures, in a clone files.
        #[doc = include_str!("links.md")]
        #[doc = include_str!("../docs/pictures.md")]
        #[doc = include_str!($path)]
        pub mod $name {}
    };
}

page!(words);
page!(platform);
page!(from_trap_to_munmap);
page!(faults);
page!(processes);
page!(page_caches);
page!(life_of_an_entry);
page!(early_boot);
page!(how_fast);
page!(how_tested);
page!(flushing);
page!(kernel_half);
page!(asids);
page!(locks);
page!(testing);
page!(test_your_platform);
page!(new_architecture);
page!(architecture, "../ARCHITECTURE.md");
page!(contributing, "../CONTRIBUTING.md");
page!(changelog, "../CHANGELOG.md");
