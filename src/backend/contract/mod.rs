//! The laws of [`PageTableBackend`] as functions that panic where one is broken, for any backend's author.
//!
//! [`check`] runs all of them; each can be called alone. They ask for a backend by `make`, as often as they need one,
//! and drop it before they ask for the next. `in_use` answers how many frames (or whatever it sets aside) a backend
//! holds at this time: the laws only compare it with what it was before. One that cannot tell answers 0.
//!
//! The page table must have a range with room for 4096 pages, and 600 frames for tables; a run that is too large for
//! its ranges is passed over. Physical memory is only mapped, never touched, so there need be none at the addresses.
//! All sizes are in pages of the backend's own size.
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
pub use looking::{populated_can_be_read_while_mapping, populated_clips_to_any_area};
pub use mapping::{
    a_new_page_table_is_empty, entries_say_all_that_was_mapped, mapping_leaves_what_is_there,
    the_borders_of_each_range_can_be_mapped, two_cpus_can_map_the_same_place,
    what_is_mapped_is_there,
};
pub use protecting::{
    protecting_changes_permissions_and_nothing_else, protecting_leaves_absent_what_is_absent,
    protecting_to_nothing_hides_and_back_shows,
};
pub use random::random_edits_agree_with_a_page_by_page_model;
pub use reserving::{giving_a_reservation_back_changes_nothing, reserve_refuses_what_cannot_be};
pub use unmapping::{
    unmapping_a_part_leaves_the_rest, unmapping_piece_by_piece_gives_everything_back,
    unmapping_skips_what_is_absent,
};
pub use unreserved::{
    absurd_edits_do_not_panic, edits_without_a_reservation_leave_out_at_worst,
    frames_out_of_range_are_not_mistaken_for_others,
};
pub use verbs::{
    a_dropped_retired_is_settled_by_the_next, edits_reserved_together_can_be_made_together,
    one_flush_retires_any_number_of_edits, pages_can_move_within_one_leaf,
    retiring_nothing_changes_nothing,
};

use crate::backend::page_table::PageTableBackend;

/// All laws, one after the other, but for [`failed_reservations_change_nothing`], which needs to know how to fail.
/// Takes some seconds when nothing is
/// optimised.
///
/// # Panics
/// Where one is broken, with its name and what is wrong.
pub fn check<B: PageTableBackend>(make: impl Fn() -> B, in_use: impl Fn(&B) -> usize) {
    let (make, in_use) = (&make, &in_use);
    a_new_page_table_is_empty(make, in_use);
    what_is_mapped_is_there(make, in_use);
    entries_say_all_that_was_mapped(make, in_use);
    mapping_leaves_what_is_there(make, in_use);
    the_borders_of_each_range_can_be_mapped(make, in_use);
    two_cpus_can_map_the_same_place(make, in_use);
    unmapping_a_part_leaves_the_rest(make, in_use);
    unmapping_skips_what_is_absent(make, in_use);
    unmapping_piece_by_piece_gives_everything_back(make, in_use);
    protecting_changes_permissions_and_nothing_else(make, in_use);
    protecting_to_nothing_hides_and_back_shows(make, in_use);
    protecting_leaves_absent_what_is_absent(make, in_use);
    populated_clips_to_any_area(make, in_use);
    populated_can_be_read_while_mapping(make, in_use);
    reserve_refuses_what_cannot_be(make, in_use);
    giving_a_reservation_back_changes_nothing(make, in_use);
    edits_reserved_together_can_be_made_together(make, in_use);
    pages_can_move_within_one_leaf(make, in_use);
    one_flush_retires_any_number_of_edits(make, in_use);
    retiring_nothing_changes_nothing(make, in_use);
    a_dropped_retired_is_settled_by_the_next(make, in_use);
    edits_without_a_reservation_leave_out_at_worst(make, in_use);
    absurd_edits_do_not_panic(make, in_use);
    frames_out_of_range_are_not_mistaken_for_others(make, in_use);
    random_edits_agree_with_a_page_by_page_model(make, in_use);
}
