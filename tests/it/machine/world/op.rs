//! What happens in a world, as bytes have it: any bytes are operations.

use kernel_vm::{FRAME_SIZE, MemoryArea, Permissions, VirtAddr};

const LARGE: usize = 512 * FRAME_SIZE;

/// Pages on both sides of a border of 1 GiB.
const BASE: usize = (1 << 30) - 8 * FRAME_SIZE;
const PAGES: usize = 16;

/// In the upper half of every format, so that the first pages end a table.
const KERNEL: usize = 0xffff_ffff_c020_0000 - 4 * FRAME_SIZE;

/// The bytes of an operation.
pub type Bytes = [u8; 6];

#[derive(Clone, Copy, Debug)]
pub struct Op {
    pub verb: Verb,
    /// A CPU, a space, a map: whatever the verb wants.
    pub number: usize,
    pub area: MemoryArea,
    pub other: MemoryArea,
    pub permissions: Permissions,
}

#[derive(Clone, Copy, Debug)]
pub enum Verb {
    Switch(usize),
    /// Nothing but what CPUs do between operations.
    Access,
    Add,
    Replace,
    Unmap,
    Protect,
    UnmapDeferred,
    ProtectDeferred,
    Settle,
    /// The handler of a fault, whose CPU holds the lock of the space as others do.
    Fault,
    Remap,
    Populate,
    Remove(usize),
    RemoveAll,
    RemoveAllAndRestore,
    Install,
    Exchange,
    /// A space goes, and another comes.
    Renew,
    MapKernel,
    UnmapKernel,
    ProtectKernel,
    InstallKernel,
    ExchangeKernel,
}

impl Verb {
    fn new(byte: usize, number: usize) -> Self {
        match byte % 60 {
            0..=9 => Self::Switch(number),
            10..=13 => Self::Access,
            14..=15 => Self::Add,
            16..=19 => Self::Replace,
            20..=21 => Self::Unmap,
            22..=24 => Self::Protect,
            25..=27 => Self::Remap,
            28 => Self::Populate,
            29 => Self::Remove(number),
            30 if number % 4 == 0 => Self::RemoveAll,
            30 => Self::RemoveAllAndRestore,
            31..=35 => Self::Install,
            36..=38 => Self::Exchange,
            39 => Self::Renew,
            40..=41 => Self::MapKernel,
            42 => Self::UnmapKernel,
            43..=44 => Self::ProtectKernel,
            45..=46 => Self::InstallKernel,
            47 => Self::ExchangeKernel,
            48..=51 => Self::UnmapDeferred,
            52..=55 => Self::ProtectDeferred,
            56..=57 => Self::Settle,
            _ => Self::Fault,
        }
    }

    /// Whether nothing waits in its space when it has returned, be it by a refusal.
    pub fn settles(self) -> bool {
        matches!(
            self,
            Self::Add
                | Self::Replace
                | Self::Unmap
                | Self::Protect
                | Self::Remap
                | Self::Populate
                | Self::Remove(_)
                | Self::RemoveAll
                | Self::RemoveAllAndRestore
                | Self::Settle
        )
    }
}

impl Op {
    pub fn new(bytes: Bytes) -> Self {
        let [verb, number, first, second, size, permissions] = bytes.map(usize::from);
        Self {
            verb: Verb::new(verb, second),
            number,
            area: place(first, size),
            other: place(second, size),
            permissions: [
                Permissions::empty(),
                Permissions::READ,
                Permissions::READ | Permissions::WRITE,
                Permissions::READ | Permissions::EXECUTE,
            ][permissions % 4],
        }
    }

    /// An address that it speaks of.
    pub fn hot(&self) -> VirtAddr {
        match self.verb {
            Verb::MapKernel
            | Verb::UnmapKernel
            | Verb::ProtectKernel
            | Verb::InstallKernel
            | Verb::ExchangeKernel => self.kernel_area().start(),
            Verb::Remap => self.other.start(),
            _ => self.area.start(),
        }
    }

    /// The same area, in the kernel's half.
    pub fn kernel_area(&self) -> MemoryArea {
        let offset = self.area.start().get() % (8 * FRAME_SIZE);
        area(KERNEL + offset, self.area.size().min(4 * FRAME_SIZE))
    }
}

/// Some pages, or a part of a 2 MiB block, which is mapped by one leaf when all of it is.
fn place(place: usize, size: usize) -> MemoryArea {
    let pages = 1 + size % 4;
    if place % 4 != 0 {
        let first = place / 4 % (PAGES - 3);
        return area(BASE + first * FRAME_SIZE, pages * FRAME_SIZE);
    }
    let block = BASE + 8 * FRAME_SIZE + (1 + place / 4 % 2) * LARGE;
    match place / 8 % 4 {
        0..=1 => area(block, LARGE),
        2 => area(block, pages * FRAME_SIZE),
        _ => area(block + 3 * FRAME_SIZE, pages * FRAME_SIZE),
    }
}

fn area(start: usize, size: usize) -> MemoryArea {
    MemoryArea::from_start_size(VirtAddr::new(start), size).unwrap()
}

/// Pages that are looked at after every operation: of all places there are.
pub fn sample() -> impl Iterator<Item = VirtAddr> {
    let pages = (0..PAGES).map(|page| BASE + page * FRAME_SIZE);
    let block = BASE + 8 * FRAME_SIZE + LARGE;
    let blocks = [0, 1, 4, 511, 512, 515].map(|page| block + page * FRAME_SIZE);
    let kernel = (0..12).map(|page| KERNEL + page * FRAME_SIZE);
    pages.chain(blocks).chain(kernel).map(VirtAddr::new)
}

/// The first page that operations speak of.
pub fn first_page() -> MemoryArea {
    area(BASE, FRAME_SIZE)
}

/// What every kernel's page table of these worlds covers.
pub fn kernel_area() -> MemoryArea {
    area(KERNEL, 12 * FRAME_SIZE)
}

/// Whether an address is the kernel's.
pub fn is_kernel(addr: VirtAddr) -> bool {
    addr.get() >= KERNEL
}
