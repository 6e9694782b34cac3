//! The lock for spaces, on the host's threads. `tests/loom` has every way in which they can meet.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, yield_now};

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::lock::{PerCpuRwLock, ReadGuard, WriteGuard};
use kernel_vm::{
    Access, Answer, Flush, Permissions, Privilege, Tlb, VirtAddr, VirtualMemoryManager,
    VirtualMemoryMap,
};

use crate::subject::{PAGE, area};

type Lock<const CPUS: usize, T = usize> = PerCpuRwLock<T, CPUS>;

/// Lets others go on, however few CPUs the host has.
fn lock<T, const CPUS: usize>(value: T) -> Lock<CPUS, T> {
    PerCpuRwLock::with_relax(value, yield_now)
}

/// Who can have the lock at this moment: a reader of each CPU, a writer.
fn open<const CPUS: usize>(lock: &Lock<CPUS>) -> ([bool; CPUS], bool) {
    let readers = std::array::from_fn(|cpu| lock.try_read(cpu).is_some());
    (readers, lock.try_write().is_some())
}

#[test]
fn readers_let_readers_in_and_a_writer_nobody() {
    let lock = lock::<_, 2>(7);
    assert_eq!(open(&lock), ([true; 2], true));
    for cpu in [0, 1, 2, 3, usize::MAX] {
        let reader = lock.read(cpu);
        assert_eq!(open(&lock), ([true; 2], false), "CPU {cpu}");
        let other = lock.try_read(cpu);
        drop(reader);
        assert_eq!(open(&lock), ([true; 2], false), "CPU {cpu}");
        assert_eq!(other.as_deref(), Some(&7));
    }
    assert_eq!(open(&lock), ([true; 2], true));
    let writer = lock.write();
    assert_eq!(open(&lock), ([false; 2], false));
    drop(writer);
    assert_eq!(open(&lock), ([true; 2], true));
}

#[test]
fn a_writer_that_becomes_a_reader_lets_readers_in() {
    let lock = lock::<_, 3>(7);
    for cpu in 0..7 {
        let mut writer = lock.write();
        *writer += 1;
        let reader = writer.downgrade(cpu);
        assert_eq!(*reader, 8 + cpu);
        assert_eq!(open(&lock), ([true; 3], false));
        drop(reader);
        assert_eq!(open(&lock), ([true; 3], true));
    }
    let mut lock = lock;
    *lock.get_mut() += 1;
    assert_eq!(lock.into_inner(), 15);
}

#[test]
fn a_lock_shows_what_it_guards_unless_it_is_written() {
    let lock = lock::<_, 2>(7);
    assert_eq!(format!("{lock:?}"), "PerCpuRwLock { cpus: 2, value: 7 }");
    assert_eq!(format!("{:?}", lock.read(0)), "7");
    let writer = lock.write();
    assert_eq!(
        format!("{writer:?} {lock:?}"),
        "7 PerCpuRwLock { cpus: 2, .. }"
    );
}

#[test]
fn a_lock_is_as_large_as_is_said() {
    let lines = |cpus: usize, value: usize| {
        let relax = size_of::<fn()>();
        128 * (cpus + 1) + (value + relax).next_multiple_of(128)
    };
    assert_eq!(size_of::<Lock<1, u8>>(), lines(1, 1));
    assert_eq!(size_of::<Lock<8, [u8; 120]>>(), lines(8, 120));
    assert_eq!(size_of::<Lock<8, [u8; 121]>>(), lines(8, 121));
}

/// Guards go from thread to thread, as a task may from CPU to CPU.
#[test]
fn a_guard_is_dropped_by_another_thread() {
    let lock = lock::<_, 2>(7);
    let (reader, other) = (lock.read(0), lock.read(1));
    thread::scope(|scope| {
        let _ = scope.spawn(move || drop(reader));
        let _ = scope.spawn(move || drop(other));
    });
    let writer = lock.write();
    thread::scope(|scope| {
        let _ = scope.spawn(move || drop(writer));
    });
    assert_eq!(open(&lock), ([true; 2], true));
}

/// What unwinds out of a panic that is none of ours to report.
fn struck(job: impl FnOnce()) {
    let unwound = catch_unwind(AssertUnwindSafe(job)).unwrap_err();
    assert!(unwound.is::<Strike>());
}

struct Strike;

fn strike() -> ! {
    std::panic::resume_unwind(Box::new(Strike))
}

#[test]
fn guards_that_are_unwound_give_the_lock_back() {
    let lock = lock::<_, 2>(7);
    struck(|| {
        let _reader = lock.read(1);
        strike();
    });
    assert_eq!(open(&lock), ([true; 2], true));
    struck(|| {
        *lock.write() = 8;
        let _writer = lock.write();
        strike();
    });
    assert_eq!(open(&lock), ([true; 2], true));
    struck(|| {
        let _reader = lock.write().downgrade(1);
        strike();
    });
    assert_eq!(open(&lock), ([true; 2], true));
    assert_eq!(lock.into_inner(), 8);
}

/// A lock in which whoever waits is struck.
fn brittle() -> PerCpuRwLock<usize, 2> {
    PerCpuRwLock::with_relax(7, || strike())
}

#[test]
fn a_reader_whose_wait_unwinds_was_never_in() {
    let lock = brittle();
    let writer = lock.write();
    struck(|| drop(lock.read(0)));
    struck(|| drop(lock.read(0)));
    struck(|| drop(lock.read(1)));
    drop(writer);
    assert_eq!(open(&lock), ([true; 2], true));
    drop(lock.write()); // which waits for nobody
}

/// A writer waits for a reader, and meanwhile another reader of that CPU comes, and goes without having been in: it is
/// not the one that the writer waits for.
#[test]
fn a_reader_whose_wait_unwinds_is_not_taken_for_one_that_leaves() {
    static LOCK: PerCpuRwLock<usize, 2, fn()> = PerCpuRwLock::with_relax(7, relax);
    static WAITS: AtomicUsize = AtomicUsize::new(0);
    fn relax() {
        if WAITS.fetch_add(1, SeqCst) > 0 {
            strike();
        }
        struck(|| drop(LOCK.read(0)));
    }
    let reader = LOCK.read(0);
    struck(|| drop(LOCK.write()));
    assert_eq!(WAITS.swap(0, SeqCst), 3, "the writer waits on");
    drop(reader);
    drop(LOCK.write());
    assert_eq!(WAITS.load(SeqCst), 0);
}

#[test]
fn a_writer_whose_wait_unwinds_lets_readers_in_again() {
    let lock = brittle();
    let reader = lock.read(1);
    struck(|| drop(lock.write()));
    assert_eq!(open(&lock), ([true; 2], false));
    drop((lock.read(0), lock.read(1)));
    drop(reader);
    assert_eq!(open(&lock), ([true; 2], true));
}

/// Its place is taken by nobody else, so it waits for its turn.
#[test]
fn a_writer_in_line_whose_wait_unwinds_passes_its_turn_on() {
    static WAITS: AtomicUsize = AtomicUsize::new(0);
    let relax = || {
        if WAITS.fetch_add(1, SeqCst) == 0 {
            strike();
        }
        yield_now();
    };
    let lock = PerCpuRwLock::<_, 2, _>::with_relax(7, relax);
    let writer = lock.write();
    struck(|| drop(lock.write())); // the last in line gives its place back
    assert_eq!(WAITS.swap(0, SeqCst), 1);
    thread::scope(|scope| {
        let first = scope.spawn(|| struck(|| drop(lock.write())));
        while WAITS.load(SeqCst) == 0 {
            yield_now();
        }
        let second = scope.spawn(|| *lock.write() += 1);
        drop(writer);
        first.join().unwrap();
        second.join().unwrap();
    });
    assert!(lock.try_write().is_some());
    assert_eq!(lock.into_inner(), 8);
}

/// CPUs whose shootdowns wait for each of them.
struct Shootdowns {
    asked: [AtomicBool; CPUS],
    /// Whether there are others.
    are_waiting: AtomicBool,
}

const CPUS: usize = 3;

impl Shootdowns {
    fn serve(&self, cpu: usize) {
        self.asked[cpu].store(false, SeqCst);
        yield_now();
    }
}

impl Tlb for Shootdowns {
    /// Waits until all other CPUs have answered: they do so while they wait for the lock.
    fn flush(&self, _flush: &Flush<'_>) {
        if !self.are_waiting.load(SeqCst) {
            return;
        }
        for asked in &self.asked[1..] {
            asked.store(true, SeqCst);
        }
        while self.asked[1..].iter().any(|asked| asked.load(SeqCst)) {
            yield_now();
        }
    }
}

thread_local! {
    static CPU: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The writer flushes under the lock, and the flush waits for a reader and a writer that wait for the lock.
#[test]
fn cpus_that_wait_serve_the_shootdown_of_the_holder() {
    static SHOOTDOWNS: Shootdowns = Shootdowns {
        asked: [const { AtomicBool::new(false) }; CPUS],
        are_waiting: AtomicBool::new(true),
    };
    let relax = || SHOOTDOWNS.serve(CPU.get());
    let table = Sv39::new((HostFrames::new(16), &SHOOTDOWNS)).unwrap();
    let mut space = VirtualMemoryManager::<Sv39<(HostFrames, &Shootdowns)>>::new(table);
    let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    let map = VirtualMemoryMap::anonymous(area(PAGE, 4 * PAGE), rw).unwrap();
    space.add_memory_map(map).unwrap();
    let lock = PerCpuRwLock::<_, CPUS, _>::with_relax(space, relax);
    let reader = lock.read(0);
    let answer = reader.handle_fault(VirtAddr::new(PAGE), Access::Write, Privilege::User);
    assert!(matches!(answer, Ok(Answer::Resolved { .. })));
    drop(reader);
    let mut writer = lock.write();
    thread::scope(|scope| {
        let lock = &lock;
        scope.spawn(|| {
            CPU.set(1);
            assert!(lock.read(1).is_free(area(PAGE, PAGE)));
        });
        scope.spawn(|| {
            CPU.set(2);
            lock.write().unmap(area(2 * PAGE, PAGE)).unwrap();
        });
        writer.unmap(area(PAGE, PAGE)).unwrap(); // one flush
        SHOOTDOWNS.are_waiting.store(false, SeqCst);
        drop(writer);
    });
    let space = lock.into_inner();
    space.check_invariants().unwrap();
    assert_eq!(space.memory_maps().len(), 1);
}

/// Writers and readers of all CPUs, two of which have one number: nobody sees half an edit, none is lost, and all end.
#[test]
fn threads_that_read_and_write_all_come_to_their_turns() {
    const ROUNDS: usize = 500;
    let lock = lock::<_, 3>([0; 2]);
    thread::scope(|scope| {
        for cpu in 0..4 {
            let lock = &lock;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let [one, other] = *lock.read(cpu);
                    assert_eq!(one, other);
                    if round % 4 == cpu {
                        let mut words: WriteGuard<'_, _> = lock.write();
                        words[0] += 1;
                        words[1] += 1;
                        let before = *words;
                        let words: ReadGuard<'_, _> = words.downgrade(cpu);
                        assert_eq!(*words, before);
                    }
                    if let Some(mut words) = lock.try_write() {
                        words[0] += 0;
                    }
                }
            });
        }
    });
    assert_eq!(lock.into_inner(), [ROUNDS; 2]);
}
