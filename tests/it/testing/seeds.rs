//! One seed is one run, on every machine: who has noted a seed finds the failure again.
//!
//! What a seed comes to is written down here. A change of what is drawn, of where it lies, or of how often it is done
//! fails: whoever means that change makes old seeds worthless. Under CPUs in software, chance is drawn at each look at a
//! table, too, so such runs are not written down.

use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::testing::{Bytes, Events, Lie, Processes, Verbs};
use kernel_vm::{
    Access, FaultError, ForkError, MapError, MemoryArea, Permissions, VirtAddr,
    VirtualMemoryManager,
};

use super::asked::Asked;
use super::bytes::{Harts, Mistake, Plain};
use super::digest::Digest;
use super::verbs::Locked;

impl<K: Processes> Processes for Asked<K> {
    type Process = K::Process;

    const CPUS: usize = K::CPUS;

    fn start(&mut self) -> Result<K::Process, MapError> {
        self.asked.add(format_args!("start"));
        self.inner.start()
    }

    fn fork(&mut self, parent: &mut K::Process) -> Result<K::Process, ForkError> {
        self.asked.add(format_args!("fork"));
        self.inner.fork(parent)
    }

    fn exit(&mut self, process: K::Process) {
        self.asked.add(format_args!("exit"));
        self.inner.exit(process);
    }

    fn map(
        &mut self,
        process: &mut K::Process,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), MapError> {
        self.asked.add(format_args!("map {area:?} {permissions:?}"));
        self.inner.map(process, area, permissions)
    }

    fn unmap(&mut self, process: &mut K::Process, area: MemoryArea) -> Result<(), MapError> {
        self.asked.add(format_args!("unmap {area:?}"));
        self.inner.unmap(process, area)
    }

    fn protect(
        &mut self,
        process: &mut K::Process,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), MapError> {
        self.asked
            .add(format_args!("protect {area:?} {permissions:?}"));
        self.inner.protect(process, area, permissions)
    }

    fn load(&mut self, process: &mut K::Process, cpu: usize, at: VirtAddr) -> Option<u64> {
        self.asked.add(format_args!("load {cpu} {at:?}"));
        self.inner.load(process, cpu, at)
    }

    fn store(
        &mut self,
        process: &mut K::Process,
        cpu: usize,
        at: VirtAddr,
        word: u64,
    ) -> Option<()> {
        self.asked.add(format_args!("store {cpu} {at:?} {word}"));
        self.inner.store(process, cpu, at, word)
    }

    fn fault(
        &mut self,
        process: &mut K::Process,
        cpu: usize,
        at: VirtAddr,
        access: Access,
    ) -> Result<(), FaultError> {
        self.asked
            .add(format_args!("fault {cpu} {at:?} {access:?}"));
        self.inner.fault(process, cpu, at, access)
    }

    fn remap(
        &mut self,
        process: &mut K::Process,
        old: MemoryArea,
        new: MemoryArea,
    ) -> Result<(), MapError> {
        self.asked.add(format_args!("remap {old:?} {new:?}"));
        self.inner.remap(process, old, new)
    }

    fn discard(&mut self, process: &mut K::Process, area: MemoryArea) -> Result<(), MapError> {
        self.asked.add(format_args!("discard {area:?}"));
        self.inner.discard(process, area)
    }

    fn read(
        &mut self,
        process: &mut K::Process,
        cpu: usize,
        from: VirtAddr,
        to: &mut [u8],
    ) -> Option<Result<(), FaultError>> {
        let size = to.len();
        self.asked.add(format_args!("read {cpu} {from:?} {size}"));
        self.inner.read(process, cpu, from, to)
    }

    fn write(
        &mut self,
        process: &mut K::Process,
        cpu: usize,
        to: VirtAddr,
        from: &[u8],
    ) -> Option<Result<(), FaultError>> {
        self.asked.add(format_args!("write {cpu} {to:?} {from:?}"));
        self.inner.write(process, cpu, to, from)
    }

    fn frames_in_use(&self) -> usize {
        self.inner.frames_in_use()
    }

    fn fail_alloc(&mut self, n: usize) {
        self.asked.add(format_args!("fail {n}"));
        self.inner.fail_alloc(n);
    }
}

/// What a seed comes to: what has happened, and what the kernel was asked.
fn run(seed: u64, copies: bool) -> (Events, String) {
    let digest = Digest::new();
    let make = || Plain {
        frames: HostFrames::new(40),
        table: Sv39::new,
        copies,
    };
    let run = Bytes::new(seed).steps(400);
    let events = run.run(|| Asked::new(make(), &digest));
    (events.unwrap(), digest.text())
}

#[test]
fn a_seed_of_random_processes_is_one_run() {
    let (events, asked) = run(1, false);
    assert_eq!(
        format!("{events:?}"),
        "Events { forks: 6, exits: 6, changes: 61, accesses: 459, refused: 176, faults: 76, without_memory: 6 }"
    );
    assert_eq!(
        asked,
        "7 discard, 11 exit, 30 fail, 310 fault, 8 fork, 617 load, 49 map, 4 protect, 169 read, 3 remap, 5 start, \
         152 store, 8 unmap, 31 write, 0x89af87980917b8ec"
    );
    assert_eq!(
        run(2, true).1,
        "5 discard, 8 exit, 16 fail, 171 fault, 7 fork, 219 load, 32 map, 4 protect, 127 read, 2 remap, 1 start, \
         122 store, 7 unmap, 40 write, 0xfb83796a8a830854"
    );
    assert_ne!(run(3, false), run(1, false), "another seed");
}

#[test]
fn a_seed_of_random_verbs_is_one_run() {
    let frames = HostFrames::new(1024);
    let run = |seed, is_wide| {
        let verbs = Verbs::new(seed).steps(2000);
        let verbs = if is_wide { verbs.wide() } else { verbs };
        let [alone, locked] = [(); 2].map(|()| Digest::new());
        let table = |_| Asked::new(Sv39::new(frames.clone()).unwrap(), &alone).over(&frames);
        let plain = verbs.run(|window| VirtualMemoryManager::<_>::new(table(window)));
        let mock = || Asked::new(MockBackend::with_platform(frames.clone()), &locked);
        let pages = verbs.run(|_| Locked::on(mock().over(&frames)));
        let tally = plain.unwrap().and(&pages.unwrap());
        let accepted = tally.verbs().map(|(_, _, accepted)| accepted).sum::<u64>();
        let counts = [tally.all(), accepted, tally.most_maps() as u64];
        (counts, alone.text(), locked.text())
    };
    let (counts, alone, locked) = run(1, false);
    assert_eq!(counts, [4000, 3713, 41]);
    assert_eq!(
        alone,
        "5024 entry, 740 map, 32 populated, 212 protect, 1612 reserve, 710 retire, 22 settle, 134 shift, 818 \
         supports, 579 unmap, 1320 unreserve, 0xcd5bdf49ca94adc4"
    );
    assert_eq!(
        locked,
        "5576 entry, 89 fence, 158 install, 87 install_at_once, 485 map, 137 map_at_once, 169 populated, 219 \
         protect, 1478 reserve, 721 retire, 25 settle, 149 shift, 800 supports, 447 touch, 588 unmap, 1214 \
         unreserve, 0x4e79d5850e73fa18"
    );
    let (counts, alone, locked) = run(2, true);
    assert_eq!(counts, [4000, 3841, 9]);
    assert_eq!(
        alone,
        "12192 entry, 812 map, 4 populated, 234 protect, 1883 reserve, 855 retire, 9 settle, 122 shift, 691 \
         supports, 731 unmap, 1640 unreserve, 0xd6f419517c352ca1"
    );
    assert_eq!(
        locked,
        "12466 entry, 52 fence, 30 install, 17 install_at_once, 593 map, 15 map_at_once, 19 populated, 248 \
         protect, 1727 reserve, 871 retire, 12 settle, 137 shift, 724 supports, 97 touch, 748 unmap, 1540 \
         unreserve, 0x945176a0b12af107"
    );
}

/// The text with a # for each number: which page it is, and which process, is chance.
fn without_numbers(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let (open, word) = word.split_at(word.len() - word.trim_start_matches('(').len());
        let number = word.trim_end_matches([')', ':', ',']);
        let is_number = number.starts_with(|first: char| first.is_ascii_digit());
        let end = &word[number.len()..];
        let number = if is_number { "#" } else { number };
        format!("{open}{number}{end}")
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Whoever reads it knows which law, which seed, and which steps.
#[test]
fn what_is_wrong_is_told_in_words() {
    let verbs = Verbs::new(1).lie(Lie::LostUnmap);
    let broken = verbs
        .run(|_| Locked::on(MockBackend::with_platform(HostFrames::new(1024))))
        .unwrap_err();
    assert_eq!(
        broken.to_string(),
        "broken law: a space has the maps that a model with a few bits a page has
  page 0 is at 0x3ffe0000: 1 maps, should be 0
  seed 0x1
  behind these steps:
    Step(Unmap(Span { first: 28, count: 5 }), 33),
    Step(Unmap(Span { first: 8, count: 6 }), 27),
    Step(Add(Span { first: 9, count: 2 }, Far, Rights(5)), 56),
    Step(Unmap(Span { first: 9, count: 2 }), 13),"
    );
    let told = |mistake| {
        let broken = Bytes::new(1).run(|| Harts::new(256, 1, mistake));
        without_numbers(broken.unwrap_err().found())
    };
    assert_eq!(
        told(Mistake::SharesOnFork),
        "process # reads page # on CPU #: byte # of page # begins # (of process #), should be #"
    );
    assert_eq!(
        told(Mistake::LosesPages),
        "process # reads page # on CPU #: byte # of page # begins #, should be # (of process #)"
    );
    assert_eq!(
        told(Mistake::LostProtect),
        "process # reads page # on CPU #: Read by User where the map allows ---u"
    );
    assert_eq!(
        told(Mistake::WritesReadOnly),
        "process # writes page # on CPU #: it is done"
    );
}
