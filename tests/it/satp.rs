//! What a CPU is told of a page table.

use kernel_vm::backend::PageTableBackend;
use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::riscv::{Mode, Satp};
use kernel_vm::backend::{sv39::Sv39, sv48::Sv48, sv57::Sv57};
use kernel_vm::{Asid, PhysAddr, VirtAddr};

/// Mode, ASID, and the number of the root's page (Privileged, 'Supervisor Address Translation and Protection
/// Register').
fn golden(mode: u64, asid: u64, root: PhysAddr) -> u64 {
    mode << 60 | asid << 44 | root.get() >> 12
}

#[test]
fn a_page_table_tells_its_mode_and_its_root() {
    let asid = Asid::new(0xabcd);
    let sv39 = Sv39::new(HostFrames::new(1)).unwrap();
    let sv48 = Sv48::new(HostFrames::new(1)).unwrap();
    let sv57 = Sv57::new(HostFrames::new(1)).unwrap();
    assert_eq!(sv39.satp(asid).bits(), golden(8, 0xabcd, sv39.root()));
    assert_eq!(sv48.satp(asid).bits(), golden(9, 0xabcd, sv48.root()));
    assert_eq!(sv57.satp(asid).bits(), golden(10, 0xabcd, sv57.root()));
    assert_eq!(Sv57::<HostFrames>::MODE, Mode::Sv57);
}

#[test]
fn a_register_reads_back_as_it_was_written() {
    let root = PhysAddr::new(0xff_ffff_ffff_f000);
    for mode in [Mode::Bare, Mode::Sv39, Mode::Sv48, Mode::Sv57] {
        let satp = Satp::from_bits(Satp::new(mode, Asid::new(0xffff), root).bits());
        assert_eq!(satp.mode(), Some(mode));
        assert_eq!(satp.asid(), Asid::new(0xffff));
        assert_eq!(satp.root(), root);
    }
    assert_eq!(Satp::from_bits(7 << 60).mode(), None);
}

#[test]
fn the_fields_stand_where_the_manual_has_them() {
    let root = PhysAddr::new(0x8020_0000);
    let golden = [
        (Mode::Bare, 0, 0x0000_0000_0008_0200),
        (Mode::Sv39, 0, 0x8000_0000_0008_0200),
        (Mode::Sv39, 1, 0x8000_1000_0008_0200),
        (Mode::Sv48, 0x1234, 0x9123_4000_0008_0200),
        (Mode::Sv57, 0xffff, 0xafff_f000_0008_0200),
    ];
    for (mode, asid, bits) in golden {
        assert_eq!(Satp::new(mode, Asid::new(asid), root).bits(), bits);
    }
    assert_eq!(Satp::BARE.bits(), 0);
    let highest = Satp::new(Mode::Sv39, Asid::new(0), PhysAddr::new((1 << 56) - 0x1000));
    assert_eq!(highest.bits(), 0x8000_0fff_ffff_ffff);
    for mode in 0..16 {
        let known = [0, 8, 9, 10].contains(&mode);
        assert_eq!(Satp::from_bits(mode << 60).mode().is_some(), known);
    }
}

#[test]
fn a_mode_knows_its_addresses() {
    let ends = [(Mode::Sv39, 38), (Mode::Sv48, 47), (Mode::Sv57, 56)];
    for (mode, bit) in ends {
        let first = 1_usize << bit;
        for (addr, is_canonical) in [
            (0, true),
            (first - 1, true),
            (first, false),
            (first.wrapping_neg() - 1, false),
            (first.wrapping_neg(), true),
            (usize::MAX, true),
        ] {
            let addr = VirtAddr::new(addr);
            assert_eq!(mode.is_canonical(addr), is_canonical, "{mode:?} {addr}");
            assert!(Mode::Bare.is_canonical(addr));
        }
    }
}
