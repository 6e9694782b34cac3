//! Page tables that the `x86_64` crate makes by random edits, read by our MMU in software.

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::mock::machine::{Cpu, Machine, Privilege, X86_64};
use kernel_vm::{Access, FRAME_SIZE, FrameAllocator as _, PhysAddr, VirtAddr};
use x86_64::structures::paging::mapper::{MappedPageTable, PageTableFrameMapping};
use x86_64::structures::paging::{
    FrameAllocator, Mapper, Page, PageTable, PageTableFlags, PhysFrame, Size4KiB,
};

use super::random_edits::{FIRST, PAGES, Random};
use super::subject::PAGE;

/// Frames for the peer's tables.
#[derive(Clone)]
struct Writer(HostFrames);

impl Writer {
    /// An empty table.
    #[expect(unsafe_code, reason = "a table is a frame of memory")]
    fn alloc(&self) -> PhysAddr {
        let at = self.0.alloc().unwrap().into_addr();
        // SAFETY: the frame is ours, and of this size.
        unsafe { self.0.reach(at).write_bytes(0, FRAME_SIZE) };
        at
    }
}

#[expect(unsafe_code, reason = "the promises of the trait")]
// SAFETY: `reach` answers a pointer to the bytes of a frame that is in use, and tables are.
unsafe impl PageTableFrameMapping for Writer {
    fn frame_to_pointer(&self, frame: PhysFrame) -> *mut PageTable {
        let at = PhysAddr::new(frame.start_address().as_u64());
        self.0.reach(at).cast().as_ptr()
    }
}

#[expect(unsafe_code, reason = "the promises of the trait")]
// SAFETY: each frame is handed out once.
unsafe impl FrameAllocator<Size4KiB> for Writer {
    fn allocate_frame(&mut self) -> Option<PhysFrame> {
        Some(frame(self.alloc().get()))
    }
}

fn frame(at: u64) -> PhysFrame {
    PhysFrame::containing_address(x86_64::PhysAddr::new(at))
}

fn page(number: usize) -> Page {
    Page::containing_address(x86_64::VirtAddr::new((number * PAGE) as u64))
}

/// What pointers allow: left to itself, the peer takes what the first page below was allowed.
const POINTER: PageTableFlags = PageTableFlags::PRESENT
    .union(PageTableFlags::WRITABLE)
    .union(PageTableFlags::USER_ACCESSIBLE);

/// What the peer was asked to map a page to.
type Asked = Option<(u64, PageTableFlags)>;

fn flags(random: &mut Random) -> PageTableFlags {
    let mut flags = PageTableFlags::PRESENT;
    for flag in [
        PageTableFlags::WRITABLE,
        PageTableFlags::USER_ACCESSIBLE,
        PageTableFlags::NO_EXECUTE,
    ] {
        flags.set(flag, random.below(2) == 0);
    }
    flags
}

/// Whether the manual lets this access happen ('Access Rights', with WP set, and SMEP and SMAP clear).
fn allows(flags: PageTableFlags, who: Privilege, access: Access) -> bool {
    let reaches = who == Privilege::Supervisor || flags.contains(PageTableFlags::USER_ACCESSIBLE);
    reaches
        && match access {
            Access::Read => true,
            Access::Write => flags.contains(PageTableFlags::WRITABLE),
            Access::Execute => !flags.contains(PageTableFlags::NO_EXECUTE),
        }
}

/// Looks at each page as a CPU with nothing cached does.
fn compare(cpu: Cpu<'_, X86_64>, asked: &[Asked]) -> usize {
    for (page, asked) in (FIRST..).zip(asked) {
        for who in [Privilege::User, Privilege::Supervisor] {
            cpu.set_privilege(who);
            for access in [Access::Read, Access::Write, Access::Execute] {
                let seen = cpu.look(VirtAddr::new(page * PAGE + 0x123), access).fresh;
                let expected = asked.filter(|&(_, flags)| allows(flags, who, access));
                let expected = expected.map(|(first, _)| PhysAddr::new(first + 0x123));
                assert_eq!(seen.ok(), expected, "page {page}, {who:?}, {access:?}");
            }
        }
    }
    asked.iter().flatten().count()
}

/// Maps the page elsewhere, gives it other flags, or unmaps it.
#[expect(unsafe_code, reason = "the peer's promises")]
fn edit(
    table: &mut MappedPageTable<'_, Writer>,
    frames: &mut Writer,
    number: usize,
    asked: &mut Asked,
    (at, flags): (u64, PageTableFlags),
    is_mapped: bool,
) {
    match asked {
        None if is_mapped => {
            // SAFETY: nobody uses the memory behind the page.
            let mapped = unsafe {
                table.map_to_with_table_flags(page(number), frame(at), flags, POINTER, frames)
            };
            mapped.unwrap().ignore();
            *asked = Some((at, flags));
        }
        Some((_, old)) if is_mapped => {
            // SAFETY: as above.
            let updated = unsafe { table.update_flags(page(number), flags) };
            updated.unwrap().ignore();
            *old = flags;
        }
        Some(_) => {
            let (_, flush) = table.unmap(page(number)).unwrap();
            flush.ignore();
            *asked = None;
        }
        None => {}
    }
}

#[test]
#[expect(unsafe_code, reason = "the machine's promise, and the peer's")]
fn our_machine_reads_what_the_x86_64_crate_maps() {
    let mut mapped = 0;
    for seed in 1..=20 {
        let random = &mut Random(seed);
        let mut frames = Writer(HostFrames::new(64));
        let root = frames.alloc();
        let top = frames.frame_to_pointer(frame(root.get()));
        // SAFETY: the table is ours, and outlives its borrow.
        let top = unsafe { &mut *top };
        // SAFETY: all tables are frames of these.
        let mut table = unsafe { MappedPageTable::new(top, frames.clone()) };
        // SAFETY: no CPU stores, and none walks while the peer writes a table.
        let machine = unsafe { Machine::with_architecture(frames.0.clone(), seed, X86_64::new()) };
        let cpu = machine.cpu(0);
        cpu.write_cr3(root.get());
        cpu.set_wp(true);
        cpu.set_paging(true);
        let mut asked: Vec<Asked> = vec![None; PAGES];
        for _ in 0..40 {
            let (first, count) = if random.below(4) == 0 {
                (512, 512)
            } else {
                (FIRST + random.below(PAGES - 8), 1 + random.below(8))
            };
            let is_mapped = random.below(4) > 0;
            let base = (random.below(2) * (1 << 30)) as u64;
            let flags = flags(random);
            for number in first..first + count {
                let to = (base + (number * PAGE) as u64, flags);
                let asked = &mut asked[number - FIRST];
                edit(&mut table, &mut frames, number, asked, to, is_mapped);
            }
            mapped += compare(cpu, &asked);
        }
    }
    assert!(mapped > 100_000, "{mapped} pages were read");
}
