//! This crate's maps beside those in a `BTreeMap`.

use std::cell::RefCell;

use super::Filter;
use super::pair::{LONG, Pair, SHORT, Side};
use crate::peers::{Duty, Store, Stores};
use crate::workload::Workload;

const SIZES: [usize; 5] = [16, 64, 256, 1024, 16_384];

/// Between those, for who names them in full: no size has a way of its own.
const BETWEEN: [usize; 3] = [24, 96, 200];

/// From how many maps on short rounds would measure cold caches.
const LARGE: usize = 16_384;

/// The duties, and how many times Callgrind watches each.
const GROUPS: [(&str, Duty, u64); 8] = [
    ("lookup-uniform", Duty::Lookup(Workload::uniform), 20_000),
    ("lookup-chain", Duty::LookupChain(Workload::uniform), 20_000),
    ("lookup-local", Duty::Lookup(Workload::local), 20_000),
    ("edit-remove-insert", Duty::RemoveInsert, 10_000),
    ("edit-unmap-middle", Duty::UnmapMiddle, 10_000),
    ("edit-protect-middle", Duty::ProtectMiddle, 10_000),
    ("gap-worst", Duty::GapWorst, 100),
    ("gap-first", Duty::GapFirst, 1_000),
];

pub(super) fn for_each(filter: &Filter, with: &mut impl FnMut(Pair<'_>)) {
    for (group, duty, watched) in GROUPS {
        for size in SIZES.into_iter().chain(BETWEEN) {
            let name = format!("{group}/{size}");
            let is_asked_for = filter.names(&name) || SIZES.contains(&size) && filter.takes(&name);
            if !is_asked_for {
                continue;
            }
            let stores = Stores::new(size);
            let work = stores.work();
            let ours = side(duty, stores.kernel_vm.get(&stores), work);
            let other = side(duty, stores.btreemap.get(&stores), work);
            with(Pair {
                name,
                round: if size < LARGE { SHORT } else { LONG },
                parts: 1.0,
                watched,
                within: 1.0,
                sides: [ours, other],
                apart: None,
            });
        }
    }
}

fn side<'a, S: Store>(duty: Duty, store: &'a RefCell<S>, work: &'a Workload) -> Side<'a> {
    let mut next = 0;
    Box::new(move |turns, count| {
        let store = &mut *store.borrow_mut();
        let turn = |_| duty.time(store, work, &mut next, count);
        (0..turns).map(turn).collect()
    })
}
