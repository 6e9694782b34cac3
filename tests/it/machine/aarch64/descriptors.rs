//! 'VMSAv8-64 translation table format descriptors': bits that say nothing.

use kernel_vm::Access;
use kernel_vm::backend::mock::machine::AArch64;

use super::tables::{AF, BLOCK, TABLE, Tables, USED, go, load, read, write};

const GIB: usize = 1 << 30;
const TO: u64 = 0x8000_5000;
const ALL: [Access; 3] = [Access::Read, Access::Write, Access::Execute];

/// Bits 55 to 58 and 63 are 'Ignored', 59 to 62 are for PBHA; 50 (GP) and 52 (Contiguous) are hints here.
#[test]
fn software_has_its_bits_in_pages() {
    for bit in [50, 52, 55, 56, 57, 58, 59, 60, 61, 62, 63] {
        let tables = Tables::new(AArch64::new());
        tables.write(0x4000, 3, TO | USED | 1 << bit);
        let cpu = tables.cpu(0);
        assert_eq!(ALL.map(|access| go(cpu, 0x4000, access)), [Ok(TO); 3]);
    }
}

/// Bits 2 to 11 and 50 to 58 of a table descriptor are 'Ignored', and NSTable (63) says nothing in one world.
#[test]
fn software_has_its_bits_in_tables() {
    for bit in (2..12).chain(50..59).chain([63]) {
        let tables = Tables::new(AArch64::new());
        tables.write(GIB, 3, TO | USED);
        let entry = tables.entry(GIB, 1);
        let word = read(&tables.machine, entry);
        write(&tables.machine, entry, word | 1 << bit);
        let cpu = tables.cpu(0);
        assert_eq!(ALL.map(|access| go(cpu, GIB, access)), [Ok(TO); 3], "{bit}");
        assert_eq!(word & 0xfff, TABLE);
    }
}

/// The low bits of a block's output address are RES0.
#[test]
fn the_low_bits_of_a_block_are_not_of_its_address() {
    for (level, low) in [(1, GIB as u64 - 0x1000), (2, 0x1f_f000)] {
        let tables = Tables::new(AArch64::new());
        tables.write(0, level, 0x40_0000_0000 | low | BLOCK | AF);
        assert_eq!(load(tables.cpu(0), 0x123), Ok(0x40_0000_0123));
    }
}
