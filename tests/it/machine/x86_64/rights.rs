//! 'Determination of Access Rights', and 'Page-Fault Exceptions'.

use kernel_vm::Access;
use kernel_vm::backend::mock::machine::{ErrorCode, Privilege, X86_64};

use super::tables::{A, Answer, D, P, RW, Tables, US, XD, go, read, write};

const PAGE: usize = 0x4000;
const TO: u64 = 0x8000_5000;
const ALL: [Access; 3] = [Access::Read, Access::Write, Access::Execute];

const YES: Answer = Ok(TO);
const NOT_THERE: [Answer; 3] = [Err(0), Err(1 << 1), Err(1 << 4)];
/// A protection violation, by a store, by a fetch.
const NO_READ: Answer = Err(1);
const NO_WRITE: Answer = Err(1 | 1 << 1);
const NO_FETCH: Answer = Err(1 | 1 << 4);
/// In user mode, beside.
const U: u32 = 1 << 2;

/// Which of the flags are set that forbid the kernel something.
#[derive(Clone, Copy, Default)]
struct Flags {
    smep: bool,
    smap: bool,
    ac: bool,
    is_unprotected: bool,
}

/// What each access answers to a page whose pointer at `level` lacks `cleared` and has `set`.
fn through(
    leaf: u64,
    (level, cleared, set): (usize, u64, u64),
    privilege: Privilege,
    flags: Flags,
) -> [Answer; 3] {
    let tables = Tables::new();
    tables.write(PAGE, 0, TO | leaf);
    let entry = tables.entry(PAGE, level);
    let word = read(&tables.machine, entry);
    write(&tables.machine, entry, word & !cleared | set);
    let cpu = tables.cpu(0);
    cpu.set_privilege(privilege);
    cpu.set_smep(flags.smep);
    cpu.set_smap(flags.smap);
    cpu.set_ac(flags.ac);
    cpu.set_wp(!flags.is_unprotected);
    ALL.map(|access| go(cpu, PAGE, access))
}

fn accesses(leaf: u64, privilege: Privilege, flags: Flags) -> [Answer; 3] {
    through(leaf, (0, 0, 0), privilege, flags)
}

fn kernel(leaf: u64) -> [Answer; 3] {
    accesses(leaf, Privilege::Supervisor, Flags::default())
}

fn user(leaf: u64) -> [Answer; 3] {
    accesses(leaf, Privilege::User, Flags::default())
}

fn in_user_mode(answers: [Answer; 3]) -> [Answer; 3] {
    answers.map(|answer| answer.map_err(|code| code | U))
}

#[test]
fn the_kernel_reads_what_is_present_and_needs_more_to_store_and_fetch() {
    for marks in [0, A, A | D] {
        assert_eq!(kernel(marks | P | RW), [YES, YES, YES]);
        assert_eq!(kernel(marks | P), [YES, NO_WRITE, YES]);
        assert_eq!(kernel(marks | P | RW | XD), [YES, YES, NO_FETCH]);
        assert_eq!(kernel(marks | P | XD), [YES, NO_WRITE, NO_FETCH]);
    }
}

#[test]
fn without_write_protection_the_kernel_stores_anywhere_and_a_program_does_not() {
    let flags = Flags {
        is_unprotected: true,
        ..Flags::default()
    };
    let leaf = P | US | XD;
    let answers = accesses(leaf, Privilege::Supervisor, flags);
    assert_eq!(answers, [YES, YES, NO_FETCH]);
    let answers = accesses(leaf, Privilege::User, flags);
    assert_eq!(answers, in_user_mode([YES, NO_WRITE, NO_FETCH]));
}

#[test]
fn programs_reach_user_pages_alone() {
    assert_eq!(user(P | RW | US), [YES, YES, YES]);
    assert_eq!(user(P | US), in_user_mode([YES, NO_WRITE, YES]));
    assert_eq!(user(P | RW | US | XD), in_user_mode([YES, YES, NO_FETCH]));
    let none = in_user_mode([NO_READ, NO_WRITE, NO_FETCH]);
    assert_eq!(user(P | RW), none);
}

#[test]
fn smep_and_smap_keep_the_kernel_off_user_pages() {
    let leaf = P | RW | US;
    let kernel = |flags| accesses(leaf, Privilege::Supervisor, flags);
    let flags = |smep, smap, ac| Flags {
        smep,
        smap,
        ac,
        is_unprotected: false,
    };
    assert_eq!(kernel(flags(false, false, false)), [YES, YES, YES]);
    assert_eq!(kernel(flags(true, false, false)), [YES, YES, NO_FETCH]);
    assert_eq!(kernel(flags(false, true, false)), [NO_READ, NO_WRITE, YES]);
    assert_eq!(kernel(flags(true, true, true)), [YES, YES, NO_FETCH]);
    let none = kernel(flags(true, true, false));
    assert_eq!(none, [NO_READ, NO_WRITE, NO_FETCH]);
    let program = accesses(leaf, Privilege::User, flags(true, true, false));
    assert_eq!(program, [YES, YES, YES]);
    let own = accesses(P | RW, Privilege::Supervisor, flags(true, true, false));
    assert_eq!(own, [YES, YES, YES], "a page of the kernel's");
}

#[test]
fn every_entry_on_the_way_must_allow_the_access() {
    let leaf = P | RW | US;
    let flags = Flags::default();
    for level in 1..4 {
        let without = |bit| (level, bit, 0);
        let kernel = through(leaf, without(RW), Privilege::Supervisor, flags);
        assert_eq!(kernel, [YES, NO_WRITE, YES], "level {level}");
        let kernel = through(leaf, (level, 0, XD), Privilege::Supervisor, flags);
        assert_eq!(kernel, [YES, YES, NO_FETCH], "level {level}");
        let user = through(leaf, without(US), Privilege::User, flags);
        let none = in_user_mode([NO_READ, NO_WRITE, NO_FETCH]);
        assert_eq!(user, none, "level {level}");
        let smap = Flags {
            smap: true,
            ..flags
        };
        let kernel = through(leaf, without(US), Privilege::Supervisor, smap);
        assert_eq!(
            kernel,
            [YES, YES, YES],
            "the kernel's address, level {level}"
        );
    }
}

#[test]
fn what_is_not_present_faults_whatever_else_it_says() {
    for rest in [0, RW | US | A | D, !P] {
        for level in 0..4 {
            let (cleared, set) = (u64::MAX, rest);
            let there = (level, cleared, set);
            let answers = through(P, there, Privilege::Supervisor, Flags::default());
            assert_eq!(answers, NOT_THERE, "level {level}");
        }
    }
}

#[test]
fn fetches_are_told_where_nxe_or_smep_is_set() {
    for (nxe, smep, code) in [
        (true, false, 1 << 4),
        (false, true, 1 << 4),
        (false, false, 0),
    ] {
        let tables = Tables::of(X86_64::new().with_nxe(nxe));
        let cpu = tables.cpu(0);
        cpu.set_smep(smep);
        assert_eq!(go(cpu, PAGE, Access::Execute), Err(code));
    }
}

#[test]
fn error_codes_have_the_bits_of_the_manual() {
    let bits = [
        ErrorCode::P,
        ErrorCode::W,
        ErrorCode::U,
        ErrorCode::RSVD,
        ErrorCode::I,
    ];
    assert_eq!(bits.map(|bit| bit.bits()), [1, 2, 4, 8, 16]);
}
