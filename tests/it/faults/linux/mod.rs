//! The host's own kernel as the model of every byte: random calls on maps of a file, of shared and of private memory,
//! in processes that fork and exit.

mod guest;
mod host;
mod object;
mod op;
mod remote;
mod touch;

use guest::Guest;
use host::Host;
use op::{Op, PAGES, Span};
use remote::PROCESSES;

use crate::subject::PAGE;
use crate::tree::edits::Random;

/// How many calls a seed has.
const STEPS: usize = 2_000;

/// What was done, and what was refused, by the kind of call: so that a run that only ever refuses is no proof.
#[derive(Default, Debug)]
struct Tally([(usize, usize); Op::KINDS]);

/// Says where a run was when it failed.
struct Place(u64, usize, usize, Option<Op>);

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(seed, step, process, op) = self;
            eprintln!("failed with seed {seed:#x}, at step {step} in process {process}: {op:?}");
        }
    }
}

/// Both do it; whether it was done, all of it.
fn step(host: &Host, guest: &mut Guest, process: usize, op: Op) -> bool {
    let mapped = guest.mapped(process);
    let has_hole = |span: Span| mapped[span.pages()].contains(&false);
    match op {
        Op::Map(span, shown, permissions) => {
            host.map(process, span, shown, permissions);
            guest.map(process, span, shown, permissions);
        }
        Op::Unmap(span) => {
            host.unmap(process, span);
            guest.unmap(process, span);
        }
        Op::Protect(span, permissions) if has_hole(span) => {
            // Linux protects what comes before a hole, and then fails; a verb changes nothing. It is not asked.
            assert!(!guest.protect(process, span, permissions));
            return false;
        }
        Op::Protect(span, permissions) => {
            host.protect(process, span, permissions);
            assert!(guest.protect(process, span, permissions));
        }
        Op::Discard(span) => {
            host.discard(process, span, has_hole(span));
            guest.discard(process, span);
        }
        Op::Move { old, new } => {
            host.relocate(process, old, new);
            guest.relocate(process, old, new);
        }
        Op::Resize { old, count } => {
            let is_done = host.resize(process, old, count);
            assert_eq!(guest.resize(process, old, count), is_done);
            return is_done;
        }
        Op::Truncate(len) => {
            host.truncate(len);
            guest.truncate(len);
        }
        Op::Read(at, len) => return read(host, guest, process, at, len),
        Op::Write(at, len, salt) => {
            let bytes = op::bytes(len, salt);
            let done = host.write(process, at, &bytes);
            assert_eq!(guest.write(process, at, &bytes), done);
            return done == len;
        }
        Op::WriteFile(at, len, salt) => {
            let bytes = op::bytes(len, salt);
            let done = host.write_file(at, &bytes);
            assert_eq!(guest.write_file(at, &bytes), done);
            return done == len;
        }
    }
    true
}

/// Whether all could be read; the bytes are the same, as far as they could.
fn read(host: &Host, guest: &Guest, process: usize, at: usize, len: usize) -> bool {
    let (mut theirs, mut ours) = (vec![0; len], vec![0; len]);
    let done = host.read(process, at, &mut theirs);
    assert_eq!(guest.read(process, at, &mut ours), done);
    let differs = (0..done).find(|&byte| theirs[byte] != ours[byte]);
    assert_eq!(differs.map(|byte| at + byte), None, "from {at}");
    done == len
}

/// Every byte of the window.
fn look_at(host: &Host, guest: &Guest, process: usize) {
    for page in 0..PAGES {
        read(host, guest, process, page * PAGE, PAGE);
    }
}

/// Every byte of all windows, and of the file.
fn look(host: &Host, guest: &Guest) {
    guest
        .alive()
        .for_each(|process| look_at(host, guest, process));
    assert!(guest.read_file() == host.read_file(), "the file");
}

/// A process forks, or one exits: the last, too. The others go on.
fn fork_or_exit(host: &Host, guest: &mut Guest, process: usize, rng: &mut Random) {
    let free = (0..PROCESSES).find(|&free| guest.alive().all(|alive| alive != free));
    match free.filter(|_| rng.below(5) > 1) {
        Some(child) => {
            host.fork(process, child);
            guest.fork(process, child);
        }
        None => {
            look_at(host, guest, process);
            host.exit(process);
            guest.exit(process);
        }
    }
    if guest.alive().next().is_none() {
        host.start();
        guest.start();
    }
}

fn any(guest: &Guest, rng: &mut Random) -> usize {
    let alive: Vec<_> = guest.alive().collect();
    alive[rng.below(alive.len())]
}

fn run(seed: u64, tally: &mut Tally) {
    let (host, mut guest) = (Host::new(), Guest::new());
    let mut rng = Random(seed);
    let mut place = Place(seed, 0, 0, None);
    for n in 0..STEPS {
        let process = any(&guest, &mut rng);
        if rng.below(12) == 0 {
            fork_or_exit(&host, &mut guest, process, &mut rng);
            continue;
        }
        let op = op::op(&mut rng, &host.regions(process));
        (place.1, place.2, place.3) = (n, process, Some(op));
        let (done, refused) = &mut tally.0[op.kind()];
        let count = if step(&host, &mut guest, process, op) {
            done
        } else {
            refused
        };
        *count += 1;
        let mut mapped = [false; PAGES];
        host.regions(process)
            .iter()
            .for_each(|&span| mapped[span.pages()].fill(true));
        assert_eq!(guest.mapped(process), mapped);
        guest.check();
        // Seldom: it touches every page.
        if rng.below(50) == 0 {
            look_at(&host, &guest, process);
        }
    }
    look(&host, &guest);
    guest.end();
}

#[test]
fn every_byte_is_what_it_is_on_the_host() {
    let mut tally = Tally::default();
    for seed in [1, 0x9e37_79b9_7f4a_7c15, 20_260_101] {
        run(seed, &mut tally);
    }
    println!("done and refused, by kind: {tally:?}");
    let Tally(counts) = tally;
    assert!(counts.iter().all(|&(done, _)| done > 50), "{counts:?}");
    // Protecting holes, growing into what is mapped, what may not be touched, and past the end of the file.
    for kind in [2, 5, 7, 8, 9] {
        assert!(counts[kind].1 > 20, "{counts:?}");
    }
}
