//! 'Memory access control': who may do what.

use kernel_vm::Access;
use kernel_vm::backend::mock::machine::{AArch64, Fault, Hafdbs, Privilege};

use super::tables::{
    Answer, DBM, EL0, NO_EL0_TABLE, PXN, PXN_TABLE, READ_ONLY, READ_ONLY_TABLE, Tables, USED, UXN,
    UXN_TABLE, go, read, write,
};

const PAGE: usize = 0x4000;
const TO: u64 = 0x8000_5000;
const ALL: [Access; 3] = [Access::Read, Access::Write, Access::Execute];
const YES: Answer = Ok(TO);
const NO: Answer = Err(Fault::Permission(3));

/// How accesses are made.
#[derive(Clone, Copy)]
struct By {
    privilege: Privilege,
    pan: bool,
}

const KERNEL: By = By {
    privilege: Privilege::Supervisor,
    pan: false,
};
const PAN: By = By {
    pan: true,
    ..KERNEL
};
const USER: By = By {
    privilege: Privilege::User,
    pan: true,
};

/// What a load, a store and a fetch answer in a page with these bits, below tables of which those at two levels have
/// these.
fn below(tables_have: [u64; 2], bits: u64, cpus: AArch64, by: By) -> [Answer; 3] {
    let tables = Tables::new(cpus);
    tables.write(PAGE, 3, TO | USED | bits);
    for (level, bits) in [(0, tables_have[0]), (2, tables_have[1])] {
        let entry = tables.entry(PAGE, level);
        let word = read(&tables.machine, entry);
        write(&tables.machine, entry, word | bits);
    }
    let cpu = tables.cpu(0);
    cpu.set_privilege(by.privilege);
    cpu.set_pan(by.pan);
    ALL.map(|access| go(cpu, PAGE, access))
}

fn accesses(bits: u64, by: By) -> [Answer; 3] {
    below([0; 2], bits, AArch64::new(), by)
}

/// 'Data access permission controls': AP\[2:1\] is 00, 01, 10, 11.
#[test]
fn ap_says_who_may_load_and_store() {
    let data = |bits, by| {
        let [load, store, _] = accesses(bits, by);
        [load, store]
    };
    assert_eq!(data(0, KERNEL), [YES, YES]);
    assert_eq!(data(EL0, KERNEL), [YES, YES]);
    assert_eq!(data(READ_ONLY, KERNEL), [YES, NO]);
    assert_eq!(data(READ_ONLY | EL0, KERNEL), [YES, NO]);
    assert_eq!(data(0, USER), [NO, NO]);
    assert_eq!(data(EL0, USER), [YES, YES]);
    assert_eq!(data(READ_ONLY, USER), [NO, NO]);
    assert_eq!(data(READ_ONLY | EL0, USER), [YES, NO]);
}

/// 'Instruction execution permission controls': UXN and PXN; and what is 'writable from EL0' is never executable from
/// EL1.
#[test]
fn each_mode_has_a_bit_that_forbids_it_to_execute() {
    let fetch = |bits, by| accesses(bits, by)[2];
    for (bits, user, kernel) in [
        (0, YES, YES),
        (READ_ONLY, YES, YES),
        (EL0, YES, NO),
        (EL0 | READ_ONLY, YES, YES),
        (UXN, NO, YES),
        (PXN, YES, NO),
        (UXN | PXN, NO, NO),
        (UXN | PXN | EL0, NO, NO),
        (UXN | EL0, NO, NO),
        (UXN | EL0 | READ_ONLY, NO, YES),
    ] {
        assert_eq!(
            (fetch(bits, USER), fetch(bits, KERNEL)),
            (user, kernel),
            "{bits:#x}"
        );
    }
}

/// PSTATE.PAN, 'Privileged Access Never', which is not for fetches.
#[test]
fn pan_keeps_the_kernel_from_what_user_mode_may_load() {
    assert_eq!(accesses(EL0, PAN), [NO, NO, NO]);
    assert_eq!(accesses(EL0 | READ_ONLY, PAN), [NO, NO, YES]);
    assert_eq!(accesses(0, PAN), [YES, YES, YES]);
    assert_eq!(accesses(READ_ONLY, PAN), [YES, NO, YES]);
}

/// FEAT_PAN3: with SCTLR_EL1.EPAN, also from what user mode may only execute.
#[test]
fn epan_keeps_the_kernel_from_what_user_mode_may_execute() {
    let cpus = AArch64::new().with_epan(true);
    assert_eq!(below([0; 2], 0, cpus, PAN), [NO, NO, YES]);
    assert_eq!(below([0; 2], UXN, cpus, PAN), [YES, YES, YES]);
    assert_eq!(below([0; 2], EL0 | UXN, cpus, PAN), [NO, NO, NO]);
    assert_eq!(below([0; 2], 0, cpus, KERNEL), [YES, YES, YES]);
    let taken = below([UXN_TABLE, 0], 0, cpus, PAN);
    assert_eq!(taken, [YES, YES, YES], "user mode may not, by a table");
}

/// SCTLR_EL1.WXN, 'Preventing execution from writable locations'.
#[test]
fn with_wxn_what_can_be_written_cannot_be_executed() {
    let cpus = AArch64::new().with_wxn(true);
    for (bits, user, kernel) in [
        (0, YES, NO),
        (READ_ONLY, YES, YES),
        (EL0, NO, NO),
        (EL0 | READ_ONLY, YES, YES),
    ] {
        let fetch = |by| below([0; 2], bits, cpus, by)[2];
        assert_eq!((fetch(USER), fetch(KERNEL)), (user, kernel), "{bits:#x}");
    }
    let read_only = below([0, READ_ONLY_TABLE], EL0, cpus, USER);
    assert_eq!(read_only, [YES, NO, YES], "cannot be written, by a table");
}

/// 'Hierarchical control of data access permissions', 'Hierarchical control of instruction fetching': tables take, and
/// give nothing back.
#[test]
fn tables_take_from_all_that_is_below() {
    for place in [0, 1] {
        let with = |bits: u64| {
            let mut tables = [0; 2];
            tables[place] = bits;
            move |leaf, by| below(tables, leaf, AArch64::new(), by)
        };
        assert_eq!(with(NO_EL0_TABLE)(EL0, USER), [NO, NO, YES]);
        assert_eq!(with(NO_EL0_TABLE)(EL0, KERNEL), [YES, YES, YES]);
        assert_eq!(with(NO_EL0_TABLE)(EL0, PAN), [YES, YES, YES]);
        assert_eq!(with(READ_ONLY_TABLE)(EL0, USER), [YES, NO, YES]);
        assert_eq!(with(READ_ONLY_TABLE)(EL0, KERNEL), [YES, NO, YES]);
        assert_eq!(with(UXN_TABLE)(EL0, USER), [YES, YES, NO]);
        assert_eq!(with(UXN_TABLE)(0, KERNEL), [YES, YES, YES]);
        assert_eq!(with(PXN_TABLE)(0, KERNEL), [YES, YES, NO]);
        assert_eq!(with(PXN_TABLE)(EL0, USER), [YES, YES, YES]);
    }
    let both = below([NO_EL0_TABLE, READ_ONLY_TABLE], EL0, AArch64::new(), KERNEL);
    assert_eq!(both, [YES, NO, YES]);
    let both = below([UXN_TABLE, PXN_TABLE], 0, AArch64::new(), USER);
    assert_eq!(both, [NO, NO, NO]);
}

/// 'Hardware management of dirty state': DBM stands for AP\[2\] clear, in all that is asked of it; a table still takes.
#[test]
fn dbm_is_a_permission_where_the_hardware_keeps_dirty_state() {
    let clean = EL0 | READ_ONLY | DBM;
    let on = AArch64::new().with_hafdbs(Hafdbs::FlagAndDirty);
    let off = AArch64::new().with_hafdbs(Hafdbs::Flag);
    assert_eq!(below([0; 2], clean, on, USER), [YES, YES, YES]);
    assert_eq!(below([0; 2], clean, off, USER), [YES, NO, YES]);
    assert_eq!(below([0; 2], clean, on, KERNEL), [YES, YES, NO]);
    assert_eq!(below([0; 2], clean, off, KERNEL), [YES, NO, YES]);
    let taken = below([0, READ_ONLY_TABLE], clean, on, USER);
    assert_eq!(taken, [YES, NO, YES]);
    let wxn = on.with_wxn(true);
    assert_eq!(below([0; 2], clean, wxn, USER), [YES, YES, NO]);
}
