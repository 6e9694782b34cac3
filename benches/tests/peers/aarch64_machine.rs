//! Page tables that `aarch64-paging` makes by random edits, read by our MMU in software.

use std::mem::forget;
use std::ptr::NonNull;

use aarch64_paging::descriptor::{El1Attributes, PhysicalAddress};
use aarch64_paging::paging::{
    Constraints, El1And0, MemoryRegion, PageTable, RootTable, Translation, VaRange,
};
use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::mock::machine::{AArch64, Cpu, Machine, Privilege};
use kernel_vm::{Access, FRAME_SIZE, FrameAllocator, PhysAddr, VirtAddr};

use super::random_edits::{FIRST, PAGES, Random};
use super::subject::PAGE;

/// Frames for the peer's tables.
struct Writer(HostFrames);

impl Translation<El1Attributes> for Writer {
    #[expect(unsafe_code, reason = "a table is a frame of memory")]
    fn allocate_table(&mut self) -> (NonNull<PageTable<El1Attributes>>, PhysicalAddress) {
        let at = self.0.alloc().unwrap().into_addr();
        let table = self.0.reach(at);
        // SAFETY: the frame is ours, and of this size.
        unsafe { table.write_bytes(0, FRAME_SIZE) };
        (
            table.cast(),
            PhysicalAddress(usize::try_from(at.get()).unwrap()),
        )
    }

    /// It is leaked: nothing counts the frames of this test.
    #[expect(unsafe_code, reason = "the trait's")]
    unsafe fn deallocate_table(&mut self, _: NonNull<PageTable<El1Attributes>>) {}

    fn physical_to_virtual(&self, at: PhysicalAddress) -> NonNull<PageTable<El1Attributes>> {
        self.0.reach(PhysAddr::new(at.0 as u64)).cast()
    }
}

/// What the peer was asked to map a page to.
type Asked = Option<(usize, El1Attributes)>;

/// The bits of a leaf that decide who may do what: a page is executed by user mode, by the kernel, or by nobody.
fn rights(random: &mut Random) -> El1Attributes {
    let mut rights = El1Attributes::UXN | El1Attributes::PXN;
    rights.set(El1Attributes::READ_ONLY, random.below(2) == 0);
    rights.set(El1Attributes::USER, random.below(2) == 0);
    if random.below(2) == 0 {
        let runs = if rights.contains(El1Attributes::USER) {
            El1Attributes::UXN
        } else {
            El1Attributes::PXN
        };
        rights.remove(runs);
    }
    rights
}

/// Whether the manual lets this access happen ('Memory access control', stage 1, with PAN and WXN clear).
fn allows(rights: El1Attributes, who: Privilege, access: Access) -> bool {
    let is_user = rights.contains(El1Attributes::USER);
    let never = match who {
        Privilege::User => El1Attributes::UXN,
        Privilege::Supervisor => El1Attributes::PXN,
    };
    let reaches = is_user || who == Privilege::Supervisor;
    match access {
        Access::Read => reaches,
        Access::Write => reaches && !rights.contains(El1Attributes::READ_ONLY),
        Access::Execute => !rights.contains(never),
    }
}

/// Looks at each page as a CPU with nothing cached does.
fn compare(cpu: Cpu<'_, AArch64>, asked: &[Asked]) -> usize {
    for (page, asked) in (FIRST..).zip(asked) {
        for who in [Privilege::User, Privilege::Supervisor] {
            cpu.set_privilege(who);
            for access in [Access::Read, Access::Write, Access::Execute] {
                let addr = page * PAGE + 0x123;
                let seen = cpu.look(VirtAddr::new(addr), access).fresh;
                let expected = asked.filter(|&(_, rights)| allows(rights, who, access));
                let expected = expected.map(|(first, _)| PhysAddr::new(first as u64 + 0x123));
                assert_eq!(seen.ok(), expected, "page {page}, {who:?}, {access:?}");
            }
        }
    }
    asked.iter().flatten().count()
}

#[test]
#[expect(unsafe_code, reason = "the machine's promise")]
fn our_machine_reads_what_aarch64_paging_maps() {
    let leaf = El1Attributes::VALID
        | El1Attributes::ACCESSED
        | El1Attributes::NON_GLOBAL
        | El1Attributes::INNER_SHAREABLE;
    let mut mapped = 0;
    for seed in 1..=20 {
        let random = &mut Random(seed);
        let frames = HostFrames::new(64);
        let writer = Writer(frames.clone());
        let mut table = RootTable::with_va_range(writer, 0, El1And0, VaRange::Lower);
        // SAFETY: no CPU stores, and none walks while the peer writes a table.
        let machine = unsafe { Machine::with_architecture(frames, seed, AArch64::new()) };
        let cpu = machine.cpu(0);
        cpu.write_ttbr0(table.to_physical().0 as u64);
        cpu.set_mmu(true);
        let mut asked: Vec<Asked> = vec![None; PAGES];
        for _ in 0..40 {
            let (first, count) = if random.below(4) == 0 {
                (512, 512)
            } else {
                (FIRST + random.below(PAGES - 8), 1 + random.below(8))
            };
            let region = MemoryRegion::new(first * PAGE, (first + count) * PAGE);
            let is_mapped = random.below(4) > 0;
            let at = random.below(2) * (1 << 30) + first * PAGE;
            let rights = rights(random);
            let flags = if is_mapped {
                leaf | rights
            } else {
                El1Attributes::empty()
            };
            // Where nothing is mapped the peer ignores this, but may subtract from it.
            table
                .map_range(&region, PhysicalAddress(at), flags, Constraints::empty())
                .unwrap();
            for page in 0..count {
                asked[first - FIRST + page] = is_mapped.then_some((at + page * PAGE, rights));
            }
            cpu.dsb_ish();
            mapped += compare(cpu, &asked);
        }
        // The machine's frames outlive its tables.
        forget(table);
    }
    assert!(mapped > 100_000, "{mapped} pages were read");
}
