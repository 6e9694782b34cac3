//! The laws of [`PageTableBackend`] and of [`Paging`], for any backend's author.
//!
//! A law works on a [`Space`](space::Space) over a new backend. Laws are checked in the order of the lists in `laws`,
//! simple ones first: so the first that is broken is the one to look at.

mod at_once;
mod handing;
mod holding;
mod laws;
mod looking;
mod mapping;
mod marking;
mod owning;
mod pages;
mod place;
mod protecting;
mod random;
mod reservations;
mod reserving;
mod sharing;
mod space;
mod unmapping;
mod unreserved;
mod verbs;

pub use laws::{laws_of_page_tables, laws_of_paging};
pub use reservations::reservations;

use crate::backend::{PageTableBackend, Paging};
use crate::testing::broken::Broken;
use laws::{paging_laws, table_laws};
use space::Space;

/// The laws that every [`PageTableBackend`] keeps, one after the other; of reservations that fail there is
/// [one more](reservations).
///
/// `make` is asked for a backend as often as one is needed, and each is dropped before the next. `in_use` answers how
/// many frames a backend holds at this time, or whatever else it sets aside: that number is compared with the one that
/// a new backend had, and with nothing else. A backend that cannot tell answers 0.
///
/// The page table must have a range with room for 4096 pages, and 600 frames for tables. Physical memory is only
/// mapped, never touched, so there need be none at the addresses. Takes some seconds when nothing is optimised.
///
/// ```
/// use kernel_vm::backend::mock::MockBackend;
/// use kernel_vm::testing;
///
/// testing::page_table(MockBackend::new, MockBackend::reservations)?;
/// # Ok::<(), testing::Broken>(())
/// ```
///
/// # Errors
/// The first law that is broken: the edits of the verb, and both sides of the comparison that has failed.
///
/// # Panics
/// The page table has too little room for its laws to be checked.
pub fn page_table<B: PageTableBackend>(
    make: impl Fn() -> B,
    in_use: impl Fn(&B) -> usize,
) -> Result<(), Broken> {
    for (words, law) in table_laws() {
        keeps(words, make(), &in_use, law)?;
    }
    random::SEEDS.into_iter().try_for_each(|seed| {
        let law = |space: &mut Space<'_, B>| random::edits_agree_with_a_model(space, seed);
        keeps(random::LAW, make(), &in_use, law)
    })
}

/// The laws of [`Paging`], one after the other, for a backend that owns frames.
///
/// `make` and `in_use` are those of [`page_table`], but for the law of shared frames: it has two backends at a time,
/// whose platforms should be clones of one, which `in_use` counts. Backends with two frame allocators are not asked.
///
/// The platform counts references to its frames, and their bytes are there.
///
/// ```
/// use kernel_vm::backend::{mock::HostFrames, sv39::Sv39};
/// use kernel_vm::testing;
///
/// let frames = HostFrames::new(64);
/// let make = || Sv39::new(frames.clone()).expect("there is a frame");
/// testing::paging(make, |_| frames.frames_in_use())?;
/// # Ok::<(), testing::Broken>(())
/// ```
///
/// # Errors
/// The first law that is broken, with both sides of the comparison that has failed.
///
/// # Panics
/// As [`page_table`]; or the platform has no frame.
pub fn paging<B: Paging>(make: impl Fn() -> B, in_use: impl Fn(&B) -> usize) -> Result<(), Broken> {
    for (words, law) in paging_laws() {
        keeps(words, make(), &in_use, law)?;
    }
    let law = |space: &mut Space<'_, B>| {
        sharing::shared_pages_lead_to_the_same_frames(space, make());
    };
    keeps(sharing::LAW, make(), &in_use, law)
}

/// Runs a law on a new backend.
fn keeps<B: PageTableBackend>(
    words: &'static str,
    backend: B,
    in_use: &dyn Fn(&B) -> usize,
    law: impl Fn(&mut Space<'_, B>),
) -> Result<(), Broken> {
    let mut space = Space::new(words, backend, in_use);
    law(&mut space);
    space.end()
}
