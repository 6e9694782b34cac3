//! A process on the machine, and the kernel's part in it, beside a model that knows every byte.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use kernel_vm::backend::Entry;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{
    Access, Answer, FRAME_SIZE, FaultError, Frame, FrameAllocator, MapError, MemoryArea,
    Permissions, Privilege, Stop, VirtAddr, VirtualMemoryManager, VirtualMemoryMap,
};

use super::kernel::{Kernel, Object, Setting};
use super::mmu::Mmu;
use crate::subject::{PAGE, pages};

pub const CPUS: usize = 4;
/// Pages of each object.
pub const OBJECT_PAGES: usize = 6;
pub const OBJECTS: usize = 2;

pub type Space<B> = VirtualMemoryManager<B, Object>;

/// A process whose page table the machine's own CPUs read.
pub type Process = ProcessOn<Sv39<Kernel>>;

/// What the model knows of a page that is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub permissions: Permissions,
    /// The object and its page, if the map shows one.
    pub shows: Option<(usize, usize)>,
    pub is_shared: bool,
    /// The page's own word, once it was written.
    pub own: Option<u64>,
}

/// One word a page: the model of all memory.
#[derive(Default)]
pub struct Model {
    pub pages: BTreeMap<usize, Page>,
    pub objects: [[u64; OBJECT_PAGES]; OBJECTS],
    /// What each of them was before.
    history: BTreeMap<(usize, usize), Vec<u64>>,
}

impl Model {
    /// The word of a page that may be accessed so by a program.
    fn page(&self, page: usize, access: Access) -> Option<Page> {
        let found = self.pages.get(&page).copied()?;
        let permissions = found.permissions;
        (permissions.contains(Permissions::USER) && permissions.allow(access)).then_some(found)
    }

    /// Whether an access that reads the page may answer this.
    fn accepts(&mut self, page: usize, word: u64) -> bool {
        let Some(found) = self.page(page, Access::Read) else {
            return false;
        };
        match (found.own, found.shows) {
            (Some(own), _) => word == own,
            (None, None) => word == 0,
            (None, Some((object, at))) if word == self.objects[object][at] => true,
            // A private page may have been copied at any time before.
            (None, Some(shown)) if !found.is_shared => {
                let was_so = self
                    .history
                    .get(&shown)
                    .is_some_and(|before| before.contains(&word));
                self.pages
                    .entry(page)
                    .and_modify(|page| page.own = Some(word));
                was_so
            }
            _ => false,
        }
    }

    /// Whether that may be written.
    fn set(&mut self, page: usize, word: u64) -> bool {
        let Some(found) = self.page(page, Access::Write) else {
            return false;
        };
        match found.shows {
            Some((object, at)) if found.is_shared => {
                let before = core::mem::replace(&mut self.objects[object][at], word);
                self.history.entry((object, at)).or_default().push(before);
            }
            _ => {
                let entry = self.pages.get_mut(&page);
                entry.unwrap().own = Some(word);
            }
        }
        true
    }
}

/// A process: its space, its model, and the kernel's objects.
pub struct ProcessOn<B: Mmu> {
    pub kernel: Kernel,
    pub space: RefCell<Space<B>>,
    pub model: RefCell<Model>,
    /// Where the last access was: in the middle of it, others are likely to be there, too.
    pub hot: Cell<usize>,
    /// The page cache.
    objects: RefCell<BTreeMap<(usize, usize), Frame>>,
}

/// What became of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    Done(T),
    Refused,
    /// There was no frame.
    OutOfFrames,
    /// Another CPU is at the page.
    Busy,
}

pub fn addr(page: usize) -> VirtAddr {
    // In the second word, so that offsets within a page count.
    VirtAddr::new(page * PAGE + 8)
}

impl<B: Mmu> ProcessOn<B> {
    pub fn new(setting: Setting) -> Self {
        let kernel = Kernel::new(setting);
        let space = Space::for_payload(B::make(&kernel, setting));
        B::start(&kernel, &space);
        Self {
            kernel,
            space: RefCell::new(space),
            model: RefCell::default(),
            hot: Cell::default(),
            objects: RefCell::default(),
        }
    }

    /// The object's page, with its word in it.
    fn object(&self, key: (usize, usize)) -> Option<Frame> {
        if let Some(frame) = self.objects.borrow().get(&key) {
            return Some(self.kernel.0.machine.share_frame(frame).unwrap());
        }
        let frame = self.kernel.alloc()?;
        // Another CPU may have been quicker, in the middle of that.
        if self.objects.borrow().contains_key(&key) {
            self.kernel.release(frame, false);
            return self.object(key);
        }
        self.fill(&frame, self.model.borrow().objects[key.0][key.1]);
        self.objects.borrow_mut().insert(key, frame);
        self.object(key)
    }

    /// Writes a frame by physical addresses, as the kernel's own mapping would.
    fn fill(&self, frame: &Frame, word: u64) {
        let cpu = self.kernel.0.machine.cpu(usize::MAX);
        let at =
            |offset: usize| VirtAddr::new(usize::try_from(frame.addr().get()).unwrap() + offset);
        for offset in (0..FRAME_SIZE).step_by(8) {
            cpu.store_u64(at(offset), if offset == 8 { word } else { 0 })
                .unwrap();
        }
    }

    /// Resolves a fault, as a kernel does; false when it was refused.
    fn fault(&self, vaddr: VirtAddr, access: Access) -> Outcome<()> {
        let space = self.space.borrow();
        let ticket = match space.handle_fault(vaddr, access, Privilege::User) {
            Ok(Answer::Resolved { .. } | Answer::Spurious { .. }) => return Outcome::Done(()),
            Ok(Answer::NeedsFrame {
                ticket,
                map,
                offset,
            }) => {
                let page = usize::try_from(offset).unwrap() / PAGE;
                (ticket, (map.payload().0, page))
            }
            Err(FaultError::OutOfFrames { .. }) => return Outcome::OutOfFrames,
            Err(FaultError::NotMapped { .. } | FaultError::Denied { .. }) => {
                return Outcome::Refused;
            }
            Err(error) => panic!("{error}"),
        };
        let Some(frame) = self.object(ticket.1) else {
            return Outcome::OutOfFrames;
        };
        match space.supply(ticket.0, frame) {
            Ok(_) => Outcome::Done(()),
            Err(lost) => {
                assert!(!lost.is_stale(), "the layout cannot have changed");
                let is_out = matches!(lost.error(), Some(MapError::OutOfFrames { .. }));
                assert_eq!(lost.found().is_some(), !is_out, "{lost}");
                self.kernel.release(lost.into_frame(), false);
                if is_out {
                    Outcome::OutOfFrames
                } else {
                    Outcome::Done(())
                }
            }
        }
    }

    /// Tries until it is done, resolving faults.
    fn retry<T>(
        &self,
        cpu: usize,
        access: Access,
        vaddr: VirtAddr,
        mut access_it: impl FnMut() -> Option<T>,
    ) -> Outcome<T> {
        self.hot.set(vaddr.get() / PAGE);
        for _ in 0..12 {
            if self.space.borrow().backend().entry(vaddr) == Entry::Busy {
                // The CPU that this one has come in between is at that page: it would be waited for.
                return Outcome::Busy;
            }
            self.kernel.0.cpu.set(cpu);
            if let Some(answer) = access_it() {
                return Outcome::Done(answer);
            }
            self.kernel.0.cpu.set(cpu);
            match self.fault(vaddr, access) {
                Outcome::Done(()) => {}
                Outcome::Refused => return Outcome::Refused,
                Outcome::OutOfFrames => return Outcome::OutOfFrames,
                Outcome::Busy => return Outcome::Busy,
            }
        }
        panic!("a fault that comes back for ever: {access:?} at {vaddr}");
    }

    /// Asserts that the model allows no such access.
    fn was_right_to_refuse(&self, page: usize, access: Access) {
        let allowed = self.model.borrow().page(page, access);
        assert_eq!(allowed, None, "page {page}");
    }

    /// A program loads a word.
    pub fn load(&self, cpu: usize, page: usize) {
        let vaddr = addr(page);
        let got = self.retry(cpu, Access::Read, vaddr, || {
            let word = B::load(&self.space.borrow(), &self.kernel, cpu, vaddr)?;
            Some((word, self.model.borrow_mut().accepts(page, word)))
        });
        match got {
            Outcome::Done((word, is_right)) => assert!(is_right, "page {page}: {word}"),
            Outcome::Refused => self.was_right_to_refuse(page, Access::Read),
            Outcome::OutOfFrames | Outcome::Busy => {}
        }
    }

    /// A program stores a word.
    pub fn store(&self, cpu: usize, page: usize, word: u64) {
        let vaddr = addr(page);
        let done = self.retry(cpu, Access::Write, vaddr, || {
            B::store(&self.space.borrow(), &self.kernel, cpu, vaddr, word)?;
            Some(self.model.borrow_mut().set(page, word))
        });
        match done {
            Outcome::Done(may) => assert!(may, "page {page}"),
            Outcome::Refused => self.was_right_to_refuse(page, Access::Write),
            Outcome::OutOfFrames | Outcome::Busy => {}
        }
    }

    /// The kernel reads a word for the program.
    pub fn read(&self, cpu: usize, page: usize) {
        let vaddr = addr(page);
        let got = self.retry(cpu, Access::Read, vaddr, || {
            let mut bytes = [0; 8];
            match self.space.borrow().read(vaddr, &mut bytes, Privilege::User) {
                Ok(()) => {
                    let word = u64::from_ne_bytes(bytes);
                    Some((word, self.model.borrow_mut().accepts(page, word)))
                }
                Err(stopped) => {
                    assert!(
                        matches!(stopped.why, Stop::Fault | Stop::Refused(_)),
                        "{stopped}"
                    );
                    None
                }
            }
        });
        match got {
            Outcome::Done((word, is_right)) => assert!(is_right, "page {page}: {word}"),
            Outcome::Refused => self.was_right_to_refuse(page, Access::Read),
            Outcome::OutOfFrames | Outcome::Busy => {}
        }
    }

    /// The kernel writes a word for the program.
    pub fn write(&self, cpu: usize, page: usize, word: u64) {
        let vaddr = addr(page);
        let done = self.retry(cpu, Access::Write, vaddr, || {
            match self
                .space
                .borrow()
                .write(vaddr, &word.to_ne_bytes(), Privilege::User)
            {
                Ok(()) => Some(self.model.borrow_mut().set(page, word)),
                Err(stopped) => {
                    assert!(
                        matches!(stopped.why, Stop::Fault | Stop::Refused(_)),
                        "{stopped}"
                    );
                    None
                }
            }
        });
        match done {
            Outcome::Done(may) => assert!(may, "page {page}"),
            Outcome::Refused => self.was_right_to_refuse(page, Access::Write),
            Outcome::OutOfFrames | Outcome::Busy => {}
        }
    }

    /// Maps anonymous memory, or an object's pages.
    pub fn map(
        &self,
        first: usize,
        count: usize,
        permissions: Permissions,
        shows: Option<(usize, usize)>,
        is_shared: bool,
    ) {
        let area = pages(first, count);
        let map = match shows {
            None => VirtualMemoryMap::anonymous(area, permissions)
                .unwrap()
                .with_payload(Object(0)),
            Some((object, at)) => {
                let offset = (at * PAGE) as u64;
                let map = VirtualMemoryMap::provided(area, offset, permissions, is_shared);
                map.unwrap().with_payload(Object(object))
            }
        };
        let mapped = self.space.borrow_mut().replace_memory_map(map);
        if mapped.is_err() {
            return;
        }
        let mut model = self.model.borrow_mut();
        for n in 0..count {
            let shows = shows.map(|(object, at)| (object, at + n));
            model.pages.insert(
                first + n,
                Page {
                    permissions,
                    shows,
                    is_shared,
                    own: None,
                },
            );
        }
    }

    pub fn unmap(&self, area: MemoryArea) {
        let done = self.space.borrow_mut().unmap(area);
        if done.is_ok() {
            let pages = numbers(area);
            self.model
                .borrow_mut()
                .pages
                .retain(|page, _| !pages.contains(page));
        }
    }

    pub fn protect(&self, area: MemoryArea, permissions: Permissions) {
        let done = self.space.borrow_mut().protect(area, permissions);
        let mut model = self.model.borrow_mut();
        if done.is_ok() {
            for page in numbers(area) {
                model.pages.get_mut(&page).unwrap().permissions = permissions;
            }
        }
    }

    pub fn discard(&self, area: MemoryArea) {
        self.space.borrow_mut().discard(area).unwrap();
        let mut model = self.model.borrow_mut();
        for page in numbers(area) {
            model.pages.entry(page).and_modify(|page| page.own = None);
        }
    }

    pub fn remap(&self, from: usize, to: usize, count: usize) {
        let done = self
            .space
            .borrow_mut()
            .remap(pages(from, count), pages(to, count));
        if done.is_ok() && from != to {
            let mut model = self.model.borrow_mut();
            for n in 0..count {
                let page = model.pages.remove(&(from + n)).unwrap();
                model.pages.insert(to + n, page);
            }
        }
    }

    /// What must hold after every step.
    pub fn check(&self) {
        let space = self.space.borrow();
        space.check_invariants().unwrap();
        let stale = self.kernel.0.machine.stale();
        assert!(
            stale.is_none_or(|stale| stale.is_spurious),
            "{stale:?} {}",
            self.kernel.0.machine
        );
    }

    /// Ends it all; every frame is back then.
    pub fn end(self) {
        self.kernel.no_interrupts();
        let machine = self.kernel.0.machine.clone();
        B::stop(&self.kernel);
        drop(self.space);
        for (_, frame) in self.objects.into_inner() {
            assert_eq!(machine.frames().references(frame.addr()), 1);
            machine.release(frame, false);
        }
        assert_eq!(machine.frames().frames_in_use(), 0);
    }
}

fn numbers(area: MemoryArea) -> std::ops::RangeInclusive<usize> {
    area.start().get() / PAGE..=area.end().get() / PAGE
}
