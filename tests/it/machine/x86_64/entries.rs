//! '4-Level Paging and 5-Level Paging': the formats of entries, addresses, and CR3.

use kernel_vm::backend::mock::machine::{Levels, X86_64};
use kernel_vm::{Access, FrameAllocator, VirtAddr};

use super::tables::{
    A, Answer, D, G, GP, KEEP, NO_MEMORY, P, PS, RW, Tables, US, XD, load, read, table, write,
};

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;
const TO: u64 = 0x40_0000_0000;
/// A reserved bit is set.
const RSVD: Answer = Err(1 | 1 << 3);

/// What a load answers below an entry at `level` that has `bits` beside what it should.
fn with_bits(cpus: X86_64, level: usize, bits: u64) -> Answer {
    let tables = Tables::of(cpus);
    tables.write(0, 0, TO | P);
    let entry = tables.entry(0, level);
    let word = read(&tables.machine, entry);
    write(&tables.machine, entry, word | bits);
    load(tables.cpu(0), 0)
}

#[test]
fn ignored_bits_are_ignored_at_every_level() {
    for level in 0..4 {
        for bit in (8..12).chain(52..63) {
            let answer = with_bits(X86_64::new(), level, 1 << bit);
            assert_eq!(answer, Ok(TO), "level {level}, bit {bit}");
        }
    }
}

#[test]
fn addresses_wider_than_the_cpus_are_reserved_at_every_level() {
    for level in 0..4 {
        let narrow = X86_64::new().with_physical_bits(48);
        for bit in 48..52 {
            let (narrow, wide) = (
                with_bits(narrow, level, 1 << bit),
                with_bits(X86_64::new(), level, 1 << bit),
            );
            assert_eq!(narrow, RSVD, "level {level}, bit {bit}");
            assert_ne!(wide, RSVD, "level {level}, bit {bit}");
        }
    }
}

#[test]
fn xd_is_reserved_without_nxe_at_every_level() {
    for level in 0..4 {
        assert_eq!(with_bits(X86_64::new(), level, XD), Ok(TO));
        assert_eq!(with_bits(X86_64::new().with_nxe(false), level, XD), RSVD);
    }
}

#[test]
fn ps_is_reserved_where_there_are_no_large_leaves() {
    assert_eq!(with_bits(X86_64::new(), 3, PS), RSVD, "PML4E");
    let five = X86_64::new().with_levels(Levels::Five);
    assert_eq!(with_bits(five, 3, PS), RSVD, "PML4E below a PML5E");
    assert_eq!(with_bits(five, 4, PS), RSVD, "PML5E");
    assert_eq!(with_bits(X86_64::new(), 0, PS), Ok(TO), "PAT of a page");
    for (gigabytes, expected) in [(true, Ok(TO)), (false, RSVD)] {
        let tables = Tables::of(X86_64::new().with_gigabytes(gigabytes));
        tables.write(0, 2, TO | P | PS);
        assert_eq!(load(tables.cpu(0), 0), expected);
    }
}

#[test]
fn large_leaves_lead_to_every_byte_and_must_be_aligned() {
    for (level, size) in [(1, 2 * MIB), (2, GIB)] {
        let tables = Tables::new();
        tables.write(4 * GIB, level, TO | P | PS);
        let last = size - 1;
        let there = load(tables.cpu(0), 4 * GIB + last);
        assert_eq!(there, Ok(TO + last as u64));
        for bit in 12..size.trailing_zeros() {
            let tables = Tables::new();
            tables.write(4 * GIB, level, TO | P | PS | 1 << bit);
            let expected = if bit == 12 { Ok(TO) } else { RSVD };
            let answer = load(tables.cpu(0), 4 * GIB);
            assert_eq!(answer, expected, "level {level}, bit {bit}");
        }
    }
}

#[test]
fn reserved_bits_say_nothing_where_nothing_is_present() {
    let tables = Tables::of(X86_64::new().with_nxe(false).with_physical_bits(48));
    tables.write(0, 0, !P);
    assert_eq!(load(tables.cpu(0), 0), Err(0));
}

#[test]
fn addresses_must_be_canonical() {
    let cases = [
        (Levels::Four, 0x7fff_ffff_f000, 0x8000_0000_0000),
        (Levels::Five, 0xff_ffff_ffff_f000, 0x100_0000_0000_0000),
    ];
    for (levels, last_low, first_bad) in cases {
        let tables = Tables::of(X86_64::new().with_levels(levels));
        let first_high = !last_low & !0xfff;
        let good = [0, last_low, first_high, usize::MAX & !0xfff];
        let bad = [first_bad, first_high - 0x1000];
        good.into_iter().for_each(|page| {
            tables.write(page, 0, TO | P);
        });
        let cpu = tables.cpu(0);
        for page in good {
            assert_eq!(load(cpu, page + 7), Ok(TO + 7), "{levels:?} {page:#x}");
        }
        for page in bad {
            assert_eq!(load(cpu, page), Err(GP), "{levels:?} {page:#x}");
        }
    }
}

#[test]
fn a_table_outside_of_memory_or_given_back_is_told() {
    let tables = Tables::new();
    tables.write(GIB, 2, 0x1000 | P | RW | US);
    assert_eq!(load(tables.cpu(0), GIB), Err(NO_MEMORY));
    let frame = tables.machine.alloc().unwrap();
    let at = frame.addr();
    tables.write(GIB, 2, at.get() | P);
    tables.machine.release(frame, false);
    let trap = tables
        .cpu(1)
        .translate(VirtAddr::new(GIB), Access::Read)
        .unwrap_err();
    assert_eq!((trap.freed, trap.vaddr.get()), (Some(at), GIB));
}

#[test]
fn data_is_reached_behind_the_tables() {
    let tables = Tables::new();
    let frame = table(&tables.machine);
    tables.write(0x4000, 0, frame.get() | P | RW | A | D);
    let (cpu, at) = (tables.cpu(0), VirtAddr::new(0x4ff8));
    cpu.store_u64(at, 42).unwrap();
    assert_eq!(cpu.load_u64(at), Ok(42));
    assert_eq!(
        cpu.store_u64(VirtAddr::new(0x5000), 0)
            .unwrap_err()
            .vaddr
            .get(),
        0x5000
    );
}

#[test]
fn without_paging_addresses_are_physical() {
    let tables = Tables::new();
    let cpu = tables.machine.cpu(0);
    assert_eq!(load(cpu, 0x1234), Ok(0x1234));
    cpu.write_cr3(tables.root.get());
    assert_eq!(load(cpu, 0x1234), Ok(0x1234));
    cpu.set_paging(true);
    assert_eq!(load(cpu, 0x1234), Err(0));
    cpu.set_paging(false);
    assert_eq!(load(cpu, 0x1234), Ok(0x1234));
}

#[test]
fn cr3_has_the_fields_of_the_manual() {
    let tables = Tables::of(X86_64::new().with_physical_bits(48));
    let (cpu, root) = (tables.cpu(0), tables.root.get());
    assert_eq!(cpu.cr3(), root);
    for faults in [root | KEEP, root | 1 << 48, root | 1 << 62] {
        cpu.write_cr3(faults | 8);
        assert_eq!(cpu.cr3(), root, "{faults:#x}");
    }
    cpu.write_cr3(root | 1 << 3);
    cpu.set_pcide(true);
    cpu.write_cr3(root | KEEP);
    assert_eq!(cpu.cr3(), root | 1 << 3, "no PCIDs while CR3 has one");
    cpu.write_cr3(root);
    cpu.set_pcide(true);
    cpu.write_cr3(root | 0xabc | KEEP);
    assert_eq!(cpu.cr3(), root | 0xabc, "bit 63 is not read back");
}

#[test]
fn g_says_nothing_of_the_access() {
    assert_eq!(with_bits(X86_64::new(), 0, G | A | D), Ok(TO));
}
