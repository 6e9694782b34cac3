//! Two answers for the same pages, one beside the other.

use alloc::format;
use alloc::string::ToString as _;
use core::fmt;

use crate::addr::VirtAddr;
use crate::testing::broken::Broken;

/// The first page on which two sides differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Difference<V> {
    pub(super) page: VirtAddr,
    /// What the one says, where the other says `found`; `None`: nothing is there.
    pub(super) expected: Option<V>,
    pub(super) found: Option<V>,
}

/// Compares page by page what two sides have, each in address order; answers how many pages they have.
///
/// # Errors
/// The first page that is not the same on both.
pub(super) fn compare<V: PartialEq>(
    expected: impl Iterator<Item = (VirtAddr, V)>,
    found: impl Iterator<Item = (VirtAddr, V)>,
) -> Result<usize, Difference<V>> {
    let (mut expected, mut found) = (expected.peekable(), found.peekable());
    let mut pages = 0;
    loop {
        let next = [expected.peek(), found.peek()];
        let Some(page) = next.into_iter().flatten().map(|&(page, _)| page).min() else {
            return Ok(pages);
        };
        let expected = expected
            .next_if(|&(at, _)| at == page)
            .map(|(_, view)| view);
        let found = found.next_if(|&(at, _)| at == page).map(|(_, view)| view);
        if expected != found {
            return Err(Difference {
                page,
                expected,
                found,
            });
        }
        pages += 1;
    }
}

impl<V: fmt::Display> Difference<V> {
    /// Both views, each under its name, as the evidence that a law is broken.
    pub(super) fn breaks(&self, law: &'static str, expected: &str, found: &str) -> Broken {
        let side = |view: &Option<V>| {
            view.as_ref()
                .map_or("nothing".into(), |view| view.to_string())
        };
        let (page, left, right) = (self.page, side(&self.expected), side(&self.found));
        Broken::new(
            law,
            format!("page {page}: {expected} {left}, {found} {right}"),
        )
    }
}
