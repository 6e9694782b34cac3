//! Page tables that the crate makes by random edits, read by the crate, by the machine and by another author's MMU; and
//! what they were asked for.

use std::mem::ManuallyDrop;

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::mock::machine::Machine;
use kernel_vm::backend::radix::{AccessedDirty, Features, Format, Radix};
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{Access, Asid, Attributes, MemoryArea, Permissions, PhysAddr, VirtAddr};

use crate::asked::Asked;
use crate::author::{Author, Path, Question, walk};
use crate::compare::{differences_on, ours};
use crate::isa::{Isa, span};
use crate::junk::ALL;
use crate::low::sit;
use crate::random::Random;
use crate::tables::Tables;
use crate::world::read;

const TABLES: u64 = 24;
const EDITS: usize = 40;
const PAGE: usize = 4096;

/// A page table of the crate, on a machine of CPUs that the author's are like.
type Subject<I> = Radix<<I as Isa>::Format, Machine<<I as Isa>::Cpus>>;

#[derive(Debug, Default)]
struct Tally {
    asked: usize,
    mapped: usize,
    large: usize,
    edits: usize,
}

/// Edits page tables at random and wants one answer of three: of lower halves, of kernels' tables, and of each policy.
pub fn agree_on_ours<I: Isa, A: Author<I>>(seat: usize) {
    sit(seat);
    let mut tally = Tally::default();
    for seed in 0..TABLES {
        let random = &mut Random::new(seed);
        let cpus = I::as_asked_for(A::cpus(random));
        let machine = machine::<I>(cpus, seed);
        let policy = I::POLICIES[seed as usize % 2];
        // One that was read wrong is not torn down: whoever follows its words may well panic, too.
        let mut table = ManuallyDrop::new(table::<I>(&machine, policy, seed % 3 == 2));
        let mut author = A::new(cpus);
        let mut asked = Asked::default();
        for _ in 0..EDITS {
            let edit = any_edit::<I>(random, &table);
            if table.edit(edit, Asid::new(0)).is_ok() {
                asked.note(edit);
                tally.edits += 1;
            }
            let area = area_of(edit);
            let inside = area.start().get() + random.below(area.size());
            let places = borders(area, inside);
            look::<I, A>(&machine, &table, &mut author, places, random, &mut tally);
            let its_own = places
                .into_iter()
                .filter(|&place| is_its_own::<I>(&table, place));
            its_own.for_each(|place| is_as_asked::<I, A>(&machine, &table, &asked, place));
        }
        I::stop(machine.cpu(0));
        drop(ManuallyDrop::into_inner(table));
    }
    println!("{} reads ours of {}: {tally:?}", A::NAME, I::NAME);
    let Tally {
        asked: _,
        mapped,
        large,
        edits,
    } = tally;
    assert!(mapped > 2_000 && large > 500 && edits > 200, "{tally:?}");
}

#[expect(unsafe_code, reason = "a machine writes any of its frames")]
fn machine<I: Isa>(cpus: I::Cpus, seed: u64) -> Machine<I::Cpus> {
    // SAFETY: the machine's CPUs load, and store nothing.
    unsafe { Machine::with_architecture(HostFrames::new(1024), seed, cpus) }
}

fn table<I: Isa>(machine: &Machine<I::Cpus>, policy: AccessedDirty, is_kernel: bool) -> Subject<I> {
    let features = Features::new().with_gib_leaves(true).with_physical_bits(40);
    let features = features.with_accessed_dirty(policy);
    if is_kernel {
        let size = 3 * span(I::LEVELS - 1) as usize;
        let area = MemoryArea::new(
            VirtAddr::new(usize::MAX - size + 1),
            VirtAddr::new(usize::MAX),
        );
        return Radix::kernel(machine.clone(), features, area.unwrap()).unwrap();
    }
    Radix::with_features(machine.clone(), features).unwrap()
}

/// Permissions that every format can say.
fn any_permissions(random: &mut Random) -> Permissions {
    let user = random.one_of(&[Permissions::empty(), Permissions::USER]);
    let (read, write, execute) = (Permissions::READ, Permissions::WRITE, Permissions::EXECUTE);
    let all = [
        Permissions::empty(),
        read,
        read | write,
        read | execute,
        read | write | execute,
    ];
    random.one_of(&all) | user
}

/// Pages near an end of a half, or near a border of an entry of any level.
fn any_area<F: Format>(random: &mut Random, ranges: &[MemoryArea]) -> Option<MemoryArea> {
    let range = random.one_of(ranges);
    let large = span(random.below(3)) as usize;
    let anchor = match random.below(4) {
        0 => range.start().get(),
        1 => range.start().get() + large,
        2 => range.end().get() - (large - 1),
        _ => range.start().get() + span(F::LEVELS - 1) as usize,
    };
    let pages = random.one_of(&[1, 1, 2, 7, 8, 511, 512, 513, 1024, 512 * 512]);
    let before = random.one_of(&[0, 0, 1, 3, 512]);
    let start = VirtAddr::new(anchor.wrapping_sub(before * PAGE));
    let area = MemoryArea::from_start_size(start, pages * PAGE).ok()?;
    range.contains_area(area).then_some(area)
}

fn any_edit<I: Isa>(random: &mut Random, table: &Subject<I>) -> Edit {
    loop {
        let Some(area) = any_area::<I::Format>(random, table.ranges()) else {
            continue;
        };
        return match random.below(8) {
            0 => Edit::Unmap(area),
            1 | 2 => Edit::Protect(area, any_permissions(random)),
            _ => Edit::Map(Run {
                area,
                first: any_memory(random, area),
                attributes: Attributes::from(any_permissions(random)),
            }),
        };
    }
}

/// Memory that is aligned as the area is, but for one in four.
fn any_memory(random: &mut Random, area: MemoryArea) -> PhysAddr {
    let within = area.start().get() as u64 % span(2);
    let off = if random.one_in(4) {
        random.below(512)
    } else {
        0
    };
    PhysAddr::new(span(2) * random.below(512) as u64 + within + (off * PAGE) as u64)
}

/// The pages that an edit speaks of.
fn area_of(edit: Edit) -> MemoryArea {
    match edit {
        Edit::Unmap(area) | Edit::Protect(area, _) | Edit::Map(Run { area, .. }) => area,
        edit => panic!("no such edit is made: {edit:?}"),
    }
}

/// Addresses at the borders of an area, without and within, and one inside.
fn borders(area: MemoryArea, inside: usize) -> [VirtAddr; 5] {
    let (start, end) = (area.start().get(), area.end().get());
    let (before, after) = (start.wrapping_sub(PAGE), end.wrapping_add(1));
    [start, before, end, after, inside].map(VirtAddr::new)
}

/// Whether an address is reached through this page table, and through no other.
fn is_its_own<I: Isa>(table: &Subject<I>, addr: VirtAddr) -> bool {
    I::Format::ONE_ROOT || table.ranges().iter().any(|range| range.contains(addr))
}

/// Asks the machine and the author, in three modes.
fn look<I: Isa, A: Author<I>>(
    machine: &Machine<I::Cpus>,
    table: &Subject<I>,
    author: &mut A,
    places: [VirtAddr; 5],
    random: &mut Random,
    tally: &mut Tally,
) {
    let root = table.root().get();
    let tables = read::<I>(machine, table.root());
    author.load(root, &tables);
    for mode in [I::plain(false), I::plain(true), A::mode(random)] {
        I::enter(machine.cpu(0), root, mode);
        author.enter(mode);
        let places = places.into_iter();
        let asked =
            places.filter(|addr| !A::IS_CANONICAL_ONLY || I::is_canonical(addr.get() as u64));
        for (addr, access) in asked.flat_map(|addr| ALL.map(|access| (addr, access))) {
            let question = (addr, access, mode);
            agree::<I, A>(machine, (root, &tables), author, question, tally);
        }
    }
}

/// The machine and the author agree, and nothing on the way is read differently.
fn agree<I: Isa, A: Author<I>>(
    machine: &Machine<I::Cpus>,
    (root, tables): (u64, &Tables),
    author: &mut A,
    (addr, access, mode): (VirtAddr, Access, I::Mode),
    tally: &mut Tally,
) {
    let vaddr = addr.get() as u64;
    let question = Question {
        vaddr,
        access,
        mode,
    };
    let steps = walk::<I>(tables, root, vaddr);
    let path = Path {
        steps: steps.clone(),
        empty: 0,
    };
    assert_eq!(
        differences_on::<I, A>(&question, path),
        [""; 0],
        "{steps:x?}"
    );
    let theirs = author.ask(vaddr, access);
    let ours = ours::<I, A>(machine, &question);
    assert_eq!(
        theirs,
        ours,
        "{} reads {}: {question:x?} {steps:x?}",
        A::NAME,
        I::NAME
    );
    tally.asked += 1;
    tally.mapped += usize::from(theirs.is_ok());
    let is_large = steps.last().is_some_and(|step| step.level > 0);
    tally.large += usize::from(theirs.is_ok() && is_large);
}

/// The crate says of a page what was asked for, and the machine does as the crate says.
fn is_as_asked<I: Isa, A: Author<I>>(
    machine: &Machine<I::Cpus>,
    table: &Subject<I>,
    asked: &Asked,
    addr: VirtAddr,
) {
    let said = match table.entry(addr) {
        Entry::Leaf(run) | Entry::Hidden(run) => {
            Some((run.translate(addr).unwrap(), run.attributes.permissions))
        }
        _ => None,
    };
    assert_eq!(said, asked.at(addr), "{addr}");
    for (is_user, access) in [true, false]
        .into_iter()
        .flat_map(|user| ALL.map(|one| (user, one)))
    {
        let mode = I::plain(is_user);
        I::enter(machine.cpu(0), table.root().get(), mode);
        let vaddr = addr.get() as u64;
        let question = Question {
            vaddr,
            access,
            mode,
        };
        let seen = ours::<I, A>(machine, &question).ok();
        let is_software = table.features().accessed_dirty == AccessedDirty::Software;
        let may_fault = is_software && seen.is_none();
        let is_right = answers(said, is_user, access).is_none_or(|expected| seen == expected);
        assert!(is_right || may_fault, "{said:?}: {question:x?} {seen:x?}");
    }
}

/// Where an access leads, if anywhere, in the mode for which the page is; user mode gets nowhere else. Nothing is said
/// of the kernel in user mode's pages. Where software keeps accessed and dirty bits, what is allowed may fault, too.
fn answers(
    page: Option<(PhysAddr, Permissions)>,
    is_user: bool,
    access: Access,
) -> Option<Option<u64>> {
    let Some((at, permissions)) = page else {
        return Some(None);
    };
    let is_for_user = permissions.contains(Permissions::USER);
    let is_allowed = permissions.allow(access) && is_for_user == is_user;
    let is_told = is_user || !is_for_user || !permissions.allow_any();
    is_told.then_some(is_allowed.then_some(at.get()))
}
