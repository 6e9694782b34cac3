//! The laws of [`PageTableBackend`] as a suite that panics where one is broken, for any backend's author.
//!
//! [`check`] runs the laws that every backend keeps, but for one: [`failed_reservations_change_nothing`] needs a
//! backend that fails on demand. [`check_paging`] runs those of [`Paging`], for a backend that owns frames. All ask for
//! a backend by `make`, as often as they need one, and drop it before they ask for the next.
//!
//! `in_use` answers how many frames a backend holds at this time, or whatever else it sets aside. The laws compare that
//! number with the one that a new backend had, and nothing else. A backend that cannot tell answers 0.
//!
//! # The backend
//! The page table must have a range with room for 4096 pages, and 600 frames for tables; a run that is too large for
//! its ranges is passed over. Physical memory is only mapped, never touched, so there need be none at the addresses.
//! All sizes are in pages of the backend's own size.
//!
//! # The message
//! A broken law panics with the law's name, the edits or the area concerned, and both sides of the comparison that has
//! failed. Laws are checked in the order of one list, simple ones first: so the first panic is the one to look at.
//!
//! ```
//! use kernel_vm::backend::{contract, mock::MockBackend};
//!
//! contract::check(MockBackend::new, MockBackend::reservations);
//! contract::failed_reservations_change_nothing(
//!     MockBackend::new,
//!     MockBackend::reservations,
//!     MockBackend::fail_reservation,
//! );
//! ```

mod failing;
mod looking;
mod mapping;
mod owning;
mod pages;
mod place;
mod protecting;
mod random;
mod reserving;
mod space;
mod unmapping;
mod unreserved;
mod verbs;

pub use failing::failed_reservations_change_nothing;

use crate::backend::page_table::PageTableBackend;
use crate::backend::paging::Paging;
use space::Space;

/// A law: it works on a space in which nothing is mapped, and panics where the space does not keep it.
///
/// Whatever a law leaves mapped is unmapped for it, and then nothing more may be in use than at first.
type Law<B> = fn(&mut Space<'_, B>);

/// Laws by room, each with its name.
macro_rules! named {
    ($($room:ident: $($law:ident)*;)*) => {
        [$($((stringify!($law), $room::$law as Law<B>)),*),*]
    };
}

/// All laws, one after the other, but for [`failed_reservations_change_nothing`], which needs to know how to fail.
///
/// Takes some seconds when nothing is optimised.
///
/// # Panics
/// Where a law is broken, with its name and both sides of the comparison that has failed.
pub fn check<B: PageTableBackend>(make: impl Fn() -> B, in_use: impl Fn(&B) -> usize) {
    for (name, law) in laws() {
        keeps(name, make(), &in_use, law);
    }
    for seed in random::SEEDS {
        keeps(
            "random_edits_agree_with_a_model",
            make(),
            &in_use,
            |space| {
                random::edits_agree_with_a_model(space, seed);
            },
        );
    }
}

/// The laws of [`Paging`], one after the other. The platform's frames are counted, and their bytes are there.
///
/// # Panics
/// Where a law is broken, with its name and both sides of the comparison that has failed.
pub fn check_paging<B: Paging>(make: impl Fn() -> B, in_use: impl Fn(&B) -> usize) {
    for (name, law) in paging_laws() {
        keeps(name, make(), &in_use, law);
    }
}

/// Runs a law on a new backend.
fn keeps<B: PageTableBackend>(
    name: &'static str,
    backend: B,
    in_use: &dyn Fn(&B) -> usize,
    law: impl Fn(&mut Space<'_, B>),
) {
    let mut space = Space::new(name, backend, in_use);
    law(&mut space);
    space.end();
}

/// The laws of [`check_paging`], each with the name under which it is reported.
fn paging_laws<B: Paging>() -> [(&'static str, Law<B>); 7] {
    named! {
        owning:
            an_installed_frame_goes_back_when_its_page_goes
            a_frame_is_not_installed_over_another
            a_leaf_is_permitted_more_only_as_it_was_read
            an_exchange_answers_the_old_frame
            protecting_lets_no_owned_leaf_be_written
            held_bytes_are_the_pages
            an_access_is_marked_only_where_it_is_allowed;
    }
}

/// The laws of [`check`] but for the random ones, each with the name under which it is reported.
fn laws<B: PageTableBackend>() -> [(&'static str, Law<B>); 24] {
    named! {
        mapping:
            a_new_page_table_is_empty
            what_is_mapped_is_there
            entries_say_all_that_was_mapped
            mapping_leaves_what_is_there
            the_borders_of_each_range_can_be_mapped
            two_cpus_can_map_the_same_place;
        unmapping:
            unmapping_a_part_leaves_the_rest
            unmapping_skips_what_is_absent
            unmapping_piece_by_piece_gives_everything_back;
        protecting:
            protecting_changes_permissions_and_nothing_else
            protecting_to_nothing_hides_and_back_shows
            protecting_leaves_absent_what_is_absent;
        looking:
            populated_clips_to_any_area
            populated_can_be_read_while_mapping;
        reserving:
            reserve_refuses_what_cannot_be
            giving_a_reservation_back_changes_nothing;
        verbs:
            edits_reserved_together_can_be_made_together
            pages_can_move_within_one_leaf
            one_flush_retires_any_number_of_edits
            retiring_nothing_changes_nothing
            a_dropped_retired_is_settled_by_the_next;
        unreserved:
            edits_without_a_reservation_leave_out_at_worst
            absurd_edits_do_not_panic
            frames_out_of_range_are_not_mistaken_for_others;
    }
}
