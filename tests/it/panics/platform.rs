//! A platform of which one call panics.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering::Acquire};
use std::sync::{Arc, Mutex, MutexGuard};

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::{AllocatorId, Flush, Frame, FrameAllocator, MemoryArea, PhysAddr, ShareError, Tlb};

/// What a platform is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    Flush,
    MadeValid,
    MadeCode,
    Alloc,
    Release,
    Reach,
}

impl Hook {
    pub const ALL: [Self; 6] = [
        Self::Flush,
        Self::MadeValid,
        Self::MadeCode,
        Self::Alloc,
        Self::Release,
        Self::Reach,
    ];
}

/// When a call panics: with nothing done, or with all done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

/// A call that panics: the `n`-th of this hook from now on (1 is the next).
#[derive(Clone, Copy, Debug)]
pub struct Blow {
    pub hook: Hook,
    pub n: usize,
    pub moment: Moment,
}

/// What the panic carries.
#[derive(Debug)]
pub struct Struck;

/// A handle: clones share everything.
#[derive(Clone)]
pub struct Panicky {
    frames: HostFrames,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    armed: Option<Blow>,
    calls: [usize; Hook::ALL.len()],
    in_use: BTreeSet<PhysAddr>,
    /// What a CPU may reach until the next flush.
    cached: BTreeSet<PhysAddr>,
    /// What was given back before.
    early: Vec<PhysAddr>,
}

impl Panicky {
    pub fn new(frames: usize) -> Self {
        Self {
            frames: HostFrames::new(frames),
            state: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nobody panics while this is held.
        self.state.lock().unwrap()
    }

    /// Lets a call panic, once, and counts calls anew.
    pub fn arm(&self, blow: Blow) {
        let mut state = self.state();
        state.armed = Some(blow);
        state.calls = Default::default();
    }

    /// Takes that back. Answers whether the call was still to come.
    pub fn disarm(&self) -> bool {
        self.state().armed.take().is_some()
    }

    /// How often the hook was called since the platform was armed.
    pub fn calls(&self, hook: Hook) -> usize {
        self.state().calls[hook as usize]
    }

    /// The frames that are handed out.
    pub fn in_use(&self) -> BTreeSet<PhysAddr> {
        self.state().in_use.clone()
    }

    /// From now on CPUs may reach these frames, until a flush has returned.
    pub fn cache(&self, frames: BTreeSet<PhysAddr>) {
        self.state().cached = frames;
    }

    /// Frames that were given back while CPUs could reach them.
    pub fn given_back_early(&self) -> Vec<PhysAddr> {
        self.state().early.clone()
    }

    fn blow(&self, hook: Hook, moment: Moment) {
        let mut state = self.state();
        let calls = &mut state.calls[hook as usize];
        *calls += usize::from(moment == Moment::Before);
        let calls = *calls;
        let strikes = |blow: &mut Blow| (blow.hook, blow.n, blow.moment) == (hook, calls, moment);
        let is_struck = state.armed.take_if(strikes).is_some();
        drop(state);
        if is_struck {
            // Without a word from the panic hook: there are many.
            resume_unwind(Box::new(Struck));
        }
    }

    fn called<R>(&self, hook: Hook, call: impl FnOnce() -> R) -> R {
        self.blow(hook, Moment::Before);
        let answer = call();
        self.blow(hook, Moment::After);
        answer
    }

    /// The words of the table at `at`, as they are.
    #[expect(unsafe_code, reason = "the test reads what the hardware would")]
    pub fn words(&self, at: PhysAddr) -> [u64; 512] {
        let words = self.frames.reach(at).cast::<[AtomicU64; 512]>();
        // SAFETY: `reach` answers a pointer to a frame that is in use, and tables are written by atomic accesses alone
        // while they are shared.
        let words = unsafe { words.as_ref() };
        std::array::from_fn(|index| words[index].load(Acquire))
    }
}

#[expect(unsafe_code, reason = "a platform")]
// SAFETY: `HostFrames` keeps the promises, and every call that returns went to it. A frame that is on its way when a
// call panics is lost.
unsafe impl FrameAllocator for Panicky {
    fn id(&self) -> AllocatorId {
        self.frames.id()
    }

    fn alloc(&self) -> Option<Frame> {
        self.called(Hook::Alloc, || {
            let frame = self.frames.alloc()?;
            self.state().in_use.insert(frame.addr());
            Some(frame)
        })
    }

    fn release(&self, frame: Frame, dirty: bool) {
        self.called(Hook::Release, || {
            let at = frame.addr();
            self.frames.release(frame, dirty);
            let mut state = self.state();
            state.in_use.remove(&at);
            if state.cached.contains(&at) {
                state.early.push(at);
            }
        });
    }

    fn reach(&self, at: PhysAddr) -> NonNull<u8> {
        self.called(Hook::Reach, || self.frames.reach(at))
    }

    fn counts(&self, at: PhysAddr) -> bool {
        self.frames.counts(at)
    }

    unsafe fn share(&self, at: PhysAddr) -> Result<Frame, ShareError> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { self.frames.share(at) }
    }

    fn is_unique(&self, at: PhysAddr) -> bool {
        self.frames.is_unique(at)
    }
}

impl Tlb for Panicky {
    fn flush(&self, _flush: &Flush<'_>) {
        self.called(Hook::Flush, || self.state().cached.clear());
    }

    fn made_valid(&self, _made: &Flush<'_>) {
        self.called(Hook::MadeValid, || ());
    }

    fn made_code(&self, _area: MemoryArea<PhysAddr>) {
        self.called(Hook::MadeCode, || ());
    }
}

/// Runs `verb`; `None` when it was left by the panic of a [`Panicky`].
pub fn survive<R>(verb: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(verb)) {
        Ok(answer) => Some(answer),
        Err(payload) if payload.is::<Struck>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

/// Every blow of every hook, one after the other, for as long as `verb` says that it struck.
pub fn every_blow(mut verb: impl FnMut(Blow) -> bool) {
    for hook in Hook::ALL {
        for moment in [Moment::Before, Moment::After] {
            if (hook, moment) == (Hook::Reach, Moment::After) {
                continue; // There is nothing that it could have done.
            }
            (1..)
                .take_while(|&n| verb(Blow { hook, n, moment }))
                .for_each(drop);
        }
    }
}
