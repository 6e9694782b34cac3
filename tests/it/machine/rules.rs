//! What the manual says of entries and accesses, one rule a test.

use kernel_vm::backend::mock::machine::{Cause, Extensions, Privilege};
use kernel_vm::backend::riscv::{Mode, Satp};
use kernel_vm::{Access, Asid, FrameAllocator, PhysAddr, VirtAddr};

use super::tables::{
    A, D, G, R, Tables, U, V, W, X, go, leaf, load, machine, pointer, read, table,
};

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;
const TO: u64 = 0x8000_5000;
const ALL: [Access; 3] = [Access::Read, Access::Write, Access::Execute];

/// What each access to a page with these bits answers, in S-mode or as `prepare` has it.
fn accesses(bits: u64, privilege: Privilege, sum: bool, mxr: bool) -> [Result<u64, u8>; 3] {
    let tables = Tables::sv39();
    tables.write(0x4000, 0, leaf(TO, bits));
    let cpu = tables.cpu(0);
    cpu.set_privilege(privilege);
    cpu.set_sum(sum);
    cpu.set_mxr(mxr);
    ALL.map(|access| go(cpu, 0x4000, access))
}

fn in_s(bits: u64) -> [Result<u64, u8>; 3] {
    accesses(bits, Privilege::Supervisor, false, false)
}

const FAULTS: [Result<u64, u8>; 3] = [Err(13), Err(15), Err(12)];
const YES: Result<u64, u8> = Ok(TO);

#[test]
fn each_permission_allows_its_own_access() {
    let marks = V | A | D;
    assert_eq!(in_s(marks | R), [YES, Err(15), Err(12)]);
    assert_eq!(in_s(marks | R | W), [YES, YES, Err(12)]);
    assert_eq!(in_s(marks | X), [Err(13), Err(15), YES]);
    assert_eq!(in_s(marks | R | X), [YES, Err(15), YES]);
    assert_eq!(in_s(marks | R | W | X), [YES, YES, YES]);
}

#[test]
fn what_is_not_valid_faults_whatever_else_it_says() {
    assert_eq!(in_s(R | W | X | A | D), FAULTS);
    assert_eq!(in_s(0), FAULTS);
}

#[test]
fn write_without_read_is_reserved() {
    assert_eq!(in_s(V | W | A | D), FAULTS);
    assert_eq!(in_s(V | W | X | A | D), FAULTS);
}

#[test]
fn user_pages_are_for_user_mode_and_sum_lets_the_kernel_load_and_store() {
    let user = V | R | W | X | U | A | D;
    assert_eq!(
        accesses(user, Privilege::User, false, false),
        [YES, YES, YES]
    );
    assert_eq!(in_s(user), FAULTS);
    let sum = accesses(user, Privilege::Supervisor, true, false);
    assert_eq!(sum, [YES, YES, Err(12)]);
    let kernel = V | R | W | X | A | D;
    assert_eq!(accesses(kernel, Privilege::User, true, true), FAULTS);
}

#[test]
fn mxr_makes_what_is_executable_readable() {
    let executable = V | X | A | D;
    let seen = accesses(executable, Privilege::Supervisor, false, true);
    assert_eq!(seen, [YES, Err(15), YES]);
    let user = accesses(executable | U, Privilege::Supervisor, false, true);
    assert_eq!(user, FAULTS, "MXR is not SUM");
}

#[test]
fn reserved_bits_fault() {
    let good = V | R | W | X | A | D;
    for bit in 54..64 {
        assert_eq!(in_s(good | 1 << bit), FAULTS, "bit {bit}");
    }
    assert_eq!(in_s(good | 3 << 8 | G), [YES, YES, YES], "RSW and G");
}

#[test]
fn memory_types_need_svpbmt_and_the_last_is_reserved() {
    let extensions = Extensions::new().with_svpbmt(true);
    for (kind, expected) in [(1, YES), (2, YES), (3, Err(13))] {
        let tables = Tables::new(Mode::Sv39, extensions);
        tables.write(0x4000, 0, leaf(TO, V | R | A | kind << 61));
        assert_eq!(load(tables.cpu(0), 0x4000), expected);
        let entry = pointer(table(&tables.machine)) | kind << 61;
        tables.write(GIB, 2, entry);
        assert_eq!(load(tables.cpu(0), GIB), Err(13), "in a pointer");
    }
}

#[test]
fn superpages_must_be_aligned() {
    let bits = V | R | A;
    for (level, size) in [(1, 2 * MIB), (2, GIB)] {
        let tables = Tables::sv39();
        tables.write(4 * GIB, level, leaf(0x40_0000_0000, bits));
        let there = load(tables.cpu(0), 4 * GIB + size - 1);
        assert_eq!(there, Ok(0x40_0000_0000 + size as u64 - 1));
        tables.write(5 * GIB, level, leaf(0x40_0000_0000 + size as u64 / 2, bits));
        assert_eq!(load(tables.cpu(0), 5 * GIB), Err(13));
    }
}

#[test]
fn pointers_have_no_permissions_and_no_marks() {
    for bits in [U, A, D] {
        let tables = Tables::sv39();
        tables.write(0, 0, leaf(TO, V | R | A));
        let entry = tables.root;
        let word = read(&tables.machine, entry);
        assert_eq!(load(tables.cpu(0), 0), Ok(TO));
        super::tables::write(&tables.machine, entry, word | bits);
        assert_eq!(load(tables.cpu(1), 0), Err(13), "{bits:#x}");
    }
}

#[test]
fn a_pointer_at_the_last_level_faults() {
    let tables = Tables::sv39();
    let below = table(&tables.machine);
    tables.write(0x4000, 0, pointer(below));
    assert_eq!(load(tables.cpu(0), 0x4000), Err(13));
}

#[test]
fn a_table_outside_of_memory_is_an_access_fault() {
    let tables = Tables::sv39();
    tables.write(GIB, 2, leaf(0x1000, V));
    let cpu = tables.cpu(0);
    assert_eq!(
        ALL.map(|access| go(cpu, GIB, access)),
        [Err(5), Err(7), Err(1)]
    );
    let trap = cpu.translate(VirtAddr::new(GIB + 5), Access::Write);
    let trap = trap.unwrap_err();
    assert_eq!(trap.cause, Cause::StoreAccessFault);
    assert_eq!((trap.vaddr.get(), trap.freed), (GIB + 5, None));
}

#[test]
fn a_table_that_was_given_back_is_a_use_after_free() {
    let tables = Tables::sv39();
    let frame = tables.machine.alloc().unwrap();
    let at = frame.addr();
    tables.write(GIB, 2, pointer(at));
    tables.machine.release(frame, false);
    let trap = tables
        .cpu(0)
        .translate(VirtAddr::new(GIB), Access::Read)
        .unwrap_err();
    assert_eq!((trap.cause, trap.freed), (Cause::LoadAccessFault, Some(at)));
}

#[test]
fn data_is_reached_where_there_is_memory_and_nowhere_else() {
    let tables = Tables::sv39();
    let frame = tables.machine.alloc().unwrap();
    let at = frame.addr();
    let bits = V | R | W | X | A | D;
    tables.write(0x4000, 0, leaf(at.get(), bits));
    tables.write(0x5000, 0, leaf(at.get(), bits));
    tables.write(0x6000, 0, leaf(0x1000, bits));
    let (cpu, byte) = (tables.cpu(0), VirtAddr::new);
    cpu.store_u64(byte(0x4ffb), 0x0807_0605_0403_0201).unwrap();
    let mut bytes = [0; 3];
    cpu.load(byte(0x4000), &mut bytes).unwrap();
    assert_eq!(bytes, [6, 7, 8], "the page behind is the same frame");
    cpu.fetch(byte(0x5ffb), &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 3]);
    assert_eq!(cpu.load_u64(byte(0x4ffb)), Ok(0x0807_0605_0403_0201));
    assert_eq!(cpu.load_u64(byte(0x5ffb)).unwrap_err().vaddr, byte(0x6000));
    assert_eq!(cpu.store_u64(byte(0x6000), 0).unwrap_err().cause.code(), 7);
    tables.machine.release(frame, false);
    let trap = cpu.load_u64(byte(0x4008)).unwrap_err();
    let freed = PhysAddr::new(at.get() + 8);
    assert_eq!((trap.cause.code(), trap.freed), (5, Some(freed)));
}

#[test]
fn clear_marks_fault_under_svade() {
    let rwx = V | R | W | X;
    assert_eq!(in_s(rwx), FAULTS);
    assert_eq!(in_s(rwx | D), FAULTS);
    assert_eq!(in_s(rwx | A), [YES, Err(15), YES]);
}

#[test]
fn the_hardware_sets_marks_under_svadu_and_only_where_the_access_is_allowed() {
    let extensions = Extensions::new().with_svadu(true);
    let cases = [
        (R | W | X, Access::Read, YES, A),
        (R | W | X, Access::Execute, YES, A),
        (R | W, Access::Write, YES, A | D),
    ];
    for (bits, access, expected, marks) in cases {
        let tables = Tables::new(Mode::Sv39, extensions);
        let entry = tables.write(0x4000, 0, leaf(TO, V | bits));
        assert_eq!(go(tables.cpu(0), 0x4000, access), expected);
        assert_eq!(read(&tables.machine, entry), leaf(TO, V | bits | marks));
    }
    let tables = Tables::new(Mode::Sv39, extensions);
    let entry = tables.write(0x4000, 0, leaf(TO, V | R));
    assert_eq!(go(tables.cpu(0), 0x4000, Access::Write), Err(15));
    assert_eq!(read(&tables.machine, entry) & D, 0);
}

#[test]
fn addresses_must_be_canonical() {
    let cases = [
        (Mode::Sv39, 0x3f_ffff_f000, 0x40_0000_0000),
        (Mode::Sv48, 0x7fff_ffff_f000, 0x8000_0000_0000),
        (Mode::Sv57, 0xff_ffff_ffff_f000, 0x100_0000_0000_0000),
    ];
    for (mode, last_low, first_bad) in cases {
        let tables = Tables::new(mode, Extensions::default());
        let first_high = !last_low & !0xfff;
        let good = [0, last_low, first_high, usize::MAX & !0xfff];
        let bad = [first_bad, first_high - 0x1000];
        for page in good.into_iter().chain(bad) {
            tables.write(page, 0, leaf(TO, V | R | A));
        }
        let cpu = tables.cpu(0);
        for page in good {
            assert_eq!(load(cpu, page + 7), Ok(TO + 7), "{mode:?} {page:#x}");
        }
        for page in bad {
            assert_eq!(load(cpu, page), Err(13), "{mode:?} {page:#x}");
        }
    }
}

#[test]
fn superpages_stand_at_every_level() {
    for (mode, level) in [(Mode::Sv48, 3), (Mode::Sv57, 4)] {
        let tables = Tables::new(mode, Extensions::default());
        tables.write(0, level, leaf(0, V | R | A));
        assert_eq!(load(tables.cpu(0), 0x12_3456_789a), Ok(0x12_3456_789a));
    }
}

#[test]
fn satp_has_the_fields_of_the_manual() {
    let tables = Tables::sv39();
    let root = tables.root.get() >> 12;
    let cpu = tables.machine.cpu(0);
    assert_eq!(cpu.satp(), 0);
    assert_eq!(load(cpu, 0x1234), Ok(0x1234), "Bare");
    for (code, mode) in [(8, Mode::Sv39), (9, Mode::Sv48), (10, Mode::Sv57)] {
        let bits = code << 60 | 0xabcd << 44 | root;
        cpu.write_satp(bits);
        assert_eq!(cpu.satp(), bits);
        let satp = Satp::new(mode, Asid::new(0xabcd), tables.root);
        assert_eq!(satp.bits(), bits, "as the crate writes it");
    }
    cpu.write_satp(0);
    assert_eq!(
        (cpu.satp(), load(cpu, 0x1234)),
        (0, Ok(0x1234)),
        "Bare again"
    );
    cpu.write_satp(10 << 60 | 0xabcd << 44 | root);
    let before = cpu.satp();
    for reserved in [1, 7, 11, 15] {
        cpu.write_satp(reserved << 60 | root);
        assert_eq!(cpu.satp(), before, "a reserved MODE writes nothing");
    }
}

#[test]
fn asids_have_as_many_bits_as_the_hardware_says() {
    for (asid_bits, kept) in [(0, 0), (1, 1), (9, 0x1ff), (16, 0xffff), (99, 0xffff)] {
        let extensions = Extensions::new().with_asid_bits(asid_bits);
        let cpu_of = machine(1, 1, extensions);
        cpu_of.cpu(0).write_satp(8 << 60 | 0xffff << 44);
        assert_eq!(cpu_of.cpu(0).satp() >> 44 & 0xffff, kept);
    }
}
