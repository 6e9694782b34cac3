//! The proof that errors are found: each lie must be, and shrunk to a few steps.

use kernel_vm::testing::{Broken, Lie};

use crate::scope::{Scope, WIDE_EVERY};

/// What a lie must be shrunk to fewer than.
const FEW: usize = 10;

/// How many runs of each kind a lie may last.
const RUNS: u64 = 4;

/// Tells every lie in both kinds of runs of `scope`.
///
/// # Errors
/// The lie that was not found, or not shrunk enough.
pub(crate) fn prove(scope: &Scope, seed: u64) -> Result<Vec<String>, String> {
    let kinds = [("narrow", 0), ("wide", WIDE_EVERY - 1)];
    let lies = kinds
        .iter()
        .flat_map(|kind| scope.lies.iter().map(move |&lie| (kind, lie)));
    lies.map(|(&(kind, first), lie)| {
        let name = format!("{}, {kind}, {lie:?}", scope.name);
        let (run, broken) =
            find(scope, seed, first, lie).ok_or_else(|| format!("{name}: not found"))?;
        let honest = (scope.run)(scope.verbs(seed, run));
        honest.map_err(|broken| format!("{name}, without the lie: {broken}"))?;
        if broken.steps().len() < FEW {
            Ok(format!("{name}: found: {broken}"))
        } else {
            Err(format!("{name}: not shrunk: {broken}"))
        }
    })
    .collect()
}

/// The first run that finds the lie, of those of one kind, and how it fails.
fn find(scope: &Scope, seed: u64, first: u64, lie: Lie) -> Option<(u64, Broken)> {
    let mut runs = (0..RUNS).map(|round| round * WIDE_EVERY + first);
    runs.find_map(|run| {
        let done = (scope.run)(scope.verbs(seed, run).lie(lie));
        done.err().map(|broken| (run, broken))
    })
}
