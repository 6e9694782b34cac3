//! A verb in which each call of each hook panics once.

use kernel_vm::backend::PageTableBackend;
use kernel_vm::backend::radix::AccessedDirty;

use super::stage::Stage;
use crate::panics::platform::{Blow, Hook, every_blow, survive};
use crate::radix::shape::Shape;

/// A verb: what comes before it, and the verb.
pub struct Verb<F: Shape> {
    pub name: &'static str,
    pub before: fn(&mut Stage<F>),
    pub verb: fn(&mut Stage<F>),
    pub leaks: Leaks,
}

/// How many frames leak at most, for each hook in the order of [`Hook::ALL`].
type Most = [usize; Hook::ALL.len()];

/// How many frames leak at most, on each format.
#[derive(Clone, Copy)]
pub struct Leaks {
    /// With three levels of tables.
    three: Most,
    /// How many more with each further level.
    deeper: Most,
    /// With three levels, where entries are broken before others are made.
    broken: Most,
}

impl Leaks {
    /// As many on all formats.
    pub const fn of(three: Most) -> Self {
        let deeper = [0; Hook::ALL.len()];
        Self {
            three,
            deeper,
            broken: three,
        }
    }

    /// And so many more with each further level.
    pub const fn deeper(self, deeper: Most) -> Self {
        Self { deeper, ..self }
    }

    /// But so many where entries are broken before others are made: a leaf that is split is flushed while the table in
    /// its place is being filled, and `made_valid` is told of it.
    pub const fn where_broken(self, broken: Most) -> Self {
        Self { broken, ..self }
    }

    fn on<F: Shape>(self) -> Most {
        let three = if F::BREAKS == 0 {
            self.three
        } else {
            self.broken
        };
        let deeper = self.deeper.map(|more| more * (F::DEPTH - 3));
        std::array::from_fn(|hook| three[hook] + deeper[hook])
    }
}

/// Runs `verb` with each call of each hook panicking. Answers how many frames leak at most.
fn strike<F: Shape>(verb: &Verb<F>, accessed_dirty: AccessedDirty) -> Most {
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
    most
}

/// The page table is sound, now and when all is retired; it works; and what has leaked is all that is left in the end.
pub fn settles<F: Shape>(mut stage: Stage<F>, what: (&str, Blow)) -> usize {
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

pub fn strike_all<F: Shape>(verbs: &[Verb<F>]) {
    let all = F::POLICIES.iter();
    let all = all.flat_map(|&policy| verbs.iter().map(move |verb| (verb, policy)));
    let wrong = all.filter_map(|(verb, policy)| {
        let (most, right) = (strike(verb, policy), verb.leaks.on::<F>());
        (most != right).then_some((verb.name, policy, most, right))
    });
    assert_eq!(wrong.collect::<Vec<_>>(), []);
}
