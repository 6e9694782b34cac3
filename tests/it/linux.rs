//! The host's own kernel as the model: random mmap, munmap, mprotect and mremap, in a window that nobody else uses.
#![expect(unsafe_code, reason = "the host's memory is mapped, and never touched")]

use std::fs;
use std::io;
use std::ptr;

use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::{Entry, PageTableBackend};
use kernel_vm::{MapError, MemoryArea, Permissions, PhysAddr, VirtAddr};
use kernel_vm::{VirtualMemoryManager, VirtualMemoryMap};

const PAGE: usize = 4096;

/// Far below where Linux puts anything by itself, and in the lower half of Sv39.
const BASE: usize = 64 << 30;

const PAGES: usize = 64;

/// The longest operation, in pages.
const LONGEST: usize = 16;

/// How many operations a seed has.
const STEPS: usize = 2_500;

const SEEDS: [u64; 4] = [1, 0x9e37_79b9_7f4a_7c15, 20_250_101, 0xdead_beef];

/// What a page allows, and whether it is shared.
type View = (Permissions, bool);

/// All pages of the window; `None`: nothing is there.
type Views = [Option<View>; PAGES];

/// Pages of the window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Span {
    first: usize,
    count: usize,
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Map(Span, View),
    Unmap(Span),
    Protect(Span, Permissions),
    /// Linux moves pages of one of its regions, so `old` lies in one.
    Move {
        old: Span,
        new: Span,
    },
    /// Grows, or shrinks, to so many pages where it is.
    Resize {
        old: Span,
        count: usize,
    },
}

impl Span {
    fn end(self) -> usize {
        self.first + self.count
    }

    fn start(self) -> *mut libc::c_void {
        ptr::without_provenance_mut(BASE + self.first * PAGE)
    }

    fn bytes(self) -> usize {
        self.count * PAGE
    }

    fn area(self) -> MemoryArea {
        MemoryArea::from_start_size(VirtAddr::new(BASE + self.first * PAGE), self.bytes()).unwrap()
    }

    fn overlaps(self, other: Self) -> bool {
        self.first < other.end() && other.first < self.end()
    }
}

/// Small and good enough: xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(mixed).unwrap() % limit
    }

    /// Some pages of `whole`.
    fn part(&mut self, whole: Span) -> Span {
        let count = 1 + self.below(whole.count.min(LONGEST));
        let first = whole.first + self.below(whole.count - count + 1);
        Span { first, count }
    }

    fn span(&mut self) -> Span {
        self.part(Window::all())
    }

    fn permissions(&mut self) -> Permissions {
        let bits = u8::try_from(self.below(8)).unwrap();
        Permissions::from_bits_truncate(bits)
    }

    fn op(&mut self, regions: &[Span]) -> Op {
        let region = regions.get(self.below(regions.len().max(1)));
        match (self.below(16), region) {
            (0..5, _) | (_, None) => Op::Map(self.span(), (self.permissions(), self.below(2) == 0)),
            (5..8, _) => Op::Unmap(self.span()),
            (8..10, _) => Op::Protect(self.span(), self.permissions()),
            (10..12, Some(&region)) => Op::Protect(self.part(region), self.permissions()),
            (_, Some(&region)) => self.remap(region),
        }
    }

    fn remap(&mut self, region: Span) -> Op {
        let old = self.part(region);
        let new = self.span();
        if self.below(2) == 0 || new.overlaps(old) {
            let count = new.count.min(PAGES - old.first);
            return Op::Resize { old, count };
        }
        Op::Move { old, new }
    }
}

/// The window in the host's own address space.
struct Window;

impl Window {
    /// Takes the window, which must be free, and empties it.
    fn take() -> Self {
        let all = Self::all();
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        // SAFETY: nothing is replaced; at worst, an old kernel maps elsewhere, and the test ends.
        let at = unsafe { libc::mmap(all.start(), all.bytes(), libc::PROT_NONE, flags, -1, 0) };
        let error = io::Error::last_os_error();
        assert_eq!(
            at,
            all.start(),
            "the window at {BASE:#x} is not free: {error}"
        );
        Self
    }

    fn all() -> Span {
        Span {
            first: 0,
            count: PAGES,
        }
    }

    /// Does `op`; whether Linux did.
    fn apply(&self, op: Op) -> io::Result<()> {
        match op {
            Op::Map(span, view) => map(span, view),
            Op::Unmap(span) => unmap(span),
            Op::Protect(span, permissions) => protect(span, permissions),
            Op::Move { old, new } => remap(old, new, libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED),
            Op::Resize { old, count } => remap(old, Span { count, ..old }, 0),
        }
    }

    /// The regions in the window, as Linux divides it, and what each says.
    fn regions(&self) -> Vec<(Span, View)> {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().filter_map(region).collect()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = unmap(Self::all());
    }
}

/// What a line of `/proc/self/maps` says, if it speaks of the window.
fn region(line: &str) -> Option<(Span, View)> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let page = |addr| {
        usize::from_str_radix(addr, 16)
            .ok()?
            .checked_sub(BASE)
            .map(|at| at / PAGE)
    };
    let first = page(start)?;
    let letters = words.next()?;
    let bits = [
        ('r', Permissions::READ),
        ('w', Permissions::WRITE),
        ('x', Permissions::EXECUTE),
    ];
    let bits = bits
        .into_iter()
        .filter(|&(letter, _)| letters.contains(letter));
    let permissions = bits.map(|(_, bit)| bit).collect();
    let span = Span {
        first,
        count: page(end)? - first,
    };
    (first < PAGES).then_some((span, (permissions, letters.ends_with('s'))))
}

fn prot(permissions: Permissions) -> libc::c_int {
    let bits = [
        (Permissions::READ, libc::PROT_READ),
        (Permissions::WRITE, libc::PROT_WRITE),
        (Permissions::EXECUTE, libc::PROT_EXEC),
    ];
    let given = bits
        .into_iter()
        .filter(|&(bit, _)| permissions.contains(bit));
    given.fold(libc::PROT_NONE, |sum, (_, prot)| sum | prot)
}

/// 0 is well done, as most calls have it.
fn done(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The address that was asked for is well done, as mmap and mremap have it.
fn placed(at: *mut libc::c_void, span: Span) -> io::Result<()> {
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    assert_eq!(at, span.start());
    Ok(())
}

fn map(span: Span, (permissions, is_shared): View) -> io::Result<()> {
    let sharing = if is_shared {
        libc::MAP_SHARED
    } else {
        libc::MAP_PRIVATE
    };
    let flags = sharing | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE;
    let prot = prot(permissions);
    // SAFETY: the span lies in the window, where nobody keeps anything.
    placed(
        unsafe { libc::mmap(span.start(), span.bytes(), prot, flags, -1, 0) },
        span,
    )
}

fn unmap(span: Span) -> io::Result<()> {
    // SAFETY: the span lies in the window, where nobody keeps anything.
    done(unsafe { libc::munmap(span.start(), span.bytes()) })
}

fn protect(span: Span, permissions: Permissions) -> io::Result<()> {
    // SAFETY: the span lies in the window, where nobody keeps anything.
    done(unsafe { libc::mprotect(span.start(), span.bytes(), prot(permissions)) })
}

fn remap(old: Span, new: Span, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: both spans lie in the window, where nobody keeps anything. Without `MREMAP_FIXED` the last argument is
    // ignored, and without `MREMAP_MAYMOVE` nothing moves.
    placed(
        unsafe { libc::mremap(old.start(), old.bytes(), new.bytes(), flags, new.start()) },
        new,
    )
}

/// A space that follows Linux, in made-up physical memory that it takes a run at a time.
struct Follower<B: PageTableBackend> {
    space: VirtualMemoryManager<B>,
    free: u64,
}

impl<B: PageTableBackend> Follower<B> {
    fn new(backend: B) -> Self {
        Self {
            space: VirtualMemoryManager::new(backend),
            free: 1 << 40,
        }
    }

    /// A map of physical memory of its own; the page between it and the last keeps them apart.
    fn map(&mut self, span: Span, (permissions, is_shared): View) -> VirtualMemoryMap {
        let pmarea = MemoryArea::from_start_size(PhysAddr::new(self.free), span.bytes()).unwrap();
        self.free += (span.bytes() + PAGE) as u64;
        let permissions = widened(permissions) | Permissions::USER;
        VirtualMemoryMap::new(span.area(), pmarea, permissions, is_shared).unwrap()
    }

    fn view(&self, page: usize) -> Option<View> {
        let addr = VirtAddr::new(BASE + page * PAGE);
        let map = self.space.search_memory_map(addr)?;
        Some((map.permissions() - Permissions::USER, map.is_shared()))
    }

    fn apply(&mut self, op: Op) -> Result<(), MapError> {
        match op {
            Op::Map(span, view) => {
                let map = self.map(span, view);
                Ok(self.space.replace_memory_map(map)?)
            }
            Op::Unmap(span) => self.space.unmap(span.area()),
            Op::Protect(span, permissions) => {
                let permissions = widened(permissions) | Permissions::USER;
                self.space.protect(span.area(), permissions)
            }
            Op::Move { old, new } => self.relocate(old, new),
            Op::Resize { old, count } => self.resize(old, count),
        }
    }

    /// What a map cannot do, to grow, is done with a second one.
    fn relocate(&mut self, old: Span, new: Span) -> Result<(), MapError> {
        let view = self.view(old.first).unwrap();
        let count = new.count.min(old.count);
        self.space.remap(old.area(), Span { count, ..new }.area())?;
        if new.count > count {
            let (first, count) = (new.first + count, new.count - count);
            let tail = self.map(Span { first, count }, view);
            self.space.replace_memory_map(tail)?;
        }
        Ok(())
    }

    fn resize(&mut self, old: Span, count: usize) -> Result<(), MapError> {
        if count <= old.count {
            return self.space.remap(old.area(), Span { count, ..old }.area());
        }
        let view = self.view(old.first).unwrap();
        let (first, count) = (old.end(), count - old.count);
        let tail = self.map(Span { first, count }, view);
        Ok(self.space.add_memory_map(tail)?)
    }

    fn views(&self) -> Views {
        std::array::from_fn(|page| self.view(page))
    }

    /// Populates the window, and reads from the page table what user mode may do with each page.
    fn table(&self) -> [Permissions; PAGES] {
        self.space.populate(Window::all().area()).unwrap();
        self.space.check_invariants().unwrap();
        std::array::from_fn(|page| {
            let addr = VirtAddr::new(BASE + page * PAGE);
            match self.space.backend().entry(addr) {
                Entry::Leaf(run) => {
                    assert_eq!(run.translate(addr), self.space.translate_vaddr(addr));
                    run.attributes.permissions
                }
                Entry::Hidden(_) | Entry::Empty | Entry::Busy => Permissions::empty(),
            }
        })
    }

    /// Follows Linux, which did `op` or found no room, and then has `linux`.
    fn follow(&mut self, op: Op, linux_did: bool, linux: &Views) {
        match self.apply(op) {
            Ok(()) => assert!(linux_did),
            Err(error) => assert!(
                !linux_did && matches!(error, MapError::Overlap { .. }),
                "{error}"
            ),
        }
        assert_eq!(&self.views(), linux);
    }

    /// Looks at what the verbs since the last look have made of the page table.
    fn look(&self, linux: &Views) {
        let user = |(permissions, _): View| permissions | Permissions::USER;
        let allowed = |view: &Option<View>| view.map(user).filter(|user| user.allow_any());
        let expected = linux
            .each_ref()
            .map(|view| allowed(view).unwrap_or_default());
        assert_eq!(self.table(), expected);
    }

    /// Linux protects what comes before a hole and then fails; a verb of ours changes nothing and names the hole.
    fn refuse(&mut self, op: Op, span: Span, linux: &Views) {
        let is_hole = |page: &usize| linux[*page].is_none();
        let first = (span.first..span.end()).find(is_hole).unwrap();
        let count = (first..span.end()).take_while(is_hole).count();
        let hole = Span { first, count }.area();
        assert_eq!(self.apply(op), Err(MapError::NotMapped { hole }));
        assert_eq!(&self.views(), linux);
    }
}

/// RISC-V cannot say `-w-`, and Linux there maps `rw-` instead.
fn widened(permissions: Permissions) -> Permissions {
    if permissions.contains(Permissions::WRITE) {
        permissions | Permissions::READ
    } else {
        permissions
    }
}

/// Regions page by page, as RISC-V can say it.
fn views(regions: &[(Span, View)]) -> Views {
    let mut views = [None; PAGES];
    for &(span, (permissions, is_shared)) in regions {
        views[span.first..span.end()].fill(Some((widened(permissions), is_shared)));
    }
    views
}

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
        unmap(Window::all()).unwrap();
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
