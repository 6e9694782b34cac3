//! The lists of laws, in the order in which they are checked.

use alloc::vec::Vec;

use super::space::Space;
use super::{
    at_once, handing, holding, looking, mapping, marking, owning, protecting, random, reservations,
    reserving, sharing, unmapping, unreserved, verbs,
};
use crate::backend::mock::{HostFrames, MockBackend};
use crate::backend::{PageTableBackend, Paging};

/// A law: it works on a space in which nothing is mapped, and tells the space where it is broken.
///
/// Whatever a law leaves mapped is unmapped for it, and then nothing more may be in use than at first.
pub(super) type Law<B> = fn(&mut Space<'_, B>);

/// Laws by room, each with its words.
macro_rules! laws {
    ($($room:ident: $($law:ident $words:literal)*;)*) => {
        [$($(($words, $room::$law as Law<B>)),*),*]
    };
}

/// The laws of every page table, but for the random ones.
pub(super) fn table_laws<B: PageTableBackend>() -> [(&'static str, Law<B>); 26] {
    laws! {
        mapping:
            a_new_page_table_is_empty
                "a new page table is empty"
            what_is_mapped_is_there
                "what is mapped is there, and nothing else"
            entries_say_all_that_was_mapped
                "an entry says all that was mapped: frame, permissions and memory type"
            mapping_leaves_what_is_there
                "mapping leaves what is there"
            the_borders_of_each_range_can_be_mapped
                "the first and the last page of each range can be mapped, protected and unmapped"
            two_cpus_can_map_the_same_place
                "two CPUs can map the same place: who comes second finds the first's leaves";
        unmapping:
            unmapping_a_part_leaves_the_rest
                "unmapping a part leaves the rest"
            unmapping_skips_what_is_absent
                "unmapping skips what is absent"
            unmapping_piece_by_piece_gives_everything_back
                "unmapping piece by piece gives everything back";
        protecting:
            protecting_changes_permissions_and_nothing_else
                "protecting changes permissions, and nothing else"
            protecting_to_nothing_hides_and_back_shows
                "protecting to no permissions hides a leaf, and protecting back shows it"
            protecting_leaves_absent_what_is_absent
                "protecting leaves absent what is absent";
        looking:
            populated_clips_to_any_area
                "populated answers what lies in an area, cut at its borders"
            populated_can_be_read_while_mapping
                "populated can be read while pages are mapped";
        reserving:
            reserve_refuses_what_cannot_be
                "a reservation for what cannot be is refused with the reason"
            giving_a_reservation_back_changes_nothing
                "giving a reservation back changes nothing";
        verbs:
            edits_reserved_together_can_be_made_together
                "edits that were reserved together can be made together"
            pages_can_move_within_one_leaf
                "pages can move within one leaf"
            one_flush_retires_any_number_of_edits
                "one flush retires any number of edits"
            retiring_nothing_changes_nothing
                "retiring nothing changes nothing"
            a_dropped_retired_is_settled_by_the_next
                "what a dropped Retired told of is settled by the next"
            deferred_edits_are_settled_under_a_shared_borrow
                "deferred edits are settled under a shared borrow"
            deferred_edits_add_up
                "deferred edits add up";
        unreserved:
            edits_without_a_reservation_leave_out_at_worst
                "an edit without a reservation leaves pages out at worst"
            absurd_edits_do_not_panic
                "an absurd edit does not panic"
            frames_out_of_range_are_not_mistaken_for_others
                "a frame that no entry can hold is not mistaken for another";
    }
}

/// The laws of every page table that owns frames, but for the one that has two of them.
pub(super) fn paging_laws<B: Paging>() -> [(&'static str, Law<B>); 13] {
    laws! {
        owning:
            an_installed_frame_goes_back_when_its_page_goes
                "an installed frame goes back when its page goes"
            a_frame_is_not_installed_over_another
                "a frame is not installed over another"
            a_leaf_is_permitted_more_only_as_it_was_read
                "a leaf is permitted more only as it was read"
            an_exchange_answers_the_old_frame
                "an exchange answers the old frame"
            protecting_lets_no_owned_leaf_be_written
                "a change of permissions lets no owned leaf be written that could not be";
        handing:
            what_was_owed_before_is_not_handed_over
                "where a flush was owed before, no page is handed over"
            owned_pages_are_handed_over_and_no_others
                "the pages that are handed over are those that the page table owns, and no others";
        holding:
            held_bytes_are_the_pages
                "the bytes of a held page are the page's, and no other's"
            an_access_is_marked_only_where_it_is_allowed
                "an access is marked only where it is allowed";
        marking:
            an_accessed_page_is_told_of_once
                "a page that was accessed is told of once, and no other is"
            a_written_page_is_told_of_once
                "an owned page that was written, and cannot be any more, is told of once";
        at_once:
            a_page_is_installed_at_once_or_not_at_all
                "a page is installed at once, or nothing has changed"
            a_run_is_mapped_at_once_or_not_at_all
                "a run is mapped at once, or nothing has changed";
    }
}

/// The words of all laws of page tables, those of reservations that fail included: for tests that break each.
#[doc(hidden)]
#[must_use]
pub fn laws_of_page_tables() -> Vec<&'static str> {
    let listed = table_laws::<MockBackend>().map(|(words, _)| words);
    let others = [random::LAW, reservations::LAW];
    listed.into_iter().chain(others).collect()
}

/// The words of all laws of page tables that own frames: for tests that break each.
#[doc(hidden)]
#[must_use]
pub fn laws_of_paging() -> Vec<&'static str> {
    let listed = paging_laws::<MockBackend<HostFrames>>().map(|(words, _)| words);
    listed.into_iter().chain([sharing::LAW]).collect()
}
