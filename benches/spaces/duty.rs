//! What spaces are asked to do again and again.

use std::hint::black_box;
use std::time::Duration;

use kernel_vm::Access;

use super::{Bytes, Layout, Memory, Outcome, Space};
use crate::clock::clock;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// A page of zeroes is mapped.
    FirstTouch,
    /// A page that others have, too, is copied.
    Cow,
    /// The page table allows the access already.
    Spurious,
    /// A block of physical memory is mapped.
    Around,
}

impl Duty {
    /// What it does to the bytes of a page.
    pub(crate) const fn bytes(self) -> Option<Bytes> {
        match self {
            Self::FirstTouch => Some(Bytes::Zeroed),
            Self::Cow => Some(Bytes::Copied),
            Self::Spurious | Self::Around => None,
        }
    }

    /// A space for this duty.
    pub(crate) fn space<S: Space>(self, layout: &Layout) -> S {
        let memory = match self {
            Self::FirstTouch | Self::Spurious => Memory::Anonymous,
            Self::Cow => Memory::Provided,
            Self::Around => Memory::Physical,
        };
        S::new(layout, memory)
    }

    const fn outcome(self) -> Outcome {
        match self {
            Self::FirstTouch => Outcome::Zeroed,
            Self::Cow => Outcome::Copied,
            Self::Spurious => Outcome::Spurious,
            Self::Around => Outcome::Mapped,
        }
    }

    /// How long `count` faults take. What they have mapped is taken out again, a layout's pages at a time.
    ///
    /// # Panics
    /// When a fault ends otherwise.
    pub(crate) fn time<S: Space>(self, space: &mut S, layout: &Layout, count: u64) -> Duration {
        let pages = if self == Self::Around {
            &layout.blocks
        } else {
            &layout.pages
        };
        let mut left = usize::try_from(count).expect("a few");
        let mut sum = Duration::ZERO;
        while left > 0 {
            let pages = &pages[..left.min(pages.len())];
            left -= pages.len();
            sum += self.time_pages(space, pages);
        }
        sum
    }

    fn time_pages<S: Space>(self, space: &mut S, pages: &[usize]) -> Duration {
        for &page in pages {
            match self {
                Self::Cow => space.share(page),
                Self::Spurious => assert_eq!(space.fault(page, Access::Write), Outcome::Zeroed),
                Self::FirstTouch | Self::Around => {}
            }
        }
        let wanted = self.outcome();
        let ((), time) = clock(|| {
            for &page in pages {
                assert_eq!(space.fault(black_box(page), Access::Write), wanted);
            }
        });
        pages.iter().for_each(|&page| space.forget(page));
        time
    }
}
