//! The lock for spaces. loom sees each reader and writer of the value, and says if two may meet; a CPU that would wait
//! for ever runs out of loom's steps.

use std::cell::Cell;

use kernel_vm::lock::PerCpuRwLock;
use loom::model::Builder;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use loom::thread::{self, JoinHandle};

/// How many turns of waiting all CPUs have together while every way is tried. Behind them, one way is enough: those who
/// wait let those go on who do not, and the model ends.
const TURNS: usize = 4;

std::thread_local! {
    /// The turns that are left in this run. loom has all threads of a model on one of ours.
    static LEFT: Cell<usize> = const { Cell::new(TURNS) };
}

fn relax() {
    match LEFT.get().checked_sub(1) {
        Some(left) => LEFT.set(left),
        None => loom::skip_branch(),
    }
    thread::yield_now();
}

type Lock<const CPUS: usize> = PerCpuRwLock<[usize; 2], CPUS, fn()>;

fn lock<const CPUS: usize>() -> Arc<Lock<CPUS>> {
    Arc::new(Lock::with_relax([0; 2], relax))
}

fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        LEFT.set(TURNS);
        model();
    });
}

/// Has another CPU do `job` with the lock.
fn beside<const CPUS: usize, R: 'static>(
    lock: &Arc<Lock<CPUS>>,
    job: impl FnOnce(&Lock<CPUS>) -> R + 'static,
) -> JoinHandle<R> {
    let lock = lock.clone();
    thread::spawn(move || job(&lock))
}

/// Both words are alike, but while a writer is at them.
fn look<const CPUS: usize>(lock: &Lock<CPUS>, cpu: usize) -> usize {
    let value = lock.read(cpu);
    assert_eq!(value[0], value[1]);
    value[0]
}

fn add<const CPUS: usize>(lock: &Lock<CPUS>) {
    let mut value = lock.write();
    value[0] += 1;
    value[1] += 1;
}

#[test]
fn readers_and_a_writer_exclude_each_other() {
    check(3, || {
        let lock = lock::<2>();
        let others = [0, 1].map(|cpu| beside(&lock, move |lock| look(lock, cpu)));
        add(&lock);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(look(&lock, 0), 1);
    });
}

#[test]
fn cpus_of_one_number_exclude_a_writer() {
    check(3, || {
        let lock = lock::<1>();
        let others = [0, 1].map(|cpu| beside(&lock, move |lock| look(lock, cpu)));
        add(&lock);
        for other in others {
            other.join().unwrap();
        }
    });
}

#[test]
fn a_reader_that_comes_again_sees_no_older_value() {
    check(4, || {
        let lock = lock::<2>();
        let other = beside(&lock, |lock| [look(lock, 1), look(lock, 1)]);
        add(&lock);
        let [first, second] = other.join().unwrap();
        assert!(first <= second);
    });
}

#[test]
fn writers_exclude_each_other_and_readers() {
    check(3, || {
        let lock = lock::<2>();
        let writer = beside(&lock, add);
        let reader = beside(&lock, |lock| look(lock, 1));
        add(&lock);
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(look(&lock, 0), 2);
    });
}

#[test]
fn those_who_do_not_wait_exclude_each_other() {
    check(3, || {
        let lock = lock::<2>();
        let writer = beside(&lock, |lock| {
            let Some(mut value) = lock.try_write() else {
                return 0;
            };
            value[0] += 1;
            value[1] += 1;
            1
        });
        let reader = beside(&lock, |lock| {
            if let Some(value) = lock.try_read(1) {
                assert_eq!(value[0], value[1]);
            }
        });
        add(&lock);
        let added = writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(look(&lock, 0), 1 + added);
        assert!(lock.try_write().is_some(), "nobody is left");
    });
}

/// A writer that gave up has let everybody in again.
#[test]
fn a_reader_gets_in_beside_writers_that_give_up() {
    check(2, || {
        let lock = lock::<1>();
        let others = [0, 1].map(|_| {
            beside(&lock, |lock| {
                drop(lock.try_write());
                drop(lock.try_write());
            })
        });
        look(&lock, 0);
        add(&lock);
        for other in others {
            other.join().unwrap();
        }
    });
}

#[test]
fn no_writer_comes_between_a_writer_and_the_reader_it_becomes() {
    check(3, || {
        let lock = lock::<2>();
        let writer = beside(&lock, add);
        let reader = beside(&lock, |lock| look(lock, 1));
        let mut value = lock.write();
        value[0] += 1;
        value[1] += 1;
        let before = value[0];
        let value = value.downgrade(0);
        assert_eq!(*value, [before; 2]);
        relax();
        assert_eq!(*value, [before; 2]);
        drop(value);
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(look(&lock, 0), 2);
    });
}

/// A lock that tells by a flag that somebody waits.
type Told = PerCpuRwLock<(), 2, Box<dyn Fn() + Send + Sync>>;

fn told() -> (Arc<Told>, Arc<AtomicUsize>) {
    let waits = Arc::new(AtomicUsize::new(0));
    let told = waits.clone();
    let relax = move || {
        told.fetch_add(1, Relaxed);
        relax();
    };
    (Arc::new(Told::with_relax((), Box::new(relax))), waits)
}

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        relax();
    }
}

/// The writer waits for the readers before it, and for no others: those wait for it.
#[test]
fn a_reader_that_comes_after_a_writer_lets_it_go_first() {
    check(2, || {
        let (lock, waits) = told();
        let is_written = Arc::new(AtomicBool::new(false));
        let first = lock.read(0);
        let writer = {
            let (lock, is_written) = (lock.clone(), is_written.clone());
            thread::spawn(move || {
                let _value = lock.write();
                is_written.store(true, Relaxed);
            })
        };
        let second = {
            let (lock, is_written, waits) = (lock.clone(), is_written.clone(), waits.clone());
            thread::spawn(move || {
                // The writer waits for the first reader: it has announced itself.
                until(|| waits.load(Relaxed) > 0);
                let _value = lock.read(1);
                assert!(is_written.load(Relaxed), "the writer was passed over");
            })
        };
        until(|| waits.load(Relaxed) > 0);
        assert!(!is_written.load(Relaxed));
        assert!(lock.try_read(1).is_none() || is_written.load(Relaxed));
        drop(first);
        writer.join().unwrap();
        second.join().unwrap();
    });
}

/// A reader that waits for one writer is in before the next.
#[test]
fn the_next_writer_lets_a_reader_go_first_that_has_waited() {
    check(3, || {
        let (lock, waits) = told();
        let has_read = Arc::new(AtomicBool::new(false));
        let first = lock.write();
        let reader = {
            let (lock, has_read) = (lock.clone(), has_read.clone());
            thread::spawn(move || {
                let _value = lock.read(1);
                has_read.store(true, Relaxed);
            })
        };
        until(|| waits.load(Relaxed) > 0);
        drop(first);
        let _second = lock.write();
        assert!(has_read.load(Relaxed), "the reader was passed over");
        reader.join().unwrap();
    });
}
