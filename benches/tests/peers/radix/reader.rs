//! Our tables read in place by somebody else: `page-table-generic`, with the words of each architecture.

use std::marker::PhantomData;

use kernel_vm::{FrameAllocator as _, Permissions, PhysAddr};
use page_table_generic::{FrameAllocator, PageTableEntry, PageTableRef, TableMeta, VirtAddr};

use super::shape::{Shape, translated};
use super::witness::Witness;

/// A leaf as the peer has found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is, but for the bits that no table translates.
    pub start: usize,
    pub size: usize,
    pub first: PhysAddr,
    pub permissions: Permissions,
}

/// All valid leaves of the page table at `root`, in the order of their addresses.
pub fn read<F: Shape>(platform: &Witness, root: PhysAddr) -> Vec<Found> {
    match F::DEPTH {
        3 => read_levels::<F, 3>(platform, root),
        4 => read_levels::<F, 4>(platform, root),
        5 => read_levels::<F, 5>(platform, root),
        depth => panic!("a walk of {depth} tables"),
    }
}

/// An entry of a format, as the manual has it.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
struct Entry<F>(u64, PhantomData<F>);

impl<F: Shape> PageTableEntry for Entry<F> {
    type PteConfig = Permissions;

    fn new_page(_: page_table_generic::PhysAddr, _: Permissions, _: bool) -> Self {
        unreachable!("it only reads")
    }

    fn new_table(_: page_table_generic::PhysAddr) -> Self {
        unreachable!("it only reads")
    }

    fn paddr(&self, _is_dir: bool) -> page_table_generic::PhysAddr {
        let at = usize::try_from(F::leads(self.0).get()).unwrap();
        page_table_generic::PhysAddr::from_usize(at)
    }

    fn config(&self, _is_dir: bool) -> Permissions {
        F::allows(self.0)
    }

    fn present(&self) -> bool {
        self.0 & 1 != 0
    }

    fn huge(&self, is_dir: bool) -> bool {
        is_dir && F::pointed(self.0, 1).is_none()
    }

    fn unused(&self) -> bool {
        self.0 == 0
    }

    fn clear(&mut self) {
        unreachable!("it only reads")
    }
}

#[derive(Clone)]
struct Reader(Witness);

impl FrameAllocator for Reader {
    fn alloc_frame(&self) -> Option<page_table_generic::PhysAddr> {
        None
    }

    fn dealloc_frame(&self, _: page_table_generic::PhysAddr) {
        unreachable!("it only reads")
    }

    fn phys_to_virt(&self, at: page_table_generic::PhysAddr) -> *mut u8 {
        let at = PhysAddr::new(at.as_usize() as u64);
        self.0.frames.reach(at).as_ptr()
    }
}

/// The geometry of a format with as many levels of 9 bits each.
#[derive(Clone, Copy)]
struct Geometry<F, const LEVELS: usize>(PhantomData<F>);

impl<F: Shape, const LEVELS: usize> TableMeta for Geometry<F, LEVELS> {
    type P = Entry<F>;

    const PAGE_SIZE: usize = 4096;
    const LEVEL_BITS: &[usize] = &[9; LEVELS];
    const MAX_BLOCK_LEVEL: usize = 3;

    fn canonicalize_vaddr(vaddr: VirtAddr) -> VirtAddr {
        let unused = 64 - (12 + 9 * LEVELS);
        VirtAddr::from_usize(((vaddr.as_usize() << unused) as isize >> unused) as usize)
    }

    fn flush(_vaddr: Option<VirtAddr>) {}
}

#[expect(unsafe_code, reason = "the peer looks at tables that it does not own")]
fn read_levels<F: Shape, const LEVELS: usize>(platform: &Witness, root: PhysAddr) -> Vec<Found> {
    let root = page_table_generic::PhysAddr::from_usize(usize::try_from(root.get()).unwrap());
    // SAFETY: the root and all tables below are in frames that are in use, which `Reader` reaches; nobody changes them
    // while this view is there, and it is used to look only.
    let view = unsafe {
        PageTableRef::<Geometry<F, LEVELS>, Reader>::from_paddr(root, Reader(platform.clone()))
    };
    let leaves = view.walk_valid().map(|info| Found {
        start: translated::<F>(info.vaddr.as_usize()),
        size: 4096 << (9 * (info.level - 1)),
        first: PhysAddr::new(info.pte.paddr(info.level > 1).as_usize() as u64),
        permissions: info.pte.config(info.level > 1),
    });
    leaves.collect()
}
