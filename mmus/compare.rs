//! One question to the machine and to another author's MMU, and one answer.

use std::collections::{BTreeMap, BTreeSet};

use kernel_vm::VirtAddr;
use kernel_vm::backend::mock::machine::Machine;

use crate::author::{Author, Difference, Path, Question, Step, walk};
use crate::isa::Isa;
use crate::world::World;

/// What was asked, and what came of it.
#[derive(Debug, Default)]
pub struct Tally {
    pub asked: usize,
    /// Answered with an address by both.
    pub mapped: usize,
    /// How often marks in memory were compared after an access.
    pub marked: usize,
    /// How often each difference, alone, made another answer.
    pub differences: BTreeMap<&'static str, usize>,
}

/// The answer of a CPU of the machine that has nothing cached.
pub fn ours<I: Isa, A: Author<I>>(
    machine: &Machine<I::Cpus>,
    question: &Question<I::Mode>,
) -> Result<u64, A::Fault> {
    let vaddr = VirtAddr::new(question.vaddr as usize);
    let outcomes = machine.cpu(0).outcomes(vaddr, question.access).into_iter();
    let fresh = outcomes.map(|outcome| outcome.map(|at| at.get())).next();
    fresh.unwrap().map_err(|trap| A::fault(trap.cause))
}

/// Asks both, the author in the mode that it was told, and wants the answer that the list of differences foretells.
pub fn compare<I: Isa, A: Author<I>>(
    world: &World<I>,
    author: &mut A,
    question: &Question<I::Mode>,
    tally: &mut Tally,
) {
    let steps = walk::<I>(&world.tables, world.root(), question.vaddr);
    let places: BTreeSet<u64> = steps.iter().map(|step| step.at).collect();
    assert_eq!(
        places.len(),
        steps.len(),
        "an entry is read at two levels: {steps:x?}"
    );
    let before = Path {
        steps: steps.clone(),
        empty: world.empty,
    };
    let (foretold, names) = foretell::<I, A>(world, question, before);
    let theirs = author.ask(question.vaddr, question.access);
    assert_eq!(
        theirs,
        foretold,
        "{} reads {}: {question:x?} {steps:x?}, differences {names:?}; ours {:x?}",
        A::NAME,
        I::NAME,
        ours::<I, A>(&world.machine, question),
    );
    tally.asked += 1;
    tally.mapped += usize::from(theirs.is_ok() && names.is_empty());
    match names[..] {
        [] if A::SETS_MARKS => compare_marks(world, author, question, &steps, tally),
        [name] if theirs != ours::<I, A>(&world.machine, question) => {
            *tally.differences.entry(name).or_default() += 1;
        }
        _ => {}
    }
    steps.iter().for_each(|step| author.put(step.at, step.word));
}

/// What the author will answer, and the differences that have a part in it.
fn foretell<I: Isa, A: Author<I>>(
    world: &World<I>,
    question: &Question<I::Mode>,
    path: Path,
) -> (Result<u64, A::Fault>, Vec<&'static str>) {
    let (amended, applied) = amend::<I, A>(question, path);
    let answer = world.amended(&amended.steps, || ours::<I, A>(&world.machine, question));
    let adjusted = answer.map(|at| {
        let applied = applied.iter().rev();
        applied.fold(at, |at, (difference, before)| {
            (difference.adjust)(question, &before.steps, at)
        })
    });
    let names = applied.iter().map(|(difference, _)| difference.name);
    (adjusted, names.collect())
}

/// The differences that have a part in what the author answers for this path.
pub fn differences_on<I: Isa, A: Author<I>>(
    question: &Question<I::Mode>,
    path: Path,
) -> Vec<&'static str> {
    let (_, applied) = amend::<I, A>(question, path);
    applied
        .iter()
        .map(|(difference, _)| difference.name)
        .collect()
}

/// Differences, each with the path as it was before it.
type Applied<I> = Vec<(Difference<I>, Path)>;

/// The path as all differences amend it, one after the other, and those that have done so.
fn amend<I: Isa, A: Author<I>>(question: &Question<I::Mode>, mut path: Path) -> (Path, Applied<I>) {
    let mut applied = Vec::new();
    for difference in A::differences() {
        let before = path.clone();
        (difference.amend)(question, &mut path);
        if path != before {
            applied.push((difference, before));
        }
    }
    (path, applied)
}

/// Lets the machine's CPU do what the author's has done, and compares the entries on the way: A may be set here by a
/// walk that nobody asked for; the rest is the same.
fn compare_marks<I: Isa, A: Author<I>>(
    world: &World<I>,
    author: &A,
    question: &Question<I::Mode>,
    steps: &[Step],
    tally: &mut Tally,
) {
    let cpus = &world.cpus;
    let cpu = world.machine.cpu(0);
    steps.iter().for_each(|step| world.put(step.at, step.word));
    I::forget(cpu);
    let vaddr = VirtAddr::new(question.vaddr as usize);
    let is_allowed = cpu.translate(vaddr, question.access).is_ok();
    for (index, step) in steps.iter().enumerate() {
        let (theirs, ours) = (author.word(step.at), world.marked(step.at));
        let differences = A::mark_differences().into_iter();
        let mut marks = differences.map(|one| (one.name, (one.marks)(cpus, &steps[..=index])));
        if let Some((name, marks)) = marks.find(|&(_, marks)| marks != 0) {
            assert_eq!(theirs, step.word | marks, "{name}: {question:x?} {step:x?}");
            *tally.differences.entry(name).or_default() += usize::from(theirs != ours);
            continue;
        }
        let may_be_set = if is_allowed { 0 } else { I::ACCESSED };
        assert_eq!(
            theirs | ours & may_be_set,
            ours,
            "{} marks {}: {question:x?} {step:x?}",
            A::NAME,
            I::NAME,
        );
    }
    tally.marked += 1;
    steps.iter().for_each(|step| world.put(step.at, step.word));
}
