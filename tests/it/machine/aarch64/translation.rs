//! 'The VMSAv8-64 address translation system': halves, levels, and where walks end.

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::mock::machine::{AArch64, Fault, VaBits};
use kernel_vm::{Access, FrameAllocator, VirtAddr};

use super::tables::{AF, BLOCK, NG, TABLE, Tables, USED, load, machine_of, table};

const GIB: usize = 1 << 30;
const TO: u64 = 0x8000_5000;

fn narrow() -> AArch64 {
    AArch64::new().with_va_bits(VaBits::Bits39)
}

/// 'Selection between TTBR0_ELx and TTBR1_ELx when two VA ranges are supported': an address in neither is a Translation
/// fault, level 0.
#[test]
fn each_half_has_its_own_root_and_between_them_is_nothing() {
    for (cpus, last_low) in [
        (narrow(), 0x7f_ffff_f000),
        (AArch64::new(), 0xffff_ffff_f000_usize),
    ] {
        let lower = Tables::new(cpus);
        let upper = Tables::on(lower.machine.clone());
        let first_high = !last_low & !0xfff;
        for page in [0, last_low] {
            lower.write(page, 3, TO | USED);
        }
        for page in [first_high, usize::MAX & !0xfff] {
            upper.write(page, 3, (TO + 0x1000) | USED);
        }
        let cpu = lower.cpu(0);
        cpu.write_ttbr1(upper.ttbr(0) | 1);
        for page in [0, last_low] {
            assert_eq!(load(cpu, page + 7), Ok(TO + 7), "{page:#x}");
        }
        for page in [first_high, usize::MAX & !0xfff] {
            assert_eq!(load(cpu, page + 7), Ok(TO + 0x1007), "{page:#x}");
        }
        for page in [last_low + 0x1000, first_high - 0x1000, 1 << 62] {
            assert_eq!(load(cpu, page), Err(Fault::Translation(0)), "{page:#x}");
        }
    }
}

/// TCR_EL1.EPD0 and EPD1: 'a TLB miss on an address that is translated using TTBRn_EL1 generates a Translation fault'.
#[test]
fn a_half_without_tables_faults_at_level_0_and_without_the_mmu_addresses_are_physical() {
    let tables = Tables::new(AArch64::new());
    tables.write(0x4000, 3, TO | USED);
    let cpu = tables.machine.cpu(0);
    assert_eq!(load(cpu, 0x4000), Ok(0x4000));
    cpu.set_mmu(true);
    assert_eq!(load(cpu, 0x4000), Err(Fault::Translation(0)));
    cpu.write_ttbr0(tables.ttbr(1));
    assert_eq!(load(cpu, 0x4000), Ok(TO));
    assert_eq!(load(cpu, usize::MAX), Err(Fault::Translation(0)));
    assert_eq!(
        (cpu.mmu(), cpu.ttbr0(), cpu.ttbr1()),
        (true, tables.ttbr(1), 0)
    );
    cpu.write_ttbr1(tables.ttbr(2));
    assert_eq!((cpu.ttbr0(), cpu.ttbr1()), (tables.ttbr(1), tables.ttbr(2)));
    cpu.set_mmu(false);
    assert_eq!(load(cpu, 0x4000), Ok(0x4000));
}

/// TTBR0_EL1: CnP in bit 0, BADDR from bit 1; TCR_EL1.AS: 'the upper 8 bits of TTBR0_EL1 and TTBR1_EL1 are ignored'.
#[test]
fn a_ttbr_has_the_fields_of_the_manual() {
    let tables = Tables::new(AArch64::new().with_asid_bits(8));
    let other = Tables::on(tables.machine.clone());
    let entry = tables.write(0x4000, 3, TO | USED | NG);
    let cpu = tables.cpu_under(0, 0x01);
    cpu.write_ttbr0(tables.ttbr(0x01) | 1);
    cpu.prefetch(VirtAddr::new(0x4000));
    super::tables::write(&tables.machine, entry, 0);
    let seen = |asid| {
        cpu.write_ttbr0(other.ttbr(asid));
        super::tables::loads(cpu, 0x4000)
    };
    assert!(seen(0xab01).contains(&Ok(TO)), "the same number of 8 bits");
    assert!(!seen(0x0102).contains(&Ok(TO)));
}

/// 'VMSAv8-64 translation table format descriptors': a block is at levels 1 and 2, and its fault has its level.
#[test]
fn blocks_stand_at_levels_1_and_2() {
    for (level, size) in [(1, GIB), (2, 2 << 20)] {
        let tables = Tables::new(AArch64::new());
        let to = 0x40_0000_0000;
        tables.write(4 * GIB, level, to | BLOCK | AF);
        let cpu = tables.cpu(0);
        assert_eq!(load(cpu, 4 * GIB + size - 1), Ok(to + size as u64 - 1));
        tables.write(5 * GIB, level, to | BLOCK);
        let number = u8::try_from(level).unwrap();
        assert_eq!(load(cpu, 5 * GIB), Err(Fault::AccessFlag(number)));
    }
    let tables = Tables::new(AArch64::new());
    tables.write(0, 0, BLOCK | AF);
    assert_eq!(
        load(tables.cpu(0), 0),
        Err(Fault::Translation(0)),
        "level 0"
    );
}

#[test]
fn each_level_that_is_not_valid_faults_with_its_number() {
    for level in 0..4_u8 {
        let tables = Tables::new(AArch64::new());
        // All but bit 0.
        tables.write(GIB, usize::from(level), !1);
        assert_eq!(load(tables.cpu(0), GIB), Err(Fault::Translation(level)));
    }
    for level in 1..4_u8 {
        let tables = Tables::new(narrow());
        tables.write(GIB, usize::from(level), 0);
        assert_eq!(load(tables.cpu(0), GIB), Err(Fault::Translation(level)));
    }
}

/// 0b01 at level 3 is 'Reserved'.
#[test]
fn a_block_at_level_3_is_reserved() {
    let tables = Tables::new(AArch64::new());
    tables.write(GIB, 3, TO | BLOCK | AF);
    assert_eq!(load(tables.cpu(0), GIB), Err(Fault::Translation(3)));
}

/// 'Address size fault': of TTBR at level 0, of a table, a block and a page at its own level.
#[test]
fn addresses_that_are_too_wide_are_an_address_size_fault() {
    let frames = HostFrames::new(64);
    // As narrow as the frames allow: they are where the host has them.
    let frame = frames.alloc().unwrap();
    let bits = 64 - (frame.addr().get() | 0x10_0000).leading_zeros();
    frames.release(frame, false);
    let cpus = AArch64::new().with_physical_bits(bits);
    let wide = 1_u64 << bits;
    let on = || Tables::on(machine_of(frames.clone(), 1, cpus));
    for (level, word) in [
        (0, wide | TABLE),
        (1, wide | TABLE),
        (1, wide | BLOCK | AF),
        (2, wide | BLOCK | AF),
        (3, wide | USED),
    ] {
        let tables = on();
        tables.write(GIB, level, word);
        let number = u8::try_from(level).unwrap();
        assert_eq!(load(tables.cpu(0), GIB), Err(Fault::AddressSize(number)));
    }
    let tables = on();
    tables.write(GIB, 3, (wide - 0x1000) | USED);
    let cpu = tables.cpu(0);
    assert_eq!(load(cpu, GIB), Ok(wide - 0x1000));
    let narrow = Tables::new(AArch64::new().with_physical_bits(20));
    assert_eq!(load(narrow.cpu(0), GIB), Err(Fault::AddressSize(0)));
    let tables = Tables::new(AArch64::new());
    tables.write(GIB, 3, TO | USED | 1 << 48);
    assert_eq!(
        load(tables.cpu(0), GIB),
        Err(Fault::AddressSize(3)),
        "bit 48"
    );
}

/// A synchronous External abort.
#[test]
fn a_table_outside_of_memory_is_an_external_abort() {
    let tables = Tables::new(AArch64::new());
    tables.write(GIB, 1, 0x1000 | TABLE);
    let trap = tables
        .cpu(0)
        .translate(VirtAddr::new(GIB + 5), Access::Write);
    let trap = trap.unwrap_err();
    assert_eq!(trap.cause.fault, Fault::External);
    assert_eq!((trap.vaddr.get(), trap.freed), (GIB + 5, None));
    let frame = tables.machine.alloc().unwrap();
    let at = frame.addr();
    tables.write(2 * GIB, 1, at.get() | TABLE);
    tables.machine.release(frame, false);
    let trap = tables
        .cpu(0)
        .translate(VirtAddr::new(2 * GIB), Access::Read);
    assert_eq!(trap.unwrap_err().freed, Some(at));
}

#[test]
fn data_is_reached_where_there_is_memory() {
    let tables = Tables::new(AArch64::new());
    let frame = table(&tables.machine).get();
    tables.write(0x4000, 3, frame | USED);
    tables.write(0x5000, 3, frame | USED);
    let cpu = tables.cpu(0);
    cpu.store_u64(VirtAddr::new(0x4ffb), 0x0807_0605_0403_0201)
        .unwrap();
    let mut bytes = [0; 3];
    cpu.load(VirtAddr::new(0x4000), &mut bytes).unwrap();
    assert_eq!(bytes, [6, 7, 8], "the page behind is the same frame");
}
