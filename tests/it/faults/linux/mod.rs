//! The host's own kernel as the model of every byte: random calls on maps of a file, of shared and of private memory.

mod guest;
mod host;
mod object;
mod op;
mod touch;

use guest::Guest;
use host::Host;
use op::{Op, PAGES, Span};

use crate::subject::PAGE;
use crate::tree::edits::Random;

/// How many calls a seed has.
const STEPS: usize = 2_000;

/// What was done, and what was refused, by the kind of call: so that a run that only ever refuses is no proof.
#[derive(Default, Debug)]
struct Tally([(usize, usize); Op::KINDS]);

/// Says where a run was when it failed.
struct Place(u64, usize, Option<Op>);

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(seed, step, op) = self;
            eprintln!("failed with seed {seed:#x}, at step {step}: {op:?}");
        }
    }
}

/// Both do it; whether it was done, all of it.
fn step(host: &Host, guest: &mut Guest, op: Op) -> bool {
    let mapped = guest.mapped();
    let has_hole = |span: Span| mapped[span.pages()].contains(&false);
    match op {
        Op::Map(span, shown, permissions) => {
            host.map(span, shown, permissions);
            guest.map(span, shown, permissions);
        }
        Op::Unmap(span) => {
            host.unmap(span);
            guest.unmap(span);
        }
        Op::Protect(span, permissions) if has_hole(span) => {
            // Linux protects what comes before a hole, and then fails; a verb changes nothing. It is not asked.
            assert!(!guest.protect(span, permissions));
            return false;
        }
        Op::Protect(span, permissions) => {
            host.protect(span, permissions);
            assert!(guest.protect(span, permissions));
        }
        Op::Discard(span) => {
            host.discard(span, has_hole(span));
            guest.discard(span);
        }
        Op::Move { old, new } => {
            host.relocate(old, new);
            guest.relocate(old, new);
        }
        Op::Resize { old, count } => {
            let is_done = host.resize(old, count);
            assert_eq!(guest.resize(old, count), is_done);
            return is_done;
        }
        Op::Truncate(len) => {
            host.truncate(len);
            guest.truncate(len);
        }
        Op::Read(at, len) => return read(host, guest, at, len),
        Op::Write(at, len, salt) => {
            let bytes = op::bytes(len, salt);
            let done = host.write(at, &bytes);
            assert_eq!(guest.write(at, &bytes), done);
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
fn read(host: &Host, guest: &Guest, at: usize, len: usize) -> bool {
    let (mut theirs, mut ours) = (vec![0; len], vec![0; len]);
    let done = host.read(at, &mut theirs);
    assert_eq!(guest.read(at, &mut ours), done);
    let differs = (0..done).find(|&byte| theirs[byte] != ours[byte]);
    assert_eq!(differs.map(|byte| at + byte), None, "from {at}");
    done == len
}

/// Every byte of the window and of the file.
fn look(host: &Host, guest: &Guest) {
    for page in 0..PAGES {
        read(host, guest, page * PAGE, PAGE);
    }
    assert!(guest.read_file() == host.read_file(), "the file");
}

fn run(seed: u64, tally: &mut Tally) {
    let (host, mut guest) = (Host::new(), Guest::new());
    let mut rng = Random(seed);
    let mut place = Place(seed, 0, None);
    let mut regions = host.regions();
    for n in 0..STEPS {
        let op = op::op(&mut rng, &regions);
        (place.1, place.2) = (n, Some(op));
        let (done, refused) = &mut tally.0[op.kind()];
        let count = if step(&host, &mut guest, op) {
            done
        } else {
            refused
        };
        *count += 1;
        let mut mapped = [false; PAGES];
        regions = host.regions();
        regions
            .iter()
            .for_each(|&span| mapped[span.pages()].fill(true));
        assert_eq!(guest.mapped(), mapped);
        guest.check();
        // Seldom: it touches every page.
        if rng.below(50) == 0 {
            look(&host, &guest);
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
