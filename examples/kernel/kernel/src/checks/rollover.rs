//! More spaces than ASIDs, on all CPUs: numbers run out and are handed out again, and no CPU finds another space's
//! page.

use alloc::format;
use alloc::vec::Vec;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

use super::{Outcome, all_back, check, skip};
use crate::user::{Entry, HEAP, Trap, UserSpace, registers};
use crate::{asids, cpus, frames, kernel_space};

const SPACES: usize = 40;
/// How often each CPU runs each space.
const ROUNDS: usize = 10;

/// Bits for 15 numbers: as few as 8 CPUs let the allocator use.
const FEW: u32 = 4;
/// Bits for 3 numbers, which the allocator does not use: each switch flushes.
const TOO_FEW: u32 = 2;
/// As many as there are.
const ALL: u32 = 16;

pub fn run() {
    let name = "more spaces than ASIDs";
    if asids::bits() >= FEW {
        check(name, || with_bits(FEW, rolls_over));
    } else {
        skip(name, "these CPUs have no ASIDs, and flush at each switch");
    }
    check("no ASIDs", || with_bits(TOO_FEW, flushes));
}

fn with_bits(bits: u32, body: impl FnOnce() -> Outcome) -> Outcome {
    asids::begin(bits);
    let outcome = body();
    asids::begin(ALL);
    outcome
}

/// What all CPUs have seen.
#[derive(Default)]
struct Tally {
    switches: AtomicUsize,
    flushes: AtomicUsize,
    /// Switches to an ASID under which this CPU may have cached another space.
    reused: AtomicUsize,
    /// Programs that found something else than what they had left there.
    stale: AtomicUsize,
}

/// What a CPU may have cached: which space under which ASID.
#[derive(Default)]
struct Cached([Option<usize>; 1 << FEW]);

impl Cached {
    /// Whether the CPU may run the space under this ASID.
    fn may_run(&mut self, space: usize, asid: usize, flush: bool) -> bool {
        if flush {
            *self = Self::default();
        }
        let before = self.0[asid].replace(space);
        before.is_none_or(|before| before == space)
    }
}

/// Runs one of the programs of one instruction. Answers what it answers, if it ends as it should.
fn access(user: &UserSpace, entry: Entry, at: usize, value: usize) -> Option<usize> {
    let mut program = registers(entry, &[at, value]);
    (user.run(&mut program) == Trap::Call).then_some(program.arg(0))
}

/// Goes to a space, finds what this CPU has left there, and leaves something else.
fn visit(number: usize, user: &UserSpace, round: usize, cached: &mut Cached, tally: &Tally) {
    let switch = user.switch();
    let may_run = cached.may_run(number, switch.asid.get().into(), switch.flush);
    let at = HEAP + cpus::this().id() * 8;
    let left = |round: usize| if round == 0 { 0 } else { round << 32 | number };
    let found = access(user, Entry::Load, at, 0);
    let stored = access(user, Entry::Store, at, left(round + 1));
    let is_ours = found == Some(left(round)) && stored.is_some();
    tally.switches.fetch_add(1, Relaxed);
    tally.flushes.fetch_add(switch.flush.into(), Relaxed);
    tally.reused.fetch_add((!may_run).into(), Relaxed);
    tally.stale.fetch_add((!is_ours).into(), Relaxed);
}

/// All CPUs run all spaces, each from another one on.
fn all_visits() -> Result<[usize; 2], super::Wrong> {
    let before = frames::free();
    let spaces: Result<Vec<_>, _> = (0..SPACES).map(|_| UserSpace::with_program()).collect();
    let spaces = spaces?;
    let tally = Tally::default();
    let job = || {
        let first = cpus::this().id() * SPACES / cpus::count();
        let mut cached = Cached::default();
        for round in 0..ROUNDS {
            for step in 0..SPACES {
                let number = (first + step) % SPACES;
                visit(number, &spaces[number], round, &mut cached, &tally);
            }
        }
        kernel_space::activate();
    };
    cpus::with_others(&job, job);
    drop(spaces);
    all_back(before)?;
    let Tally {
        switches,
        flushes,
        reused,
        stale,
    } = tally;
    let [switches, flushes, reused, stale] =
        [switches, flushes, reused, stale].map(AtomicUsize::into_inner);
    ensure!(reused == 0, "{reused} ASIDs were used anew without a flush");
    ensure!(stale == 0, "{stale} times a page was not that of its space");
    Ok([switches, flushes])
}

/// How often numbers run out when one CPU alone asks for them, and never for one that it has already: the number that
/// it runs is not free.
fn alone(switches: usize) -> u64 {
    let numbers = (1 << FEW) - 1;
    (switches - numbers).div_ceil(numbers - 1) as u64
}

fn rolls_over() -> Outcome {
    let [switches, flushes] = all_visits()?;
    let rollovers = asids::rollovers();
    if cpus::count() == 1 {
        let expected = alone(switches);
        ensure!(
            rollovers == expected,
            "{rollovers} rollovers, not {expected}"
        );
        ensure!(
            flushes as u64 == 1 + rollovers,
            "{flushes} flushes, {rollovers} rollovers"
        );
    }
    ensure!(
        rollovers > 0,
        "the numbers of {SPACES} spaces did not run out"
    );
    ensure!(
        flushes < switches,
        "each of {switches} switches has flushed"
    );
    Ok(format!(
        "{SPACES} spaces, {FEW} bits: {switches} switches, {rollovers} rollovers, {flushes} flushes, nothing stale"
    ))
}

fn flushes() -> Outcome {
    let [switches, flushes] = all_visits()?;
    ensure!(asids::rollovers() == 0, "{} rollovers", asids::rollovers());
    ensure!(flushes == switches, "{flushes} flushes");
    Ok(format!(
        "{SPACES} spaces, {TOO_FEW} bits: {switches} switches, each with a flush, nothing stale"
    ))
}
