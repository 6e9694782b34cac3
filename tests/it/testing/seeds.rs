//! One seed is one run: on every machine, and in each version until the CHANGELOG says that seeds are others.
//!
//! Whoever has noted a seed finds the failure again. So what a seed comes to is written down here, and a change of what
//! is drawn, of where it lies, or of how often it is done fails.

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
fn run<K: Processes>(seed: u64, steps: u64, make: impl Fn() -> K) -> (Events, u64) {
    let digest = Digest::new();
    let events = Bytes::new(seed)
        .steps(steps)
        .run(|| Asked::new(make(), &digest));
    (events.unwrap(), digest.get())
}

#[test]
fn a_seed_of_random_processes_is_one_run() {
    let plain = || Plain {
        frames: HostFrames::new(40),
        table: Sv39::new,
    };
    let harts = || Harts::new(40, 1, Mistake::None);
    let told = [run(1, 400, plain), run(2, 400, harts)].map(|told| format!("{told:?}"));
    assert_eq!(
        told,
        [
            "(Events { forks: 6, exits: 6, changes: 61, accesses: 459, refused: 176, faults: 76, without_memory: 6 }, \
             7915574741338091844)",
            "(Events { forks: 7, exits: 4, changes: 50, accesses: 272, refused: 214, faults: 67, without_memory: 2 }, \
             9661856618766665057)"
        ]
    );
    assert_ne!(run(3, 400, plain), run(1, 400, plain), "another seed");
}

#[test]
fn a_seed_of_random_verbs_is_one_run() {
    let host = || HostFrames::new(1024);
    let run = |seed, is_wide| {
        let verbs = Verbs::new(seed).steps(2000);
        let verbs = if is_wide { verbs.wide() } else { verbs };
        let [alone, locked] = [(); 2].map(|()| Digest::new());
        let table = |_| Asked::new(Sv39::new(host()).unwrap(), &alone);
        let plain = verbs.run(|window| VirtualMemoryManager::<_>::new(table(window)));
        let mock = || Asked::new(MockBackend::with_platform(host()), &locked);
        let pages = verbs.run(|_| Locked::on(mock()));
        let tally = plain.unwrap().and(&pages.unwrap());
        let accepted = tally.verbs().map(|(_, _, accepted)| accepted).sum::<u64>();
        let counts = [tally.all(), accepted, tally.most_maps() as u64];
        (counts, alone.get(), locked.get())
    };
    let first = (
        [4000, 3713, 41],
        1_382_249_295_555_554_403,
        10_137_321_445_230_971_364,
    );
    assert_eq!(run(1, false), first);
    let second = (
        [4000, 3841, 9],
        450_674_015_220_868_045,
        16_070_209_589_870_673_070,
    );
    assert_eq!(run(2, true), second);
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
    let told = |seed, mistake| {
        let broken = Bytes::new(seed).run(|| Harts::new(256, seed, mistake));
        broken.unwrap_err().found().to_owned()
    };
    assert_eq!(
        told(1, Mistake::SharesOnFork),
        "process 3 reads page 6 on CPU 0: byte 4088 of page 6 begins 0xa706dd2f4d197e6f (of process 1), should be 0x0"
    );
    assert_eq!(
        told(1, Mistake::LosesPages),
        "process 4 reads page 7 on CPU 0: byte 4088 of page 7 begins 0x0, should be 0xa706dd2f4d197e6f (of process 0)"
    );
    assert_eq!(
        told(1, Mistake::LostProtect),
        "process 1 reads page 3 on CPU 0: Read by User where the map allows ---u"
    );
    assert_eq!(
        told(2, Mistake::WritesReadOnly),
        "process 0 writes page 4 on CPU 2: it is done"
    );
}
