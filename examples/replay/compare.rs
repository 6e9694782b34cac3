//! Two answers for the same pages, one beside the other.

use std::fmt;

use kernel_vm::VirtAddr;

/// The first page on which two sides differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Difference<V> {
    pub(crate) page: VirtAddr,
    /// What the one says, where the other says `found`; `None`: nothing is there.
    pub(crate) expected: Option<V>,
    pub(crate) found: Option<V>,
}

/// Compares page by page what two sides have, each in address order; answers how many pages they have.
///
/// # Errors
/// The first page that is not the same on both.
pub(crate) fn compare<V: PartialEq>(
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
    /// Both views, each under its name.
    pub(crate) fn tell(
        &self,
        f: &mut fmt::Formatter<'_>,
        expected: &str,
        found: &str,
    ) -> fmt::Result {
        let side = |view: &Option<V>| view.as_ref().map_or("nothing".into(), V::to_string);
        let (page, left, right) = (self.page, side(&self.expected), side(&self.found));
        write!(f, "page {page}: {expected} {left}, {found} {right}")
    }
}
