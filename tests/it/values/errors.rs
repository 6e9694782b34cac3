//! The text of every error.

use kernel_vm::{AreaError, MapError, MemoryType, Permissions, PhysAddr, VirtAddr};

use super::phys;
use crate::subject::{PAGE, area};

#[test]
fn every_error_is_one_lower_case_line_with_hexadecimal_addresses() {
    let (virt, phys, size, align) = (area(0x1000, 0x1000), phys(0xa000, 0x2000), 0x123, PAGE);
    let permissions = Permissions::WRITE;
    let all = [
        (
            MapError::Area(AreaError::Empty { start: 0xab }),
            "area at 0xab is empty",
        ),
        (
            AreaError::Backwards {
                start: 0x20,
                end: 0x10,
            }
            .into(),
            "area ends at 0x10, before its start 0x20",
        ),
        (
            AreaError::Overflow {
                start: 0xab,
                size: 0x10,
            }
            .into(),
            "area of 0x10 bytes at 0xab passes the end of the address space",
        ),
        (
            AreaError::TooLarge {
                start: 0,
                end: u64::MAX,
            }
            .into(),
            "area 0x0..=0xffffffffffffffff has more bytes than an integer can hold",
        ),
        (
            AreaError::NoExclusiveEnd {
                start: 5,
                end: u64::MAX,
            }
            .into(),
            "area 0x5..=0xffffffffffffffff holds the last address: its exclusive end has none",
        ),
        (
            MapError::Misaligned {
                addr: VirtAddr::new(0x1001),
                align,
            },
            "virtual address 0x1001 is not a multiple of 0x1000",
        ),
        (
            MapError::MisalignedPhys {
                addr: PhysAddr::new(7),
                align,
            },
            "physical address 0x7 is not a multiple of 0x1000",
        ),
        (
            MapError::MisalignedSize { size, align },
            "size 0x123 is not a multiple of 0x1000",
        ),
        (
            MapError::SizesDiffer {
                vmarea: virt,
                pmarea: phys,
            },
            "virtual area 0x1000..=0x1fff and physical area 0xa000..=0xbfff differ in size",
        ),
        (
            MapError::UnknownPermissions {
                permissions: Permissions::from_bits_retain(0x90),
            },
            "permissions 0x90 have bits without a meaning",
        ),
        (
            MapError::WriteWithoutRead { permissions },
            "permissions -w-- allow writes but not reads",
        ),
        (
            MapError::UnsupportedMemoryType {
                memory_type: MemoryType::Device,
            },
            "memory type device cannot be encoded here",
        ),
        (
            MapError::OutOfRange { area: virt },
            "area 0x1000..=0x1fff is not all mappable",
        ),
        (
            MapError::PhysOutOfRange { area: phys },
            "physical area 0xa000..=0xbfff does not fit in an entry",
        ),
        (
            MapError::Overlap { existing: virt },
            "area overlaps the map at 0x1000..=0x1fff",
        ),
        (
            MapError::NotMapped { hole: virt },
            "nothing is mapped at 0x1000..=0x1fff",
        ),
        (
            MapError::CannotGrow {
                old: virt,
                new: virt,
            },
            "map at 0x1000..=0x1fff cannot grow to 0x1000..=0x1fff",
        ),
        (
            MapError::MovesOntoItself {
                old: virt,
                new: virt,
            },
            "area 0x1000..=0x1fff cannot move onto itself at 0x1000..=0x1fff",
        ),
        (
            MapError::OutOfFrames { needed: 3 },
            "out of frames: 3 needed for the page table",
        ),
        (MapError::NotKernelHalf, "page table is not a kernel half"),
        (
            MapError::OutOfNodes { needed: 2 },
            "out of nodes: 2 needed for the maps",
        ),
    ];
    for (error, text) in all {
        assert_eq!(error.to_string(), text);
        assert!(!text.contains('\n') && text == text.to_lowercase());
    }
}
