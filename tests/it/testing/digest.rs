//! What a suite asks of its subject, in numbers: a change of that is to be meant.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Arguments, Write as _};
use std::rc::Rc;

/// All calls so far: how many there were of each kind, and a number for all that they said. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Digest(Rc<RefCell<Calls>>);

#[derive(Default)]
struct Calls {
    /// By their first words.
    counts: BTreeMap<String, usize>,
    sum: u64,
    /// Where chance decides how often a call comes, those that have come; of these kinds alone.
    once: Option<(&'static [&'static str], BTreeSet<String>)>,
}

impl Digest {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Each call of these kinds once, in whatever order.
    pub(super) fn once(kinds: &'static [&'static str]) -> Self {
        let digest = Self::new();
        digest.0.borrow_mut().once = Some((kinds, BTreeSet::new()));
        digest
    }

    /// Adds a call; its first word is its kind.
    pub(super) fn add(&self, call: Arguments<'_>) {
        let (mut calls, call) = (self.0.borrow_mut(), format!("{call}"));
        let kind = call.split(' ').next().unwrap_or_default();
        let (mut counts, sum) = (true, hash(&call));
        if let Some((kinds, seen)) = &mut calls.once {
            counts = kinds.contains(&kind) && seen.insert(call.clone());
        }
        if counts {
            *calls.counts.entry(kind.into()).or_default() += 1;
            // In order, but for calls whose order is chance.
            calls.sum = match calls.once {
                Some(_) => calls.sum.wrapping_add(sum),
                None => calls.sum.rotate_left(5) ^ sum,
            };
        }
    }

    /// How many calls there were, kind by kind, and the number for what they said.
    pub(super) fn text(&self) -> String {
        let (calls, mut text) = (self.0.borrow(), String::new());
        for (kind, count) in &calls.counts {
            let _ = write!(text, "{count} {kind}, ");
        }
        format!("{text}{:#018x}", calls.sum)
    }
}

/// FNV-1a.
fn hash(call: &str) -> u64 {
    let fold = |sum: u64, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    call.bytes().fold(0xcbf2_9ce4_8422_2325, fold)
}
