//! A verb in which each call of each hook panics once.

use kernel_vm::backend::PageTableBackend;
use kernel_vm::backend::radix::{AccessedDirty, Format};

use super::stage::Stage;
use crate::panics::platform::{Blow, Hook, every_blow, survive};

/// A verb: what comes before it, and the verb.
pub struct Verb<F: Format> {
    pub name: &'static str,
    pub before: fn(&mut Stage<F>),
    pub verb: fn(&mut Stage<F>),
    /// How many frames leak at most, for each hook in the order of [`Hook::ALL`], with three levels of tables and with
    /// four.
    pub leaks: [[usize; Hook::ALL.len()]; 2],
}

/// Runs `verb` with each call of each hook panicking.
pub fn strike<F: Format>(verb: &Verb<F>, accessed_dirty: AccessedDirty) {
    let mut most = [0; Hook::ALL.len()];
    every_blow(|blow| {
        let mut stage = Stage::<F>::new(accessed_dirty);
        (verb.before)(&mut stage);
        stage.platform.cache(stage.owned());
        stage.platform.arm(blow);
        let answer = survive(|| (verb.verb)(&mut stage));
        let was_to_come = stage.platform.disarm();
        assert_eq!(answer.is_some(), was_to_come, "{} {blow:?}", verb.name);
        let leaked = settles(stage, (verb.name, blow));
        assert!(answer.is_none() || leaked == 0, "{} {blow:?}", verb.name);
        let most = &mut most[blow.hook as usize];
        *most = leaked.max(*most);
        answer.is_none()
    });
    assert_eq!(
        most,
        verb.leaks[F::LEVELS - 3],
        "{} {accessed_dirty:?}",
        verb.name
    );
}

/// The page table is sound, now and when all is retired; it works; and what has leaked is all that is left in the end.
pub fn settles<F: Format>(mut stage: Stage<F>, what: (&str, Blow)) -> usize {
    let sound = stage.table.check_invariants();
    assert_eq!(sound, Ok(()), "{what:?}");
    stage.owned();
    if what.1.n % 2 == 0 {
        stage.works();
        assert_eq!(stage.table.check_invariants(), Ok(()), "{what:?}");
    }
    stage.retire();
    assert_eq!(stage.table.check_invariants(), Ok(()), "{what:?}");
    stage.works();
    let leaked = stage.leaked();
    let Stage {
        table, platform, ..
    } = stage;
    drop(table);
    assert_eq!(platform.in_use(), leaked, "{what:?}");
    assert_eq!(platform.given_back_early(), [], "{what:?}");
    leaked.len()
}

pub fn strike_all<F: Format>(verbs: &[Verb<F>]) {
    for policy in [
        AccessedDirty::Preset,
        AccessedDirty::Hardware,
        AccessedDirty::Software,
    ] {
        verbs.iter().for_each(|verb| strike(verb, policy));
    }
}
