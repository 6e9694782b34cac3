//! The text of every error.

use kernel_vm::{
    Access, AreaError, FaultError, ForkError, Inherit, MapError, MemoryType, Permissions, PhysAddr,
    Privilege, ShareError, Stop, Stopped, Violation, VirtAddr,
};

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

#[test]
fn errors_of_faults_and_forks_say_what_they_carry() {
    let frames = MapError::OutOfFrames { needed: 1 };
    let out = "out of frames: 1 needed for the page table";
    let uncounted = "the allocator does not count references to frames";
    let denied = FaultError::Denied {
        access: Access::Write,
        permissions: Permissions::READ | Permissions::USER,
        privilege: Privilege::User,
    };
    let unsuited = ForkError::Unsuited {
        area: area(0x1000, 0x1000),
        inherit: Inherit::Share,
    };
    let hole = area(0x1000, 0x2000);
    let stopped = Stopped {
        done: 5,
        at: VirtAddr::new(0x1005),
        why: Stop::Fault,
    };
    let all = [
        (
            FaultError::NotMapped { hole }.to_string(),
            "nothing is mapped in 0x1000..=0x2fff",
        ),
        (
            denied.to_string(),
            "Write by User where the map allows r--u",
        ),
        (FaultError::from(frames).to_string(), out),
        (
            FaultError::Share(ShareError::Uncounted).to_string(),
            uncounted,
        ),
        (
            FaultError::from(MapError::NotKernelHalf).to_string(),
            "page table is not a kernel half",
        ),
        (ForkError::NotEmpty.to_string(), "child has maps already"),
        (
            ForkError::ForeignAllocator.to_string(),
            "child has another frame allocator",
        ),
        (
            unsuited.to_string(),
            "map at 0x1000..=0x1fff cannot be inherited by Share",
        ),
        (
            ForkError::Share(ShareError::Uncounted).to_string(),
            uncounted,
        ),
        (ForkError::Map(frames).to_string(), out),
        (
            ShareError::Free.to_string(),
            "the frame has been given back",
        ),
        (
            ShareError::TooMany.to_string(),
            "the frame has as many references as can be counted",
        ),
        (
            stopped.to_string(),
            "the page is to be faulted in after 5 bytes, at 0x1005",
        ),
        (Stop::Physical.to_string(), "the map is physical memory"),
        (Stop::Share(ShareError::Uncounted).to_string(), uncounted),
    ];
    all.iter()
        .for_each(|(text, expected)| assert_eq!(text, expected));
}

#[test]
fn violations_say_where_they_are() {
    let (left, right) = (area(0x1000, 0x1000), area(0x2000, 0x1000));
    let all = [
        (
            Violation::Unordered { left, right },
            "map at 0x2000..=0x2fff does not come behind the map at 0x1000..=0x1fff",
        ),
        (
            Violation::Unjoined { left, right },
            "map at 0x2000..=0x2fff could be one with the map at 0x1000..=0x1fff",
        ),
        (
            Violation::Unmappable { area: left },
            "map at 0x1000..=0x1fff cannot be mapped",
        ),
        (
            Violation::Stray { area: left },
            "page-table leaf at 0x1000..=0x1fff belongs to no map",
        ),
        (
            Violation::Disagrees { area: left },
            "page-table leaf at 0x1000..=0x1fff disagrees with its map",
        ),
        (
            Violation::Node { area: left },
            "tree node at 0x1000..=0x1fff is not as it says",
        ),
        (
            Violation::Word { addr: left.start() },
            "page-table word for 0x1000 should not be there",
        ),
    ];
    for (violation, text) in all {
        assert_eq!(violation.to_string(), text);
    }
}
