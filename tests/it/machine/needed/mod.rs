//! Every flush, fence and `made_valid` is needed: for each place in the code that asks for one, a verb that leaves no
//! CPU with anything stale, and does when just that is forgotten.
//!
//! What orders memory rather than translations (the fences of `asid/allocation`) is tried where all
//! orders are: in `tests/loom`.

mod asids;
mod deferred;
mod kernel;
mod maps;
pub mod pages;
mod spaces;
mod stage;

use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::mock::machine::{Call, Stale};
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::backend::{sv39::Sv39Format, sv48::Sv48Format, sv57::Sv57Format};

use super::mmu::Mmu;
use stage::{Dropped, Stage};

/// A place that asks for something, and a verb that gets there: what is stale after it.
struct Place<F: Mmu> {
    name: &'static str,
    dropped: Dropped,
    /// Whether the CPUs need to hear of it. Where they do not, nothing is stale without it.
    is_needed: bool,
    verb: fn(&Stage<F>) -> Option<Stale>,
}

const FLUSH: Dropped = Dropped::only(Call::Flush);
const MADE_VALID: Dropped = Dropped::only(Call::MadeValid);
const FENCE: Dropped = Dropped::only(Call::Fence);
const FLUSH_TABLES: Dropped = Dropped::Tables(Call::Flush);
const NEW_TABLES: Dropped = Dropped::Tables(Call::MadeValid);

const fn flush(n: usize, of: usize) -> Dropped {
    let call = Call::Flush;
    Dropped::Call { call, n, of }
}

/// All places. Those that share a call, such as `retire`, stand here once for each note that leads to it.
#[rustfmt::skip]
fn places<F: Mmu>() -> Vec<Place<F>> {
    let place = |name, dropped: Dropped, verb| {
        let is_needed = dropped.is_needed::<F>();
        Place { name, dropped, is_needed, verb }
    };
    // A barrier that comes later in the verb, or in the next, does for all that became valid before.
    let made_up = |name, dropped: Dropped, verb| {
        let is_needed = dropped.is_needed::<F>() && F::NEWS_NAME_PLACES;
        Place { name, dropped, is_needed, verb }
    };
    vec![
        place("radix/edit/one_page.rs unmap_one_page", FLUSH, pages::unmap_page::<F>),
        place("radix/edit/one_page.rs map_one_page", MADE_VALID, pages::map_page::<F>),
        place("radix/hooks.rs in_all_spaces, flush", Dropped::Global(Call::Flush), kernel::unmap::<F>),
        place("radix/hooks.rs in_all_spaces, made_valid", Dropped::Global(Call::MadeValid), kernel::map::<F>),
        place("radix/retire/settle.rs", FLUSH, pages::unmap_pages::<F>),
        place("radix/edit/unmap.rs unmap_pages", FLUSH, pages::unmap_pages::<F>),
        place("radix/retire/take_out.rs take_out_leaf", FLUSH, pages::unmap_large::<F>),
        place("radix/retire/take_out.rs", FLUSH, pages::unmap_table::<F>),
        place("radix/retire/take_out.rs, tables", FLUSH_TABLES, pages::unmap_table::<F>),
        Place { is_needed: true, ..place("radix/retire/take_out.rs, tables of all spaces", FLUSH_TABLES, kernel::unmap_table::<F>) },
        place("radix/edit/protect.rs protect_words, valid", FLUSH, pages::protect::<F>),
        place("radix/edit/protect.rs protect_words, hides", FLUSH, pages::hide::<F>),
        place("radix/edit/protect.rs protect_words, hidden", MADE_VALID, pages::show::<F>),
        place("radix/edit/protect.rs protect_leaf, empty", FLUSH, pages::protect_large_unreserved::<F>),
        place("radix/edit/protect.rs protect_in, take_out", FLUSH_TABLES, pages::protect_unreserved::<F>),
        place("radix/edit/shift.rs move_page", FLUSH, pages::shift_owned::<F>),
        made_up("radix/edit/map.rs map_run, moved", MADE_VALID, pages::shift_owned::<F>),
        place("radix/edit/map.rs map_run", MADE_VALID, maps::map_pages::<F>),
        place("radix/edit/map.rs map_run, hidden", NEW_TABLES, maps::map_hidden::<F>),
        place("radix/edit/map.rs map_below", MADE_VALID, maps::map_table::<F>),
        place("radix/edit/map.rs map_below, tables", NEW_TABLES, maps::map_table::<F>),
        place("radix/edit/install.rs install", MADE_VALID, maps::install::<F>),
        place("radix/edit/install.rs set_accessed", MADE_VALID, maps::set_accessed::<F>),
        place("radix/edit/exchange.rs swap_leaf, valid", Dropped::FlushAndNews, maps::exchange::<F>),
        place("radix/edit/exchange.rs swap_leaf, hidden", MADE_VALID, maps::exchange_hidden::<F>),
        made_up("radix/edit/split.rs split, hidden", MADE_VALID, maps::split_hidden::<F>),
        place("radix/edit/split.rs split, tables", NEW_TABLES, maps::split_hidden::<F>),
        place("radix/retire/drop.rs", FLUSH, pages::drop_table::<F>),
        place("radix/retire/drop.rs, global", Dropped::Global(Call::Flush), kernel::drop_kernel::<F>),
        place("flush/retired.rs note, everything", FLUSH, pages::unmap_in_many_places::<F>),
        place("manager/unmap.rs", FLUSH, spaces::unmap::<F>),
        place("manager/replace.rs", FLUSH, spaces::replace::<F>),
        place("manager/protect.rs", FLUSH, spaces::protect::<F>),
        place("manager/settle.rs settle, of an unmap", FLUSH, deferred::settle_unmapped::<F>),
        place("manager/settle.rs settle, of permissions", FLUSH, deferred::settle_protected::<F>),
        place("manager/settle.rs settle_alone", flush(1, 2), deferred::settle_first::<F>),
        place("manager/settle.rs settle_beside", FLUSH, deferred::settle_for_populate::<F>),
        place("manager/settle.rs settle_at", FLUSH, deferred::settle_for_fault::<F>),
        place("manager/hardware.rs set_asid", FLUSH, deferred::settle_under_the_old_asid::<F>),
        place("manager/space.rs drop, deferred", FLUSH, deferred::drop_deferred::<F>),
        place("manager/remove.rs remove_memory_map", FLUSH, spaces::remove::<F>),
        place("manager/remove.rs remove_all_memory_maps", FLUSH, spaces::remove_all::<F>),
        place("manager/populate.rs", MADE_VALID, spaces::populate::<F>),
        place("manager/remap.rs finish", FLUSH, spaces::remap::<F>),
        made_up("manager/remap.rs shift", MADE_VALID, spaces::remap::<F>),
        place("manager/remap.rs frames", flush(1, 2), spaces::remap_onto_frames::<F>),
        place("manager/remap.rs finish, behind frames", flush(2, 2), spaces::remap_onto_frames::<F>),
        place("manager/space.rs drop", FLUSH, spaces::drop_space::<F>),
        place("asid/generation.rs NEW", FENCE, asids::first_switch::<F>),
        place("asid/generation.rs begin", FENCE, asids::rollover::<F>),
        place("asid/switch.rs too few", FENCE, asids::no_bits::<F>),
    ]
}

const SEEDS: u64 = 12;

/// What is wrong with a place. Chance decides what CPUs forget by themselves, but seldom that all do.
fn complaint<F: Mmu>(place: &Place<F>) -> Option<String> {
    let stale = |seed, is_forgetful| (place.verb)(&Stage::new(seed, place.dropped, is_forgetful));
    let unflushed = (0..SEEDS).find_map(|seed| stale(seed, false));
    let found = (0..SEEDS)
        .filter(|&seed| stale(seed, true).is_some())
        .count();
    let name = place.name;
    match unflushed {
        Some(stale) => Some(format!("{name}: {stale} with every call")),
        None if !place.is_needed => {
            (found > 0).then(|| format!("{name}: needed, found {found} times without the call"))
        }
        None if found < 8 => Some(format!("{name}: found {found} times without the call")),
        None => None,
    }
}

fn check<F: Mmu>() {
    let complaints: Vec<_> = places::<F>().iter().filter_map(complaint).collect();
    assert!(complaints.is_empty(), "{}: {complaints:#?}", F::NAME);
}

#[test]
fn every_flush_of_sv39_is_needed() {
    check::<Sv39Format>();
}

#[test]
fn every_flush_of_sv48_is_needed() {
    check::<Sv48Format>();
}

#[test]
fn every_flush_of_sv57_is_needed() {
    check::<Sv57Format>();
}

#[test]
fn every_flush_of_x86_64_is_needed() {
    check::<X86_64Format<4>>();
}

#[test]
fn every_flush_of_x86_64_with_five_levels_is_needed() {
    check::<X86_64Format<5>>();
}

#[test]
fn every_flush_of_aarch64_is_needed() {
    check::<Aarch64Format<4>>();
}

#[test]
fn every_flush_of_aarch64_with_39_bits_is_needed() {
    check::<Aarch64Format<3>>();
}
