//! Golden words that the MMU does not read: hidden leaves, and what waits for its flush. All bits are software's there,
//! so each format has chosen them for itself; yet a word that loses one of them loses memory.

use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::radix::{AccessedDirty, Reserved};
use kernel_vm::backend::sv39::Sv39Format;
use kernel_vm::backend::sv48::Sv48Format;
use kernel_vm::backend::sv57::Sv57Format;
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::backend::{Edit, PageTableBackend};
use kernel_vm::{Permissions, PhysAddr, Retired};

use super::shape::{ASID, MIB, NONE, RW, Shape, install, last, make, places, run, table, word};
use crate::subject::{PAGE, area};

on_every_format! {
    hidden_leaves_keep_their_address_use_and_user
    pages_that_wait_keep_their_address_and_use
    tables_that_wait_keep_their_address
}

/// The words of a format that are not valid, without their address.
trait Absent: Shape {
    /// How far an address is to the left of its place in a word.
    const SHIFT: u32;
    /// A page that was used and is hidden.
    const UNSEEN: u64;
    /// The bit that says that it is a page of user mode.
    const OF_USER: u64;
    /// A page of the page table's own that was used and waits.
    const WAITING: u64;
    /// A pointer that waits, above such pages.
    const WAITING_TABLE: u64;
}

macro_rules! absent {
    ($shift:literal, $unseen:expr, $of_user:expr, $waiting:expr, $table:expr => $($format:ty),*) => { $(
        impl Absent for $format {
            const SHIFT: u32 = $shift;
            const UNSEEN: u64 = $unseen;
            const OF_USER: u64 = $of_user;
            const WAITING: u64 = $waiting;
            const WAITING_TABLE: u64 = $table;
        }
    )* };
}

// A and D, bit 9; U. With bit 8 the frame's owner, R for what waits, and W for a pointer.
absent!(2, 0x2c0, 0x10, 0x1c2, 0x106 => Sv39Format, Sv48Format, Sv57Format);
// A and D, bit 10; U/S. With bit 9 the frame's owner, bit 11 for what waits, and R/W for a pointer, which had U/S and
// A.
absent!(0, 0x460, 0x4, 0xa60, 0xa26 => X86_64Format<4>, X86_64Format<5>);
// Bit 1, AP[2], SH, AF and nG, and bits 56 (written) and 57; AP[1]. With bit 55 the frame's owner, bit 58 for what
// waits, and AP[2] for a pointer.
absent!(0, 3 << 56 | 0xf82, 0x40, 1 << 58 | 3 << 55 | 0xf02, 1 << 58 | 1 << 55 | 0x82 => Aarch64Format<4>, Aarch64Format<3>);

fn hidden_leaves_keep_their_address_use_and_user<F: Absent>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    make(&mut table, Edit::Map(run(PAGE, 0x8000_1000, PAGE, RW)));
    for (nothing, user) in [(NONE, 0), (Permissions::USER, F::OF_USER)] {
        make(&mut table, Edit::Protect(area(PAGE, PAGE), nothing));
        let hidden = 0x8000_1000 >> F::SHIFT | F::UNSEEN | user;
        assert_eq!(last(&table, PAGE), hidden, "{:x}", last(&table, PAGE));
    }
}

fn pages_that_wait_keep_their_address_and_use<F: Absent>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let frame = install(&table, PAGE, RW);
    install(&table, 2 * PAGE, RW);
    let mut out = Retired::new();
    table.unmap(area(PAGE, PAGE), &mut Reserved::default(), &mut out);
    let waiting = frame.get() >> F::SHIFT | F::WAITING;
    assert_eq!(last(&table, PAGE), waiting, "{:x}", last(&table, PAGE));
    table.retire(out, ASID);
    assert_eq!(last(&table, PAGE), 0);
}

fn tables_that_wait_keep_their_address<F: Absent>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    install(&table, PAGE, RW);
    install(&table, 2 * MIB, RW);
    let ways = places(&table, PAGE);
    let leaves = ways[ways.len() - 1].get() & !0xfff;
    let pointer: PhysAddr = ways[ways.len() - 2];
    let mut out = Retired::new();
    table.unmap(area(0, 2 * MIB), &mut Reserved::default(), &mut out);
    let found = word(table.platform(), pointer);
    assert_eq!(found, leaves >> F::SHIFT | F::WAITING_TABLE, "{found:x}");
    table.retire(out, ASID);
    assert_eq!(word(table.platform(), pointer), 0);
}
