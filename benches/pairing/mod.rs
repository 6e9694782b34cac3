//! Pairs of functions, and how they are compared.

mod filter;
pub(crate) mod instructions;
mod maps;
mod page_tables;
mod pair;
pub(crate) mod processes;
mod rounds;
mod spaces;

pub(crate) use filter::Filter;
use pair::Pair;

/// Does something with each pair that is selected.
fn for_each(filter: &Filter, mut with: impl FnMut(Pair<'_>)) {
    maps::for_each(filter, &mut with);
    page_tables::for_each(filter, &mut with);
    spaces::for_each(filter, &mut with);
}

/// Times all pairs in this process, and prints a line for each.
pub(crate) fn time_all(filter: &Filter) {
    for_each(filter, |mut pair| {
        let [ours, other, ratio] = rounds::time(&mut pair);
        println!("{} {ours} {other} {ratio}", pair.name);
    });
}

/// Lets Callgrind watch each side of all pairs in this process, and what is taken off from both; prints a line for
/// each.
pub(crate) fn watch_all(filter: &Filter) {
    for_each(filter, |mut pair| {
        let count = pair.watched;
        for side in pair.sides.iter_mut().chain(&mut pair.apart) {
            instructions::watched(|| side(1, count));
            println!("{} {}", pair.name, count as f64 * pair.parts * pair.within);
        }
    });
}
