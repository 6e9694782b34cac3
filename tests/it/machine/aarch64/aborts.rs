//! 'ESR_EL1, Exception Syndrome Register (EL1)'.

use kernel_vm::backend::mock::machine::{AArch64, Privilege};
use kernel_vm::{Access, VirtAddr};

use super::tables::{PXN, READ_ONLY, TABLE, Tables, USED, go};

const GIB: usize = 1 << 30;
const TO: u64 = 0x8000_5000;

/// EC, IL, WnR and the fault status code, written out by hand.
#[test]
fn aborts_have_the_syndromes_of_the_manual() {
    let tables = Tables::new(AArch64::new());
    tables.write(0x4000, 3, TO | USED | READ_ONLY | PXN);
    let cpu = tables.cpu(0);
    let esr = |privilege, vaddr, access| {
        cpu.set_privilege(privilege);
        let trap = cpu.translate(VirtAddr::new(vaddr), access).unwrap_err();
        trap.cause.esr()
    };
    let (el0, el1) = (Privilege::User, Privilege::Supervisor);
    assert_eq!(
        esr(el1, 0x4000, Access::Write),
        0x9600_004f,
        "permission, level 3"
    );
    assert_eq!(esr(el1, 0x4000, Access::Execute), 0x8600_000f);
    assert_eq!(esr(el0, 0x4000, Access::Read), 0x9200_000f);
    assert_eq!(
        esr(el0, 0x5000, Access::Execute),
        0x8200_0007,
        "translation, level 3"
    );
    assert_eq!(
        esr(el1, 1 << 50, Access::Read),
        0x9600_0004,
        "translation, level 0"
    );
    tables.write(0x6000, 3, TO | 0b11);
    assert_eq!(
        esr(el1, 0x6000, Access::Read),
        0x9600_000b,
        "access flag, level 3"
    );
    tables.write(0x7000, 3, TO | USED | 1 << 48);
    assert_eq!(
        esr(el1, 0x7000, Access::Read),
        0x9600_0003,
        "address size, level 3"
    );
    tables.write(GIB, 1, 0x1000 | TABLE);
    assert_eq!(esr(el1, GIB, Access::Read), 0x9600_0010, "external abort");
    assert_eq!(go(cpu, 0x4000, Access::Read), Ok(TO));
}
