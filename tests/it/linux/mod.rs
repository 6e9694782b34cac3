//! The host's own kernel as the model: random mmap, munmap, mprotect and mremap, in a window that nobody else uses.

mod follower;
mod ops;
mod window;

use std::io;

use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::sv39::Sv39;

use follower::{Follower, views};
use ops::{Op, Random, Span, View};
use window::{Window, unmap};

/// How many operations a seed has.
const STEPS: usize = 2_500;

const SEEDS: [u64; 4] = [1, 0x9e37_79b9_7f4a_7c15, 20_250_101, 0xdead_beef];

/// Whether Linux did `op`. All that it may refuse is to grow where there is no room.
fn did(op: Op, result: io::Result<()>) -> bool {
    if let Err(error) = &result {
        let no_room = error.raw_os_error() == Some(libc::ENOMEM);
        assert!(no_room && matches!(op, Op::Resize { .. }), "{error}");
    }
    result.is_ok()
}

/// What happened, by name, so that a run that only ever refuses does not pass for a proof.
#[derive(Default)]
struct Tally {
    done: [usize; 5],
    refused: [usize; 5],
}

impl Tally {
    fn count(&mut self, op: Op, linux_did: bool) {
        let kind = match op {
            Op::Map(..) => 0,
            Op::Unmap(_) => 1,
            Op::Protect(..) => 2,
            Op::Move { .. } => 3,
            Op::Resize { .. } => 4,
        };
        let counts = if linux_did {
            &mut self.done
        } else {
            &mut self.refused
        };
        counts[kind] += 1;
    }
}

/// Says where a run was when it failed.
struct Place {
    seed: u64,
    step: usize,
    op: Option<Op>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, step, op } = self;
            eprintln!("failed with seed {seed:#x}, at step {step}: {op:?}");
        }
    }
}

/// Linux, and those that follow it.
struct Run<'a> {
    window: &'a Window,
    regions: Vec<(Span, View)>,
    mock: Follower<MockBackend>,
    sv39: Follower<Sv39<HostFrames>>,
}

impl<'a> Run<'a> {
    fn new(window: &'a Window) -> Self {
        unmap(Span::WINDOW).unwrap();
        Self {
            window,
            regions: window.regions(),
            mock: Follower::new(MockBackend::new()),
            sv39: Follower::new(Sv39::new(HostFrames::new(64)).unwrap()),
        }
    }

    /// Everyone does `op`; whether Linux did. To protect a hole, it is not asked.
    fn step(&mut self, op: Op) -> bool {
        let before = views(&self.regions);
        match op {
            Op::Protect(span, _) if before[span.first..span.end()].contains(&None) => {
                self.mock.refuse(op, span, &before);
                self.sv39.refuse(op, span, &before);
                false
            }
            _ => {
                let linux_did = did(op, self.window.apply(op));
                self.regions = self.window.regions();
                let after = views(&self.regions);
                self.mock.follow(op, linux_did, &after);
                self.sv39.follow(op, linux_did, &after);
                linux_did
            }
        }
    }

    fn look(&self) {
        let linux = views(&self.regions);
        self.mock.look(&linux);
        self.sv39.look(&linux);
    }
}

/// Random operations from one seed.
fn run(window: &Window, seed: u64, tally: &mut Tally) {
    let mut random = Random(seed);
    let mut run = Run::new(window);
    let mut place = Place {
        seed,
        step: 0,
        op: None,
    };
    for step in 0..STEPS {
        let spans: Vec<Span> = run.regions.iter().map(|&(span, _)| span).collect();
        let op = random.op(&spans);
        (place.step, place.op) = (step, Some(op));
        tally.count(op, run.step(op));
        if random.below(8) == 0 {
            run.look();
        }
    }
}

#[test]
fn random_calls_do_what_they_do_on_the_host() {
    let window = Window::take();
    let mut tally = Tally::default();
    for seed in SEEDS {
        run(&window, seed, &mut tally);
    }
    let Tally { done, refused } = tally;
    println!("map, unmap, protect, move, resize: {done:?} done, {refused:?} refused");
    assert!(done.iter().sum::<usize>() >= 5_000, "{done:?}");
    assert!(done.into_iter().all(|count| count > 300), "{done:?}");
    // Protecting holes, and growing into what is mapped.
    assert!(refused[2] > 300 && refused[4] > 300, "{refused:?}");
}
