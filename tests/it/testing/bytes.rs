//! Random processes: on kernels that are right, with CPUs and without, and on those that make a mistake.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use kernel_vm::backend::Paging;
use kernel_vm::backend::mock::machine::{Machine, Privilege as Mode};
use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::riscv::{Mode as SatpMode, Satp};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::testing::{Broken, Bytes, Events, Processes};
use kernel_vm::{
    Access, Answer, Asid, FaultError, Flush, ForkError, FrameAllocator, Inherit, MapError, MapRef,
    MemoryArea, Payload, Permissions, Privilege, ShareError, SharedPages, Stop, Stopped, Ticket,
    Tlb, VirtAddr, VirtualMemoryManager, VirtualMemoryMap,
};

use crate::subject::{PAGE, pages};

/// What a kernel does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    None,
    /// Private memory is mapped as if it were shared.
    SharesOnFork,
    /// Pages come as the frames are.
    DirtyFrames,
    NoDiscard,
    LostProtect,
    LostUnmap,
    /// The fault handler lets a program write whatever it reads.
    WritesReadOnly,
    /// The fault handler refuses what it should not.
    RefusesReads,
    /// The child has no map that begins at an odd page.
    LosesMaps,
    /// The child has all maps, and none of the pages.
    LosesPages,
    /// The page that is copied is flushed on no CPU.
    NoFlushOnCopy,
    /// A copy to a program that has faulted goes on with its first byte.
    BeginsAnew,
    /// What moves loses its bytes.
    MovesMapsAlone,
    ResolvesNothing,
    /// Pages come at once, and the map stays where there are too few frames for them.
    KeepsTheMap,
    NeverStarts,
    Leaks,
    /// A verb that has no reason to.
    RefusesProtect,
    ForksIntoAnother,
    CannotShare,
    Panics,
}

/// Flushes the harts of the machine, if it listens. Nobody hears of what was made valid: a fault handler fences.
#[derive(Clone)]
struct Flushes {
    machine: Machine,
    is_deaf: Rc<Cell<bool>>,
    hart: Rc<Cell<usize>>,
}

impl Tlb for Flushes {
    fn flush(&self, flush: &Flush<'_>) {
        if !self.is_deaf.get() {
            self.machine.flush(flush);
        }
    }

    fn fence(&self, _stale: &Flush<'_>) {
        self.machine.cpu(self.hart.get()).sfence_vma(None, None);
    }
}

/// The kernel's object that a map shows, if it shows one.
#[derive(Clone, Default)]
struct Object(Option<Rc<SharedPages<Machine>>>);

impl Payload for Object {
    fn split_at(&mut self, _offset: usize) -> Self {
        self.clone()
    }

    fn can_join(&self, _len: usize, right: &Self) -> bool {
        self.0.is_none() && right.0.is_none()
    }
}

type Space = VirtualMemoryManager<Sv39<(Machine, Flushes)>, Object>;

pub(super) struct Process {
    space: Space,
    satp: u64,
}

/// A kernel for four harts, which makes one mistake at most.
pub(super) struct Harts {
    machine: Machine,
    flushes: Flushes,
    mistake: Mistake,
    asid: u16,
}

impl Harts {
    pub(super) fn new(frames: usize, seed: u64, mistake: Mistake) -> Self {
        #[expect(unsafe_code, reason = "a machine writes any of its frames")]
        // SAFETY: the frames are reached by the crate alone, which uses atomics of 8 bytes. No page of a program is a
        // table's, and no flush is left out but those of pages that could not be written.
        let machine = unsafe { Machine::new(HostFrames::new(frames), seed) };
        let flushes = Flushes {
            machine: machine.clone(),
            is_deaf: Rc::default(),
            hart: Rc::default(),
        };
        Self {
            machine,
            flushes,
            mistake,
            asid: 0,
        }
    }

    fn run(&self, process: &Process, cpu: usize) {
        self.machine.cpu(cpu).write_satp(process.satp);
        self.machine.cpu(cpu).set_privilege(Mode::User);
    }

    fn new_map(
        &self,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<VirtualMemoryMap<Object>, MapError> {
        let is_shared = self.mistake == Mistake::SharesOnFork;
        if !is_shared && self.mistake != Mistake::DirtyFrames {
            let map = VirtualMemoryMap::anonymous(area, permissions)?;
            return Ok(map.with_payload(Object::default()));
        }
        let object = is_shared.then(|| Rc::new(SharedPages::new(self.machine.clone())));
        let map = VirtualMemoryMap::provided(area, 0, permissions, is_shared)?;
        Ok(map.with_payload(Object(object)))
    }

    fn inherit(&self, map: MapRef<'_, Object>) -> Option<(Inherit, Object)> {
        let is_odd = map.vmarea().start().get() >> 12 & 1 == 1;
        if self.mistake == Mistake::LosesMaps && is_odd {
            return None;
        }
        Inherit::posix(map)
    }

    fn supply(
        &self,
        space: &Space,
        ticket: Ticket,
        object: &Object,
        offset: u64,
    ) -> Result<(), FaultError> {
        let frame = match &object.0 {
            Some(object) => object.page(offset)?,
            None => self
                .machine
                .alloc()
                .ok_or(FaultError::OutOfFrames { needed: 1 })?,
        };
        let Err(lost) = space.supply(ticket, frame) else {
            return Ok(());
        };
        let error = lost.error();
        self.machine.release(lost.into_frame(), false);
        error.map_or(Ok(()), |error| Err(error.into()))
    }

    fn handle(&self, space: &Space, at: VirtAddr, access: Access) -> Result<(), FaultError> {
        let is_copied = self.mistake == Mistake::NoFlushOnCopy;
        self.flushes.is_deaf.set(is_copied);
        let answer = space.handle_fault(at, access, Privilege::User);
        self.flushes.is_deaf.set(false);
        match answer? {
            Answer::NeedsFrame {
                ticket,
                map,
                offset,
            } => self.supply(space, ticket, map.payload(), offset),
            _ => Ok(()),
        }
    }
}

/// Tries a copy until it does not stop. `handle` is the kernel's for the page faults of such an access.
fn copy(
    handle: impl Fn(VirtAddr) -> Result<(), FaultError>,
    from: VirtAddr,
    mut go: impl FnMut(VirtAddr, usize) -> Result<(), Stopped>,
) -> Result<(), FaultError> {
    let (mut at, mut done) = (from, 0);
    while let Err(stopped) = go(at, done) {
        at = stopped.at;
        done += stopped.done;
        match stopped.why {
            Stop::Fault => handle(at)?,
            Stop::Refused(error) => return Err(error),
            why => panic!("{why}"),
        }
    }
    Ok(())
}

impl Processes for Harts {
    type Process = Process;

    fn start(&mut self) -> Result<Process, MapError> {
        if self.mistake == Mistake::NeverStarts {
            return Err(MapError::OutOfFrames { needed: 1 });
        }
        let table = Sv39::new((self.machine.clone(), self.flushes.clone()))?;
        self.asid += 1;
        let asid = Asid::new(self.asid);
        let mut space = Space::for_payload(table);
        space.set_asid(asid);
        let satp = Satp::new(SatpMode::Sv39, asid, space.root_page_table()).bits();
        Ok(Process { space, satp })
    }

    fn fork(&mut self, parent: &mut Process) -> Result<Process, ForkError> {
        let mut child = self.start()?;
        if self.mistake == Mistake::LosesPages {
            for map in parent.space.memory_maps() {
                self.map(&mut child, map.vmarea(), map.permissions())?;
            }
            return Ok(child);
        }
        if self.mistake == Mistake::ForksIntoAnother {
            let page = MemoryArea::from_start_size(VirtAddr::new(0), PAGE).unwrap();
            self.map(&mut child, page, Permissions::READ)?;
        }
        let inherit = |map: MapRef<'_, Object>| self.inherit(map);
        parent.space.fork_into(&mut child.space, inherit)?;
        Ok(child)
    }

    fn exit(&mut self, _process: Process) {
        let bare = Satp::BARE.bits();
        (0..Self::CPUS).for_each(|cpu| self.machine.cpu(cpu).write_satp(bare));
        if self.mistake == Mistake::Leaks {
            let _lost = self.machine.alloc();
        }
    }

    fn map(
        &mut self,
        process: &mut Process,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), MapError> {
        let map = self.new_map(area, permissions)?;
        process.space.replace_memory_map(map)?;
        if self.mistake == Mistake::KeepsTheMap && permissions.allow(Access::Read) {
            let come = process.space.prefault(area);
            return come.map_err(|_| MapError::OutOfFrames { needed: 1 });
        }
        Ok(())
    }

    fn unmap(&mut self, process: &mut Process, area: MemoryArea) -> Result<(), MapError> {
        if self.mistake == Mistake::LostUnmap {
            return Ok(());
        }
        process.space.unmap(area)
    }

    fn protect(
        &mut self,
        process: &mut Process,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), MapError> {
        match self.mistake {
            Mistake::LostProtect => Ok(()),
            Mistake::RefusesProtect => Err(MapError::NotMapped { hole: area }),
            _ => process.space.protect(area, permissions),
        }
    }

    fn load(&mut self, process: &mut Process, cpu: usize, at: VirtAddr) -> Option<u64> {
        self.run(process, cpu);
        self.machine.cpu(cpu).load_u64(at).ok()
    }

    fn store(&mut self, process: &mut Process, cpu: usize, at: VirtAddr, word: u64) -> Option<()> {
        self.run(process, cpu);
        self.machine.cpu(cpu).store_u64(at, word).ok()
    }

    fn fault(
        &mut self,
        process: &mut Process,
        cpu: usize,
        at: VirtAddr,
        access: Access,
    ) -> Result<(), FaultError> {
        self.flushes.hart.set(cpu);
        let page = VirtAddr::new(at.get() & !(PAGE - 1));
        let page = MemoryArea::from_start_size(page, PAGE).unwrap();
        match self.mistake {
            Mistake::ResolvesNothing => return Ok(()),
            Mistake::CannotShare => return Err(FaultError::Share(ShareError::Uncounted)),
            Mistake::Panics => panic!("on purpose"),
            Mistake::RefusesReads if access == Access::Read => {
                return Err(FaultError::NotMapped { hole: page });
            }
            _ => {}
        }
        match self.handle(&process.space, at, access) {
            Err(FaultError::Denied { permissions, .. })
                if self.mistake == Mistake::WritesReadOnly && permissions.allow(Access::Read) =>
            {
                let more = permissions | Permissions::WRITE;
                process.space.protect(page, more).map_err(FaultError::from)
            }
            answer => answer,
        }
    }

    fn remap(
        &mut self,
        process: &mut Process,
        old: MemoryArea,
        new: MemoryArea,
    ) -> Result<(), MapError> {
        if self.mistake == Mistake::MovesMapsAlone {
            process.space.discard(old)?;
        }
        process.space.remap(old, new)
    }

    fn discard(&mut self, process: &mut Process, area: MemoryArea) -> Result<(), MapError> {
        if self.mistake == Mistake::NoDiscard {
            return Ok(());
        }
        process.space.discard(area)
    }

    fn read(
        &mut self,
        process: &mut Process,
        cpu: usize,
        from: VirtAddr,
        to: &mut [u8],
    ) -> Option<Result<(), FaultError>> {
        self.flushes.hart.set(cpu);
        let space = &process.space;
        let handle = |at| self.handle(space, at, Access::Read);
        Some(copy(handle, from, |at, done| {
            space.read(at, &mut to[done..], Privilege::User)
        }))
    }

    fn write(
        &mut self,
        process: &mut Process,
        cpu: usize,
        to: VirtAddr,
        from: &[u8],
    ) -> Option<Result<(), FaultError>> {
        self.flushes.hart.set(cpu);
        let space = &process.space;
        let is_wrong = self.mistake == Mistake::BeginsAnew;
        let handle = |at| self.handle(space, at, Access::Write);
        Some(copy(handle, to, |at, done| {
            let rest = if is_wrong {
                &from[..from.len() - done]
            } else {
                &from[done..]
            };
            space.write(at, rest, Privilege::User)
        }))
    }

    fn frames_in_use(&self) -> usize {
        self.machine.frames().frames_in_use()
    }

    fn fail_alloc(&mut self, n: usize) {
        self.machine.frames().fail_alloc(n);
    }
}

/// A kernel without CPUs, and with nothing that it need not have, unless it copies bytes.
pub(super) struct Plain<B> {
    pub(super) copies: bool,
    pub(super) frames: HostFrames,
    pub(super) table: fn(HostFrames) -> Result<B, MapError>,
}

impl<B: Paging<Platform = HostFrames>> Processes for Plain<B> {
    type Process = VirtualMemoryManager<B>;

    fn start(&mut self) -> Result<Self::Process, MapError> {
        Ok(VirtualMemoryManager::new((self.table)(
            self.frames.clone(),
        )?))
    }

    fn fork(&mut self, parent: &mut Self::Process) -> Result<Self::Process, ForkError> {
        let mut child = self.start()?;
        parent.fork_into(&mut child, Inherit::posix)?;
        Ok(child)
    }

    fn exit(&mut self, _process: Self::Process) {}

    fn map(
        &mut self,
        space: &mut Self::Process,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), MapError> {
        let map = VirtualMemoryMap::anonymous(area, permissions)?;
        Ok(space.replace_memory_map(map)?)
    }

    fn unmap(&mut self, space: &mut Self::Process, area: MemoryArea) -> Result<(), MapError> {
        space.unmap(area)
    }

    fn protect(
        &mut self,
        space: &mut Self::Process,
        area: MemoryArea,
        permissions: Permissions,
    ) -> Result<(), MapError> {
        space.protect(area, permissions)
    }

    fn load(&mut self, space: &mut Self::Process, _cpu: usize, at: VirtAddr) -> Option<u64> {
        let mut bytes = [0; 8];
        let read = space.read(at, &mut bytes, Privilege::User);
        read.is_ok().then(|| u64::from_le_bytes(bytes))
    }

    fn store(
        &mut self,
        space: &mut Self::Process,
        _cpu: usize,
        at: VirtAddr,
        word: u64,
    ) -> Option<()> {
        let bytes = word.to_le_bytes();
        space.write(at, &bytes, Privilege::User).ok()
    }

    fn fault(
        &mut self,
        space: &mut Self::Process,
        _cpu: usize,
        at: VirtAddr,
        access: Access,
    ) -> Result<(), FaultError> {
        space.handle_fault(at, access, Privilege::User).map(drop)
    }

    fn read(
        &mut self,
        space: &mut Self::Process,
        _cpu: usize,
        from: VirtAddr,
        to: &mut [u8],
    ) -> Option<Result<(), FaultError>> {
        let handle = |at| {
            let answer = space.handle_fault(at, Access::Read, Privilege::User);
            answer.map(drop)
        };
        let go = |at, done: usize| space.read(at, &mut to[done..], Privilege::User);
        self.copies.then(|| copy(handle, from, go))
    }

    fn write(
        &mut self,
        space: &mut Self::Process,
        _cpu: usize,
        to: VirtAddr,
        from: &[u8],
    ) -> Option<Result<(), FaultError>> {
        let handle = |at| {
            let answer = space.handle_fault(at, Access::Write, Privilege::User);
            answer.map(drop)
        };
        let go = |at, done: usize| space.write(at, &from[done..], Privilege::User);
        self.copies.then(|| copy(handle, to, go))
    }

    fn frames_in_use(&self) -> usize {
        self.frames.frames_in_use()
    }
}

fn sum(run: impl Fn(u64) -> Result<Events, Broken>) -> Events {
    let runs = (0..6).map(|seed| run(seed).unwrap());
    runs.fold(Events::default(), Events::and)
}

fn plain<B: Paging<Platform = HostFrames>>(
    few: usize,
    table: fn(HostFrames) -> Result<B, MapError>,
) {
    let seen = sum(|seed| {
        let frames = if seed % 2 == 0 { few } else { 256 };
        Bytes::new(seed).steps(500).run(|| Plain {
            frames: HostFrames::new(frames),
            table,
            copies: false,
        })
    });
    let Events {
        forks,
        exits,
        changes,
        accesses,
        refused,
        faults,
        without_memory,
        ..
    } = seen;
    let counts = [
        forks,
        exits,
        changes,
        accesses,
        refused,
        faults,
        without_memory,
    ];
    assert!(counts.iter().all(|&count| count > 10), "{seen:?}");
}

#[test]
fn programs_see_their_bytes_where_there_are_no_cpus() {
    plain(24, Sv39::new);
    plain(12, |frames| Ok(MockBackend::with_platform(frames)));
}

#[test]
fn programs_see_their_bytes_on_four_cpus() {
    let seen = sum(|seed| {
        let frames = if seed % 2 == 0 { 24 } else { 256 };
        let make = || Harts::new(frames, seed, Mistake::None);
        Bytes::new(seed).steps(500).run(make)
    });
    assert!(seen.forks > 30 && seen.without_memory > 50, "{seen:?}");
}

const ZERO: &str = "a page is zero, in all its bytes, until it is written";
const LAST: &str = "a program reads what it wrote last";
const ALONE: &str = "what a process writes no other process sees, neither its parent nor its child";
const INHERITS: &str = "a child has the pages of its parent, with their bytes";
const MAY: &str = "a program may do what its map allows, and no more";
const RESOLVED: &str = "an access goes on when its fault is resolved";
const NOTHING: &str = "what is not done for want of memory has changed nothing";
const LEAST: &str = "where there is no process, there is memory for one";
const BACK: &str = "when the last process has gone, all frames are back";
const DONE: &str = "a verb that must be done is done";

#[test]
fn each_mistake_of_a_kernel_is_found_and_named() {
    let laws = [
        (Mistake::SharesOnFork, ALONE),
        (Mistake::DirtyFrames, ZERO),
        (Mistake::NoDiscard, ZERO),
        (Mistake::LostProtect, MAY),
        (Mistake::LostUnmap, MAY),
        (Mistake::WritesReadOnly, MAY),
        (Mistake::RefusesReads, MAY),
        (Mistake::LosesMaps, INHERITS),
        (Mistake::LosesPages, INHERITS),
        (Mistake::NoFlushOnCopy, LAST),
        (Mistake::BeginsAnew, LAST),
        (Mistake::MovesMapsAlone, LAST),
        (Mistake::ResolvesNothing, RESOLVED),
        (Mistake::KeepsTheMap, NOTHING),
        (Mistake::NeverStarts, LEAST),
        (Mistake::Leaks, BACK),
        (Mistake::RefusesProtect, DONE),
        (Mistake::ForksIntoAnother, DONE),
        (Mistake::CannotShare, DONE),
    ];
    for (mistake, law) in laws {
        let runs = (0..8).map(|seed| {
            let make = || Harts::new(256, seed, mistake);
            Bytes::new(seed).steps(500).run(make)
        });
        // One mistake may break more than one law: what a stale page shows is anything.
        let mut found = runs.filter_map(Result::err);
        let broken = found.find(|broken| broken.law() == law);
        let broken = broken.unwrap_or_else(|| panic!("{mistake:?} is not found as '{law}'"));
        assert!(broken.steps().len() < 16, "{mistake:?}: {broken}");
    }
}

#[test]
fn a_panic_of_the_fault_handler_is_shrunk_where_a_guard_catches_it() {
    let guarded = Bytes::new(1).steps(100).guard(|run| {
        let law = "no fault handler panics";
        catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Broken::new(law, "it does")))
    });
    let broken = guarded
        .run(|| Harts::new(64, 1, Mistake::Panics))
        .unwrap_err();
    assert_eq!(broken.law(), "no fault handler panics");
    assert_eq!(broken.steps().len(), 1, "{broken}");
}

/// A kernel that has nothing but what it must have, and is asked for none of that.
struct Least;

impl Processes for Least {
    type Process = ();

    fn start(&mut self) -> Result<(), MapError> {
        unreachable!()
    }

    fn fork(&mut self, _parent: &mut ()) -> Result<(), ForkError> {
        unreachable!()
    }

    fn exit(&mut self, _process: ()) {
        unreachable!()
    }

    fn map(&mut self, _: &mut (), _: MemoryArea, _: Permissions) -> Result<(), MapError> {
        unreachable!()
    }

    fn unmap(&mut self, _: &mut (), _: MemoryArea) -> Result<(), MapError> {
        unreachable!()
    }

    fn protect(&mut self, _: &mut (), _: MemoryArea, _: Permissions) -> Result<(), MapError> {
        unreachable!()
    }

    fn load(&mut self, _: &mut (), _: usize, _: VirtAddr) -> Option<u64> {
        unreachable!()
    }

    fn store(&mut self, _: &mut (), _: usize, _: VirtAddr, _: u64) -> Option<()> {
        unreachable!()
    }

    fn fault(&mut self, _: &mut (), _: usize, _: VirtAddr, _: Access) -> Result<(), FaultError> {
        unreachable!()
    }
}

#[test]
fn what_a_kernel_need_not_have_it_has_not() {
    let (page, at) = (pages(1, 1), VirtAddr::new(0x1000));
    let moved = Least.remap(&mut (), page, pages(3, 1));
    assert_eq!(moved, Err(MapError::UnsupportedEdit));
    assert_eq!(Least.discard(&mut (), page), Err(MapError::UnsupportedEdit));
    assert_eq!(Least.read(&mut (), 0, at, &mut [0]), None);
    assert_eq!(Least.write(&mut (), 0, at, &[0]), None);
    assert_eq!(Least.frames_in_use(), 0);
    Least.fail_alloc(1);
}
